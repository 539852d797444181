import type { SpanBatch } from '../model/columns.ts'
import type { SampleBatchBuilder } from '../model/sample-batch-builder.ts'
import { sortedLabels } from '../model/sample-batch-builder.ts'

export const SERVICE_DURATION = 'traces_service_duration_seconds'
/** Three buckets a doubling, from a ms to 64 s: a quantile is at most a quarter off, mostly far less. */
const PER_OCTAVE = 3
const LOWEST = -30
const HIGHEST = 18
const BUCKETS = HIGHEST - LOWEST + 1
/** Services counted apart; requests of further ones are counted under `other_services`. */
const MOST_SERVICES = 500
const MOST_VERSIONS = 20
const SERVER = 2
const CONSUMER = 5
const ERROR = 2

interface Slowest {
  seconds: number
  traceId: string
  spanId: string
  timeMs: number
}

/** Counts of one service, or of all together. */
export class RequestCounts {
  count = 0
  errors = 0
  sum = 0
  /** Bucket i holds durations up to 2^((LOWEST + i) / PER_OCTAVE) s, the last one longer ones. */
  #buckets = new Float64Array(BUCKETS + 1)
  #low = BUCKETS
  /** The lowest bucket of the last report; null before the first. */
  #reportedLow: number | null = null

  add(seconds: number, failed: boolean, times = 1): void {
    this.count += times
    this.sum += seconds * times
    if (failed) this.errors += times
    const index = Math.max(0, Math.ceil(Math.log2(seconds) * PER_OCTAVE - 1e-9) - LOWEST)
    this.#buckets[Math.min(BUCKETS, index)] += times
    if (index < this.#low) this.#low = index
  }

  /**
   * Adds the totals as samples of a classic histogram. Buckets under the lowest one in use are left out. What is new gets
   * a zero at `beforeMs`, so that the first requests are an increase.
   * @returns the index of the series that exemplars belong to
   */
  report(
    builder: SampleBatchBuilder,
    labels: readonly (readonly [string, string])[],
    timeMs: number,
    beforeMs: number,
  ): number {
    const reported = this.#reportedLow
    const put = (name: string, value: number, isNew: boolean, le?: string): number => {
      const all = [['__name__', `${SERVICE_DURATION}${name}`] as const, ...labels, ...(le ? [['le', le] as const] : [])]
      const series = builder.series(sortedLabels(all))
      if (isNew && beforeMs < timeMs) builder.float(series, beforeMs, 0)
      builder.float(series, timeMs, value)
      return series
    }
    // An empty bucket below the lowest one in use tells where that begins.
    const low = Math.max(0, this.#low - 1)
    let total = 0
    for (let i = low; i < BUCKETS; i++) {
      total += this.#buckets[i]
      put('_bucket', total, reported === null || i < reported, boundText(i))
    }
    const series = put('_bucket', this.count, reported === null, '+Inf')
    put('_count', this.count, reported === null)
    put('_sum', this.sum, reported === null)
    put('_errors_total', this.errors, reported === null)
    this.#reportedLow = low
    return series
  }
}

function boundText(index: number): string {
  const bound = Number((2 ** ((LOWEST + index) / PER_OCTAVE)).toPrecision(6))
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

/**
 * Requests by service, from every span before sampling: spans by which work enters a service (server, consumer, or
 * without a parent). Operations are not told apart and there are few series a service, so that a month of quantiles is
 * read at once; what has no `service_name` is all services together.
 */
export class ServiceMetrics {
  #services = new Map<string, { counts: RequestCounts; slowest: Slowest | null }>()
  #all = new RequestCounts()
  #versions = new Map<string, Set<string>>()

  /** @param kept by row whether it is stored; null = all. Exemplars point at kept ones only */
  count(batch: SpanBatch, kept: Uint8Array | null): void {
    const of = batch.resources.map(({ service, attributes }) => {
      const one = this.#service(service)
      this.#version(service, attributes)
      return one
    })
    for (let row = 0; row < batch.n; row++) {
      const kind = batch.kind[row]
      if (kind !== SERVER && kind !== CONSUMER && !isZero(batch.parentId, row * 8)) continue
      const one = of[batch.resource[row]]
      const seconds = batch.durUs[row] / 1e6
      const failed = batch.status[row] === ERROR
      one.counts.add(seconds, failed)
      this.#all.add(seconds, failed)
      if ((kept === null || kept[row] === 1) && (one.slowest === null || seconds > one.slowest.seconds)) {
        const id = (bytes: Uint8Array, size: number): string =>
          Buffer.from(bytes.buffer, bytes.byteOffset + row * size, size).toString('hex')
        one.slowest = {
          seconds,
          traceId: id(batch.traceId, 16),
          spanId: id(batch.spanId, 8),
          timeMs: Math.floor((batch.startUs[row] + batch.durUs[row]) / 1000),
        }
      }
    }
  }

  #service(name: string): { counts: RequestCounts; slowest: Slowest | null } {
    const found = this.#services.get(name)
    if (found) return found
    if (this.#services.size >= MOST_SERVICES && name !== 'other_services') return this.#service('other_services')
    const made = { counts: new RequestCounts(), slowest: null }
    this.#services.set(name, made)
    return made
  }

  #version(service: string, attributes: string): void {
    if (!attributes.includes('"service.version"') || !this.#services.has(service)) return
    const list = JSON.parse(attributes) as { key: string; value?: { stringValue?: string } }[]
    const version = list.find(({ key }) => key === 'service.version')?.value?.stringValue?.slice(0, 128)
    if (!version) return
    const known = this.#versions.get(service) ?? new Set()
    this.#versions.set(service, known)
    if (known.size < MOST_VERSIONS) known.add(version)
  }

  /** Adds the totals of all services; versions are those seen since the last report. */
  report(builder: SampleBatchBuilder, timeMs: number, beforeMs: number): void {
    if (this.#all.count === 0) return
    this.#all.report(builder, [], timeMs, beforeMs)
    for (const [service, one] of this.#services) {
      if (one.counts.count === 0) continue
      const labels = [
        ['job', service],
        ['service_name', service],
      ] as const
      const series = one.counts.report(builder, labels, timeMs, beforeMs)
      const { slowest } = one
      one.slowest = null
      if (!slowest) continue
      const ids = sortedLabels([
        ['trace_id', slowest.traceId],
        ['span_id', slowest.spanId],
      ])
      builder.exemplar(series, { labels: ids, value: slowest.seconds, time: slowest.timeMs })
    }
    for (const [service, versions] of this.#versions)
      for (const version of versions) {
        const labels = [
          ['__name__', 'traces_service_info'],
          ['job', service],
          ['service_name', service],
          ['service_version', version],
        ] as const
        builder.float(builder.series(sortedLabels(labels)), timeMs, 1)
      }
    this.#versions.clear()
    builder.metadata({
      metric: SERVICE_DURATION,
      type: 'histogram',
      unit: 'seconds',
      help: 'Durations of requests by service, before sampling; without a service: of all together',
    })
    builder.metadata({ metric: 'traces_service_info', type: 'gauge', unit: '', help: 'Versions that sent spans' })
  }
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (bytes[i] !== 0) return false
  return true
}
