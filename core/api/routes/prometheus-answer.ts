import type { ErrorCode, GlassboxError } from '../../base/errors.ts'
import type { NativeHistogram } from '../../model/native-histogram.ts'
import type { Labels } from '../../model/series.ts'
import type { PromqlValue } from '../../query/promql/answer.ts'

/** Values travel as strings in Go's words. */
export function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  if (Object.is(value, -0)) return '-0'
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}

const seconds = (ms: number): number => ms / 1000

/** The `data` of query and query_range. */
export function valueData(value: PromqlValue): { resultType: string; result: unknown } {
  switch (value.type) {
    case 'scalar':
      return { resultType: 'scalar', result: [seconds(value.time), valueText(value.value)] }
    case 'string':
      return { resultType: 'string', result: [seconds(value.time), value.value] }
    case 'vector':
      return {
        resultType: 'vector',
        result: value.samples.map(({ labels, time, value: number, histogram }) => ({
          metric: Object.fromEntries(labels),
          ...(histogram
            ? { histogram: [seconds(time), histogramData(histogram)] }
            : { value: [seconds(time), valueText(number)] }),
        })),
      }
    default:
      return {
        resultType: 'matrix',
        result: value.series.map(({ labels, times, values, histograms }) => {
          const floats: unknown[] = []
          const natives: unknown[] = []
          for (let i = 0; i < times.length; i++) {
            const histogram = histograms?.[i]
            if (histogram) natives.push([seconds(times[i]), histogramData(histogram)])
            else floats.push([seconds(times[i]), valueText(values[i])])
          }
          return {
            metric: Object.fromEntries(labels),
            ...(floats.length > 0 || natives.length === 0 ? { values: floats } : {}),
            ...(natives.length > 0 ? { histograms: natives } : {}),
          }
        }),
      }
  }
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

export function labelsData(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels)
}

/** Prometheus' own words and codes for our errors. */
const KINDS: Partial<Record<ErrorCode, [status: number, errorType: string]>> = {
  bad_request: [400, 'bad_data'],
  bad_promql: [400, 'bad_data'],
  malformed_body: [400, 'bad_data'],
  promql_failed: [422, 'execution'],
  query_too_large: [422, 'execution'],
  query_timeout: [503, 'timeout'],
  query_cancelled: [499, 'canceled'],
  not_found: [404, 'not_found'],
  method_not_allowed: [405, 'bad_data'],
  unauthorized: [401, 'unauthorized'],
  overloaded: [503, 'unavailable'],
  storage_unavailable: [503, 'unavailable'],
}

/** The error envelope, with our code and hint beside Prometheus' words; what is not expected becomes `internal`, without its text. */
export function errorEnvelope(error: GlassboxError): { status: number; body: object } {
  const [status, errorType] = KINDS[error.code] ?? [error.status, error.status < 500 ? 'bad_data' : 'internal']
  const text = error.code === 'query_too_large' ? `${error.message}. ${error.hint}` : error.message
  return { status, body: { status: 'error', errorType, error: text, code: error.code, hint: error.hint } }
}
