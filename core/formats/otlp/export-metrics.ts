import type { MetricFamily } from '../../model/metric-family.ts'
import { type BucketSpans, CUSTOM_BUCKETS_SCHEMA, type NativeHistogram } from '../../model/native-histogram.ts'
import type { KeyValue } from '../../model/records.ts'
import { type Labels, SampleKind, type SeriesSamples } from '../../model/series.ts'
import { foldHistograms, foldSummaries } from './fold-series.ts'

/** OTLP/JSON: 2 = cumulative. */
const CUMULATIVE = 2
const STALE = 1

type Point = Record<string, unknown>
/** Data of one metric: the member of OTLP's `oneof` and its points. */
interface Metric {
  name: string
  unit: string
  description: string
  data: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary'
  points: Point[]
}

/**
 * A metric family as OTLP metrics, by its type: counters as monotonic sums, histograms and summaries whole, native histograms as
 * exponential ones. What does not hold together as its type says, and a counter that is not called `_total` (which the name
 * would become), goes out as gauges under its own names, so that nothing is lost. `job` and `instance` become the resource's
 * `service.name` and `service.instance.id`, which come back as those labels.
 */
export function otlpFamily(family: MetricFamily): { resourceMetrics: unknown[] } {
  const resources = new Map<string, { attributes: KeyValue[]; metrics: Map<string, Metric> }>()
  const put = (labels: Labels, name: string, data: Metric['data'], points: Point[]): void => {
    if (points.length === 0) return
    const named = Object.fromEntries(labels)
    const { job = '', instance = '' } = named
    const key = `${job}\0${instance}`
    const resource = resources.get(key) ?? { attributes: resourceOf(job, instance), metrics: new Map() }
    resources.set(key, resource)
    const own = `${data}\0${name}`
    const metric: Metric = resource.metrics.get(own) ?? {
      name,
      unit: family.unit,
      description: family.help,
      data,
      points: [],
    }
    resource.metrics.set(own, metric)
    for (const point of points) metric.points.push(point)
  }
  const numbers = (series: readonly SeriesSamples[], data: 'gauge' | 'sum'): void => {
    for (const one of series) put(one.labels, nameOf(one.labels), data, numberPoints(one))
  }
  const natives = family.series.filter(({ histograms }) => histograms !== null)
  for (const one of natives) putNative(one, put)
  const floats = family.series.filter(({ histograms, kinds }) => histograms === null || (kinds?.includes(0) ?? false))
  if (family.type === 'counter' && family.metric.endsWith('_total')) numbers(floats, 'sum')
  else if (family.type === 'histogram') {
    const { folded, loose } = foldHistograms(floats, family.metric)
    for (const { labels, points } of folded)
      put(
        labels,
        family.metric,
        'histogram',
        points.map((one) => ({ ...one, attributes: attributesOf(labels) })),
      )
    numbers(loose, 'gauge')
  } else if (family.type === 'summary') {
    const { folded, loose } = foldSummaries(floats, family.metric)
    for (const { labels, points } of folded)
      put(
        labels,
        family.metric,
        'summary',
        points.map((one) => ({ ...one, attributes: attributesOf(labels) })),
      )
    numbers(loose, 'gauge')
  } else numbers(floats, 'gauge')
  return { resourceMetrics: [...resources.values()].map(resourceMetrics) }
}

function resourceMetrics({ attributes, metrics }: { attributes: KeyValue[]; metrics: Map<string, Metric> }): unknown {
  return {
    resource: { attributes, droppedAttributesCount: 0 },
    scopeMetrics: [
      {
        metrics: [...metrics.values()].map(({ name, unit, description, data, points }) => ({
          name,
          description,
          unit,
          [data]: {
            dataPoints: points,
            ...(data === 'sum' ? { isMonotonic: true } : {}),
            ...(data === 'gauge' || data === 'summary' ? {} : { aggregationTemporality: CUMULATIVE }),
          },
        })),
      },
    ],
  }
}

function numberPoints(series: SeriesSamples): Point[] {
  const { labels, times, values, kinds } = series
  const attributes = attributesOf(labels)
  const points: Point[] = []
  times.forEach((time, i) => {
    const kind = kinds?.[i] ?? SampleKind.float
    if (kind === SampleKind.histogram) return
    const at = { timeUnixNano: nanos(time), attributes }
    points.push(kind === SampleKind.stale ? { ...at, flags: STALE } : { ...at, asDouble: double(values[i]) })
  })
  return points
}

function putNative(
  { labels, times, histograms, kinds }: SeriesSamples,
  put: (labels: Labels, name: string, data: Metric['data'], points: Point[]) => void,
): void {
  const attributes = attributesOf(labels)
  const exponential: Point[] = []
  const explicit: Point[] = []
  times.forEach((time, i) => {
    const histogram = histograms?.[i]
    const at = { timeUnixNano: nanos(time), attributes }
    // A series of histograms ends with a stale marker of its own.
    if (!histogram) {
      if (kinds?.[i] === SampleKind.stale) exponential.push({ ...at, flags: STALE })
    } else if (histogram.schema === CUSTOM_BUCKETS_SCHEMA) explicit.push({ ...at, ...explicitPoint(histogram) })
    else exponential.push({ ...at, ...exponentialPoint(histogram) })
  })
  put(labels, nameOf(labels), 'exponentialHistogram', exponential)
  put(labels, nameOf(labels), 'histogram', explicit)
}

function exponentialPoint({
  schema,
  zeroThreshold,
  zeroCount,
  count,
  sum,
  positive,
  negative,
}: NativeHistogram): Point {
  return {
    count: String(count),
    sum: double(sum),
    scale: schema,
    zeroCount: String(zeroCount),
    zeroThreshold,
    positive: denseBuckets(positive),
    negative: denseBuckets(negative),
  }
}

/** Stretches as one list from the first bucket on; OTLP's indices are one less than ours. */
function denseBuckets({ spans, counts }: BucketSpans): { offset: number; bucketCounts: string[] } {
  const dense: string[] = []
  let at = 0
  spans.forEach(({ offset, length }, k) => {
    if (k > 0) for (let gap = 0; gap < offset; gap++) dense.push('0')
    for (let i = 0; i < length; i++) dense.push(String(counts[at++]))
  })
  return { offset: (spans[0]?.offset ?? 1) - 1, bucketCounts: dense }
}

function explicitPoint({ customValues, positive, count, sum }: NativeHistogram): Point {
  const bounds = customValues ?? []
  const bucketCounts = bounds.map(() => '0').concat('0')
  let index = 0
  let at = 0
  for (const { offset, length } of positive.spans) {
    index += offset
    for (let i = 0; i < length; i++) bucketCounts[index++] = String(positive.counts[at++])
  }
  return { count: String(count), sum: double(sum), explicitBounds: bounds, bucketCounts }
}

const nameOf = (labels: Labels): string => labels.find(([name]) => name === '__name__')?.[1] ?? ''
const nanos = (ms: number): string => `${ms}000000`
const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } })
const double = (value: number): number | string =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'

function resourceOf(job: string, instance: string): KeyValue[] {
  return [
    ...(job === '' ? [] : [text('service.name', job)]),
    ...(instance === '' ? [] : [text('service.instance.id', instance)]),
  ]
}

function attributesOf(labels: Labels): KeyValue[] {
  return labels
    .filter(([name]) => name !== '__name__' && name !== 'job' && name !== 'instance')
    .map(([name, value]) => text(name, value))
}
