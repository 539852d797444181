import { utf8 } from '../base/utf8.ts'
import type { SpanBatch } from '../model/columns.ts'
import type { DecodedSamples } from '../model/decoded-samples.ts'
import { SPAN_KINDS, SPAN_STATUSES } from '../model/records.ts'
import { SampleBatchBuilder, sortedLabels } from '../model/sample-batch-builder.ts'
import type { Labels } from '../model/series.ts'
import { ServiceMetrics } from './service-metrics.ts'

/** Upper bounds of the duration buckets, seconds. */
const BOUNDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** Operations counted apart; spans of further ones are counted under `other_operations`. */
const MOST_GROUPS = 2000

interface Group {
  labels: [string, string][]
  count: number
  sum: number
  buckets: Uint32Array
  /** The slowest span since the last report: its trace is kept more likely than any other's. */
  slowest: { seconds: number; traceId: string; spanId: string; timeMs: number } | null
}

/**
 * Rate, errors and durations by service, operation, kind and status, counted from every span before sampling. Totals
 * start with the process: to PromQL a restart is a counter reset.
 */
export class SpanMetrics {
  #groups = new Map<string, Group>()
  #services = new ServiceMetrics()
  #startMs: number
  #lastMs: number

  constructor(startMs: number) {
    this.#startMs = startMs
    this.#lastMs = startMs
  }

  /** Counts a batch. @param kept by row whether it is stored; null = all. Exemplars point at kept ones only */
  count(batch: SpanBatch, kept: Uint8Array | null): void {
    this.#services.count(batch, kept)
    const cache = new Map<number, Group>()
    const names = batch.dictionary.size + 1
    for (let row = 0; row < batch.n; row++) {
      const quick = ((batch.resource[row] * names + batch.name[row]) * 8 + batch.kind[row]) * 4 + batch.status[row]
      let group = cache.get(quick)
      if (!group) {
        group = this.#group(batch, row)
        cache.set(quick, group)
      }
      const seconds = batch.durUs[row] / 1e6
      group.count++
      group.sum += seconds
      let bucket = 0
      while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]) bucket++
      group.buckets[bucket]++
      if ((kept === null || kept[row] === 1) && (group.slowest === null || seconds > group.slowest.seconds)) {
        group.slowest = {
          seconds,
          traceId: hex(batch.traceId, row * 16, 16),
          spanId: hex(batch.spanId, row * 8, 8),
          timeMs: Math.floor((batch.startUs[row] + batch.durUs[row]) / 1000),
        }
      }
    }
  }

  #group(batch: SpanBatch, row: number): Group {
    const service = batch.resources[batch.resource[row]].service
    const kind = `SPAN_KIND_${SPAN_KINDS[batch.kind[row]] ?? 'UNSPECIFIED'}`
    const status = `STATUS_CODE_${SPAN_STATUSES[batch.status[row]] ?? 'UNSET'}`
    const of = (operation: string): Group | string => {
      const key = [service, operation, kind, status].join('\0')
      return this.#groups.get(key) ?? key
    }
    let operation = nameOf(batch, row)
    let found = of(operation)
    if (typeof found !== 'string') return found
    if (this.#groups.size >= MOST_GROUPS) {
      operation = 'other_operations'
      found = of(operation)
      if (typeof found !== 'string') return found
    }
    const group: Group = {
      labels: [
        ['job', service],
        ['service_name', service],
        ['span_name', operation],
        ['span_kind', kind],
        ['status_code', status],
      ],
      count: 0,
      sum: 0,
      buckets: new Uint32Array(BOUNDS.length + 1),
      slowest: null,
    }
    this.#groups.set(found, group)
    return group
  }

  /** The totals of all groups as samples of one time; null when there is none. */
  report(timeMs: number): DecodedSamples | null {
    if (this.#groups.size === 0 || timeMs <= this.#startMs) return null
    const builder = new SampleBatchBuilder()
    for (const group of this.#groups.values()) {
      const labelled = (name: string, ...more: [string, string][]): Labels =>
        sortedLabels([['__name__', name], ...group.labels, ...more])
      const put = (name: string, value: number, ...more: [string, string][]): number => {
        const series = builder.series(labelled(name, ...more))
        builder.float(series, timeMs, value)
        return series
      }
      put('traces_span_metrics_calls_total', group.count)
      put('traces_span_metrics_duration_seconds_sum', group.sum)
      put('traces_span_metrics_duration_seconds_count', group.count)
      let total = 0
      const { slowest } = group
      let given = false
      group.buckets.forEach((count, i) => {
        total += count
        const bound = BOUNDS[i]
        const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : String(bound)
        const series = put('traces_span_metrics_duration_seconds_bucket', total, ['le', le])
        if (!slowest || given || (bound !== undefined && slowest.seconds > bound)) return
        given = true
        const labels: Labels = [
          ['span_id', slowest.spanId],
          ['trace_id', slowest.traceId],
        ]
        builder.exemplar(series, { labels, value: slowest.seconds, time: slowest.timeMs })
      })
      group.slowest = null
    }
    this.#services.report(builder, timeMs, this.#lastMs)
    this.#lastMs = timeMs
    const unit = { unit: '', help: 'Spans by service, operation, kind and status, before sampling' }
    builder.metadata({ metric: 'traces_span_metrics_calls_total', type: 'counter', ...unit })
    builder.metadata({
      metric: 'traces_span_metrics_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'Durations of spans, before sampling',
    })
    return { batch: builder.finish(), pointOf: null, points: builder.count, rejected: [], warnings: [], services: [] }
  }
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex')
}

function nameOf({ dictionary, name }: SpanBatch, row: number): string {
  const { bytes, offsets } = dictionary
  return utf8.decode(bytes.subarray(offsets[name[row]], offsets[name[row] + 1]))
}
