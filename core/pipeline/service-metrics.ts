import type { SpanBatch } from '../model/columns.ts'
import type { BucketSpans, NativeHistogram } from '../model/native-histogram.ts'
import type { SampleBatchBuilder } from '../model/sample-batch-builder.ts'
import { sortedLabels } from '../model/sample-batch-builder.ts'

export const SERVICE_DURATION = 'traces_service_duration_seconds'
/** Eight buckets a doubling: a quantile is at most 4.5 % off. */
const SCHEMA = 3
/** Under a µs all is zero. */
const ZERO_SECONDS = 1e-6
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

interface Requests {
  service: string
  failed: boolean
  count: number
  sum: number
  zero: number
  buckets: Map<number, number>
  fresh: boolean
  /** The slowest since the last report of those that are kept. */
  slowest: Slowest | null
}

/**
 * Requests by service, from every span before sampling: spans by which work enters a service (server, consumer, or
 * without a parent). One native histogram a service and outcome, so that a month of quantiles reads few series.
 */
export class ServiceMetrics {
  #requests = new Map<string, Requests>()
  #versions = new Map<string, Set<string>>()

  /** @param kept by row whether it is stored; null = all. Exemplars point at kept ones only */
  count(batch: SpanBatch, kept: Uint8Array | null): void {
    const of = batch.resources.map(({ service, attributes }) => {
      const known = this.#known(service)
      this.#version(known, attributes)
      return [this.#group(known, false), this.#group(known, true)] as const
    })
    for (let row = 0; row < batch.n; row++) {
      const kind = batch.kind[row]
      if (kind !== SERVER && kind !== CONSUMER && !isZero(batch.parentId, row * 8)) continue
      const one = of[batch.resource[row]][batch.status[row] === ERROR ? 1 : 0]
      const seconds = batch.durUs[row] / 1e6
      one.count++
      one.sum += seconds
      if (seconds < ZERO_SECONDS) one.zero++
      else {
        const index = Math.ceil(Math.log2(seconds) * 2 ** SCHEMA)
        one.buckets.set(index, (one.buckets.get(index) ?? 0) + 1)
      }
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

  #known(service: string): string {
    if (this.#requests.has(keyOf(service, false)) || this.#requests.size < MOST_SERVICES * 2) return service
    return 'other_services'
  }

  #group(service: string, failed: boolean): Requests {
    const key = keyOf(service, failed)
    const found = this.#requests.get(key)
    if (found) return found
    const made: Requests = {
      service,
      failed,
      count: 0,
      sum: 0,
      zero: 0,
      buckets: new Map(),
      fresh: true,
      slowest: null,
    }
    this.#requests.set(key, made)
    return made
  }

  #version(service: string, attributes: string): void {
    if (!attributes.includes('"service.version"')) return
    const list = JSON.parse(attributes) as { key: string; value?: { stringValue?: string } }[]
    const version = list.find(({ key }) => key === 'service.version')?.value?.stringValue?.slice(0, 128)
    if (!version) return
    const known = this.#versions.get(service) ?? new Set()
    this.#versions.set(service, known)
    if (known.size < MOST_VERSIONS) known.add(version)
  }

  /**
   * Adds the totals of all services. One that is new starts with a zero at `beforeMs`, so that its first requests are
   * an increase. Versions are those seen since the last report.
   */
  report(builder: SampleBatchBuilder, timeMs: number, beforeMs: number): void {
    for (const one of this.#requests.values()) {
      const labels = sortedLabels([
        ['__name__', SERVICE_DURATION],
        ['job', one.service],
        ['service_name', one.service],
        ['error', String(one.failed)],
      ])
      const series = builder.series(labels)
      if (one.fresh && beforeMs < timeMs) builder.histogram(series, beforeMs, histogramOf(null))
      one.fresh = false
      builder.histogram(series, timeMs, histogramOf(one))
      if (one.slowest) {
        const { traceId, spanId, seconds, timeMs: time } = one.slowest
        const exemplar = {
          labels: sortedLabels([
            ['trace_id', traceId],
            ['span_id', spanId],
          ]),
          value: seconds,
          time,
        }
        builder.exemplar(series, exemplar)
      }
      one.slowest = null
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
      help: 'Durations of requests by service and outcome, before sampling',
    })
    builder.metadata({ metric: 'traces_service_info', type: 'gauge', unit: '', help: 'Versions that sent spans' })
  }
}

const keyOf = (service: string, failed: boolean): string => `${failed} ${service}`

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (bytes[i] !== 0) return false
  return true
}

function histogramOf(one: Requests | null): NativeHistogram {
  return {
    schema: SCHEMA,
    counterReset: 'unknown',
    zeroThreshold: ZERO_SECONDS,
    zeroCount: one?.zero ?? 0,
    count: one?.count ?? 0,
    sum: one?.sum ?? 0,
    positive: spansOf(one?.buckets ?? new Map()),
    negative: { spans: [], counts: [] },
    customValues: null,
  }
}

function spansOf(buckets: ReadonlyMap<number, number>): BucketSpans {
  const spans: { offset: number; length: number }[] = []
  const counts: number[] = []
  let next = 0
  for (const [index, count] of [...buckets].sort(([a], [b]) => a - b)) {
    const last = spans[spans.length - 1]
    if (last && index === next) last.length++
    else spans.push({ offset: index - next, length: 1 })
    counts.push(count)
    next = index + 1
  }
  return { spans, counts }
}
