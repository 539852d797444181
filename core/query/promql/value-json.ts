import type { NativeHistogram } from '../../model/native-histogram.ts'
import type { Labels } from '../../model/series.ts'
import type { MatrixSeries, PromqlValue, VectorSample } from './answer.ts'

/** Values travel as strings in Go's words. */
export function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  if (Object.is(value, -0)) return '-0'
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

/** A label set as an object; a label may have any name, `__proto__` among them. */
function labelsJson(labels: Labels): string {
  return `{${labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}

const point = (time: number, value: number): string => `[${time / 1000},"${valueText(value)}"]`
const nativePoint = (time: number, histogram: NativeHistogram): string =>
  `[${time / 1000},${JSON.stringify(histogramData(histogram))}]`

function sampleJson({ labels, time, value, histogram }: VectorSample): string {
  const shown = histogram ? `"histogram":${nativePoint(time, histogram)}` : `"value":${point(time, value)}`
  return `{"metric":${labelsJson(labels)},${shown}}`
}

function seriesJson({ labels, times, values, histograms }: MatrixSeries): string {
  const floats: string[] = []
  const natives: string[] = []
  for (let i = 0; i < times.length; i++) {
    const histogram = histograms?.[i]
    if (histogram) natives.push(nativePoint(times[i], histogram))
    else floats.push(point(times[i], values[i]))
  }
  return `{"metric":${labelsJson(labels)}${floats.length > 0 || natives.length === 0 ? `,"values":[${floats.join(',')}]` : ''}${
    natives.length > 0 ? `,"histograms":[${natives.join(',')}]` : ''
  }}`
}

/**
 * The `data` of query and query_range as JSON text.
 * @param limit most series; 0 = all
 * @returns whether series were left out
 */
export function valueJson(value: PromqlValue, limit: number): { json: string; truncated: boolean } {
  if (value.type === 'scalar')
    return { json: `{"resultType":"scalar","result":${point(value.time, value.value)}}`, truncated: false }
  if (value.type === 'string')
    return {
      json: `{"resultType":"string","result":[${value.time / 1000},${JSON.stringify(value.value)}]}`,
      truncated: false,
    }
  const all = value.type === 'vector' ? value.samples : value.series
  const truncated = limit > 0 && all.length > limit
  const count = truncated ? limit : all.length
  const parts: string[] = []
  for (let i = 0; i < count; i++)
    parts.push(value.type === 'vector' ? sampleJson(value.samples[i]) : seriesJson(value.series[i]))
  return { json: `{"resultType":"${value.type}","result":[${parts.join(',')}]}`, truncated }
}

/** Which ends of a bucket belong to it, as Prometheus numbers it. */
const OPEN_LEFT = 0
const OPEN_RIGHT = 1
const CLOSED = 3

function histogramData(histogram: NativeHistogram): { count: string; sum: string; buckets?: unknown[] } {
  const buckets: unknown[] = []
  const bound = (index: number): number =>
    histogram.customValues
      ? index < 0
        ? Number.NEGATIVE_INFINITY
        : (histogram.customValues[index] ?? Number.POSITIVE_INFINITY)
      : 2 ** (index * 2 ** -histogram.schema)
  const each = (side: NativeHistogram['positive'], take: (index: number, count: number) => void): void => {
    let index = 0
    let at = 0
    for (const { offset, length } of side.spans) {
      index += offset
      for (let i = 0; i < length; i++) take(index++, side.counts[at++])
    }
  }
  const push = (rule: number, low: number, high: number, count: number): void => {
    if (count !== 0) buckets.push([rule, valueText(low), valueText(high), valueText(count)])
  }
  const negative: [number, number][] = []
  each(histogram.negative, (index, count) => negative.unshift([index, count]))
  for (const [index, count] of negative) push(OPEN_RIGHT, -bound(index), -bound(index - 1), count)
  push(CLOSED, -histogram.zeroThreshold, histogram.zeroThreshold, histogram.zeroCount)
  each(histogram.positive, (index, count) => push(OPEN_LEFT, bound(index - 1), bound(index), count))
  return {
    count: valueText(histogram.count),
    sum: valueText(histogram.sum),
    ...(buckets.length > 0 ? { buckets } : {}),
  }
}
