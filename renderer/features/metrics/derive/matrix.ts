import type { PrometheusData, PrometheusHistogram, PrometheusSeries } from '../../../api/prometheus-shapes.ts'

/** A bucket of a native histogram: low < value ≤ high, up to which end belongs to it. */
export interface Bucket {
  low: number
  high: number
  count: number
}

export interface HistogramPoint {
  /** µs */
  time: number
  count: number
  sum: number
  buckets: Bucket[]
}

/** One series of a result. Times are whole µs; a time without a sample is not there. */
export interface ResultSeries {
  labels: Record<string, string>
  times: number[]
  values: number[]
  histograms: HistogramPoint[]
}

/** A number as Go writes it. */
export function readNumber(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  return text === 'NaN' ? Number.NaN : Number(text)
}

const micros = (seconds: number): number => Math.round(seconds * 1e6)

function histogramPoint([seconds, told]: [number, PrometheusHistogram]): HistogramPoint {
  return {
    time: micros(seconds),
    count: readNumber(told.count),
    sum: readNumber(told.sum),
    buckets: (told.buckets ?? []).map(([, low, high, count]) => ({
      low: readNumber(low),
      high: readNumber(high),
      count: readNumber(count),
    })),
  }
}

function seriesOf(one: PrometheusSeries): ResultSeries {
  const values = one.values ?? (one.value ? [one.value] : [])
  const histograms = one.histograms ?? (one.histogram ? [one.histogram] : [])
  return {
    labels: one.metric,
    times: values.map(([seconds]) => micros(seconds)),
    values: values.map(([, text]) => readNumber(text)),
    histograms: histograms.map(histogramPoint),
  }
}

/** The series of an answer; a scalar is one without labels, a string is none. */
export function readResult(data: PrometheusData): ResultSeries[] {
  if (data.resultType === 'string') return []
  if (data.resultType === 'scalar') {
    const [seconds, text] = data.result
    return [{ labels: {}, times: [micros(seconds)], values: [readNumber(text)], histograms: [] }]
  }
  return data.result.map(seriesOf)
}

/** `name{a="b", c="d"}`; an empty set of labels is `{}`. */
export function labelsText(labels: Record<string, string>): string {
  const { __name__: name = '', ...rest } = labels
  const parts = Object.entries(rest).map(([key, value]) => `${quotedName(key)}=${JSON.stringify(value)}`)
  const legacy = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
  if (name !== '' && !legacy) parts.unshift(JSON.stringify(name))
  const braces = parts.length > 0 || name === '' ? `{${parts.join(', ')}}` : ''
  return (legacy ? name : '') + braces
}

function quotedName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name)
}

/** `{{service}} p99` with the labels put in, as legends are written; what is not a label becomes empty. */
export function legendText(template: string, labels: Record<string, string>): string {
  if (template === '' || template === '__auto') return labelsText(labels)
  return template.replaceAll(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name: string) => labels[name] ?? '')
}

/** Labels that are not the same in all series: what a short legend must tell. */
export function differingLabels(series: readonly ResultSeries[]): string[] {
  const names = new Set(series.flatMap(({ labels }) => Object.keys(labels)))
  return [...names].filter((name) => new Set(series.map(({ labels }) => labels[name] ?? '')).size > 1)
}

export interface SeriesFigures {
  last: number | null
  min: number | null
  max: number | null
  mean: number | null
}

/** Figures over the numbers of a series; NaN and infinities count for nothing but the last. */
export function figuresOf({ values }: Pick<ResultSeries, 'values'>): SeriesFigures {
  let [min, max, sum, n] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < min) min = value
    if (value > max) max = value
    sum += value
    n++
  }
  const last = values.at(-1) ?? null
  return n === 0 ? { last, min: null, max: null, mean: null } : { last, min, max, mean: sum / n }
}

/** The value at the sample nearest to `time`, no further off than `reach` µs. */
export function valueAt(
  { times, values }: Pick<ResultSeries, 'times' | 'values'>,
  time: number,
  reach: number,
): number | null {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle] < time) low = middle + 1
    else high = middle
  }
  const before = low - 1
  const nearer = before >= 0 && (low >= times.length || time - times[before] <= times[low] - time) ? before : low
  return nearer < times.length && Math.abs(times[nearer] - time) <= reach ? values[nearer] : null
}

/** The `most` series with the largest mean, in their own order. */
export function largest<T extends Pick<ResultSeries, 'values'>>(series: readonly T[], most: number): T[] {
  if (series.length <= most) return [...series]
  const ranked = series
    .map((one, index) => ({ index, size: figuresOf(one).mean ?? Number.NEGATIVE_INFINITY }))
    .sort((a, b) => b.size - a.size || a.index - b.index)
    .slice(0, most)
  return ranked.sort((a, b) => a.index - b.index).map(({ index }) => series[index])
}
