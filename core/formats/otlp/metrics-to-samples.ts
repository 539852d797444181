import type { DecodedSamples } from '../../model/decoded-samples.ts'
import type { KeyValue } from '../../model/records.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import type { Exemplar, Labels, MetricType } from '../../model/series.ts'
import { Rejections } from '../rejections.ts'
import type { DeltaSums } from './delta-sums.ts'
import { nativeHistogram } from './exponential-histogram.ts'
import type { OtlpExemplar, OtlpMetric, OtlpPoint, OtlpResourceMetrics } from './metric-points.ts'
import { addLabels, labelText, prometheusName, unitWords } from './prometheus-names.ts'

/** Of a resource these become `job` and `instance`, the rest labels of `target_info`. */
const IDENTITY = new Set(['service.name', 'service.namespace', 'service.instance.id'])
/** OpenMetrics 1.0 allows so many characters of exemplar labels. */
const EXEMPLAR_LENGTH = 128

/** A bound or quantile as a label, as OpenMetrics writes floats: `1.0`, `+Inf`. */
export function floatLabel(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  const text = String(value)
  if (/^-?\d+$/.test(text)) return `${text}.0`
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/**
 * OTLP metrics as Prometheus series (OpenTelemetry's Prometheus compatibility; protocols of names in
 * prometheus-names.ts). Deltas are added up in `deltas`. A bad point is rejected alone.
 * @param receivedMs stands in for a point's missing time
 */
export function samplesFromOtlp(
  resources: readonly OtlpResourceMetrics[],
  deltas: DeltaSums,
  receivedMs: number,
): DecodedSamples {
  const converter = new Converter(deltas, receivedMs)
  for (const resource of resources) converter.resource(resource)
  return converter.finish()
}

class Converter {
  #deltas: DeltaSums
  #receivedMs: number
  #builder = new SampleBatchBuilder()
  #pointOf: number[] = []
  #points = 0
  #rejections = new Rejections()
  #services = new Set<string>()
  #shared: [string, string][] = []
  #latest = 0

  constructor(deltas: DeltaSums, receivedMs: number) {
    this.#deltas = deltas
    this.#receivedMs = receivedMs
  }

  finish(): DecodedSamples {
    return {
      batch: this.#builder.finish(),
      pointOf: Uint32Array.from(this.#pointOf),
      points: this.#points,
      rejected: this.#rejections.list(),
      warnings: [],
      services: [...this.#services],
    }
  }

  resource({ resource, scopes }: OtlpResourceMetrics): void {
    const text = (key: string): string => labelText(resource.find((pair) => pair.key === key)?.value)
    const service = text('service.name') || 'unknown_service'
    const namespace = text('service.namespace')
    this.#services.add(service)
    const identity: [string, string][] = [['job', namespace ? `${namespace}/${service}` : service]]
    if (text('service.instance.id')) identity.push(['instance', text('service.instance.id')])
    this.#latest = 0
    const before = this.#points
    for (const { name, version, metrics } of scopes) {
      this.#shared = [...identity]
      if (name) this.#shared.push(['otel_scope_name', name])
      if (version) this.#shared.push(['otel_scope_version', version])
      for (const metric of metrics) this.#metric(metric)
    }
    if (this.#points > before) this.#targetInfo(identity, resource)
  }

  /** Belongs to the last point: a series that the sender does not count. */
  #targetInfo(identity: [string, string][], resource: readonly KeyValue[]): void {
    const rest = resource.filter(({ key }) => !IDENTITY.has(key))
    if (rest.length === 0) return
    const labels = new Map<string, string>()
    addLabels(labels, rest)
    const all = sortedLabels([...labels, ...identity, ['__name__', 'target_info']])
    this.#builder.float(this.#builder.series(all), this.#latest, 1)
    this.#pointOf.push(NO_POINT)
    this.#builder.metadata({ metric: 'target_info', type: 'info', unit: '', help: 'Target metadata' })
  }

  #metric(metric: OtlpMetric): void {
    const { kind, monotonic, temporality, unit } = metric
    const refuse = (reason: string, points = metric.points.length): void => {
      for (let i = 0; i < points; i++) this.#rejections.add(reason, metric.name.slice(0, 100))
    }
    if (kind === null) return
    const summed = kind === 'sum' || kind === 'histogram' || kind === 'exponential'
    if (summed && temporality !== 1 && temporality !== 2) {
      refuse('bad_temporality')
      return
    }
    const counter = kind === 'sum' && monotonic
    const name = prometheusName(metric.name, unit, counter ? 'counter' : kind === 'gauge' ? 'gauge' : 'other')
    if (name === '') {
      refuse('bad_name')
      return
    }
    this.#builder.metadata({
      metric: name,
      type: typeOf(metric, counter),
      unit: unitWords(unit).filter(Boolean).join('_per_'),
      help: metric.description,
    })
    for (const given of metric.points) {
      let point = given
      const labels = new Map<string, string>()
      addLabels(labels, point.attributes)
      for (const [key, value] of this.#shared) labels.set(key, value)
      if (summed && temporality === 1 && !point.stale) {
        const stream = `${kind}\0${name}\0${[...labels].flat().join('\0')}`
        const sum = this.#deltas.add(stream, point)
        if (sum === null) {
          refuse('delta_out_of_order', 1)
          continue
        }
        point = sum.total
        if (sum.first) this.#zero(metric, name, labels, point)
      }
      const before = this.#builder.count
      const why = this.#point(metric, name, labels, point)
      if (why !== null) {
        refuse(why, 1)
        continue
      }
      for (let i = before; i < this.#builder.count; i++) this.#pointOf.push(this.#points)
      this.#points++
    }
  }

  /** Zero at the start of a first delta: samples that the sender does not count. */
  #zero(metric: OtlpMetric, name: string, labels: Map<string, string>, point: OtlpPoint): void {
    const time = point.timeMs || this.#receivedMs
    // A millisecond after the start, where the last total of an earlier run may stand.
    const timeMs = point.startMs > 0 && point.startMs + 1 < time ? point.startMs + 1 : time - 1
    const none = ({ counts }: OtlpPoint['positive']): OtlpPoint['positive'] => ({
      offset: 0,
      counts: counts.map(() => 0),
    })
    const before = this.#builder.count
    this.#point(metric, name, labels, {
      ...point,
      timeMs,
      value: point.value === null ? null : 0,
      count: 0,
      sum: point.sum === null ? null : 0,
      bucketCounts: point.bucketCounts.map(() => 0),
      zeroCount: 0,
      positive: none(point.positive),
      negative: none(point.negative),
      exemplars: [],
    })
    for (let i = before; i < this.#builder.count; i++) this.#pointOf.push(NO_POINT)
  }

  /** Adds one point's samples; answers why it cannot be stored, having added none. */
  #point(metric: OtlpMetric, name: string, labels: Map<string, string>, point: OtlpPoint): string | null {
    const time = point.timeMs || this.#receivedMs
    if (time > this.#latest) this.#latest = time
    const series = (suffix: string, ...more: [string, string][]): number =>
      this.#builder.series(sortedLabels([...labels, ...more, ['__name__', name + suffix]]))
    const put = (value: number, suffix = '', ...more: [string, string][]): number => {
      const at = series(suffix, ...more)
      if (point.stale) this.#builder.stale(at, time)
      else this.#builder.float(at, time, value)
      return at
    }
    switch (metric.kind) {
      case 'gauge':
      case 'sum': {
        if (point.value === null && !point.stale) return 'no_value'
        const at = put(point.value ?? 0)
        if (metric.kind === 'sum' && metric.monotonic) this.#exemplars(point.exemplars, () => at)
        return null
      }
      case 'histogram':
        return this.#histogram(point, put)
      case 'exponential': {
        if (point.stale) {
          this.#builder.stale(series(''), time)
          return null
        }
        const histogram = nativeHistogram(point, true)
        if (typeof histogram === 'string') return `bad_histogram: ${histogram}`
        const at = series('')
        this.#builder.histogram(at, time, histogram)
        this.#exemplars(point.exemplars, () => at)
        return null
      }
      default:
        for (const { quantile, value } of point.quantiles) put(value, '', ['quantile', floatLabel(quantile)])
        put(point.sum ?? 0, '_sum')
        put(point.count, '_count')
        return null
    }
  }

  #histogram(
    point: OtlpPoint,
    put: (value: number, suffix: string, ...more: [string, string][]) => number,
  ): string | null {
    const { bounds, bucketCounts } = point
    const ascending = bounds.every((bound, i) => i === 0 || bound > bounds[i - 1])
    if (!point.stale && bucketCounts.length > 0 && (bucketCounts.length !== bounds.length + 1 || !ascending))
      return 'bad_histogram: bounds and counts do not fit'
    const buckets: number[] = []
    let total = 0
    if (bucketCounts.length > 0 || point.stale)
      bounds.forEach((bound, i) => {
        total += bucketCounts[i] ?? 0
        buckets.push(put(total, '_bucket', ['le', floatLabel(bound)]))
      })
    buckets.push(put(point.count, '_bucket', ['le', '+Inf']))
    if (point.sum !== null || point.stale) put(point.sum ?? 0, '_sum')
    put(point.count, '_count')
    this.#exemplars(point.exemplars, (value) => {
      const at = bounds.findIndex((bound) => value <= bound)
      return at < 0 || at >= buckets.length ? (buckets.at(-1) as number) : buckets[at]
    })
    return null
  }

  #exemplars(exemplars: readonly OtlpExemplar[], seriesOf: (value: number) => number): void {
    for (const one of exemplars)
      this.#builder.exemplar(seriesOf(one.value), {
        labels: exemplarLabels(one),
        value: one.value,
        time: one.timeMs || this.#receivedMs,
      } satisfies Exemplar)
  }
}

/** `pointOf` of samples that no point of the sender stands for. */
const NO_POINT = 0xffffffff

/** The ids always; filtered attributes while there is room. */
function exemplarLabels({ attributes, traceId, spanId }: OtlpExemplar): Labels {
  const labels = new Map<string, string>()
  if (traceId) labels.set('trace_id', traceId)
  if (spanId) labels.set('span_id', spanId)
  let room = EXEMPLAR_LENGTH - [...labels].flat().join('').length
  const filtered = new Map<string, string>()
  addLabels(filtered, attributes)
  for (const [name, value] of filtered) {
    room -= name.length + value.length
    if (room < 0) break
    if (!labels.has(name)) labels.set(name, value)
  }
  return sortedLabels(labels)
}

function typeOf({ kind }: OtlpMetric, counter: boolean): MetricType {
  if (kind === 'sum') return counter ? 'counter' : 'gauge'
  if (kind === 'exponential') return 'histogram'
  return kind ?? 'unknown'
}
