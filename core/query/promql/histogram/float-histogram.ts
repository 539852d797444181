import { type BucketSpans, CUSTOM_BUCKETS_SCHEMA, type NativeHistogram } from '../../../model/native-histogram.ts'
import { shortFloat } from '../syntax/text.ts'

/** Populated buckets: `index` ascending, no count is 0 unless an accumulator is at work. */
export interface Buckets {
  index: number[]
  count: number[]
}

/** A native histogram as the engine computes with it: buckets by index instead of spans. Shared, so never changed in place. */
export interface FloatHistogram {
  schema: number
  hint: NativeHistogram['counterReset']
  zeroThreshold: number
  zeroCount: number
  count: number
  sum: number
  positive: Buckets
  negative: Buckets
  /** Upper bounds of custom buckets, without +Inf. */
  custom: readonly number[]
}

export interface Bucket {
  lower: number
  upper: number
  count: number
  index: number
}

export const usesCustomBuckets = (histogram: { schema: number }): boolean => histogram.schema === CUSTOM_BUCKETS_SCHEMA

export const emptyBuckets = (): Buckets => ({ index: [], count: [] })

export function fromModel(model: NativeHistogram): FloatHistogram {
  const custom = usesCustomBuckets(model)
  return {
    schema: model.schema,
    hint: model.counterReset,
    zeroThreshold: custom ? 0 : model.zeroThreshold,
    zeroCount: custom ? 0 : model.zeroCount,
    count: model.count,
    sum: model.sum,
    positive: fromSpans(model.positive),
    negative: custom ? emptyBuckets() : fromSpans(model.negative),
    custom: model.customValues ?? [],
  }
}

export function toModel(histogram: FloatHistogram): NativeHistogram {
  return {
    schema: histogram.schema,
    counterReset: histogram.hint,
    zeroThreshold: histogram.zeroThreshold,
    zeroCount: histogram.zeroCount,
    count: histogram.count,
    sum: histogram.sum,
    positive: toSpans(histogram.positive),
    negative: toSpans(histogram.negative),
    customValues: usesCustomBuckets(histogram) ? [...histogram.custom] : null,
  }
}

function fromSpans(side: BucketSpans): Buckets {
  const buckets = emptyBuckets()
  let at = 0
  let next = 0
  for (const span of side.spans) {
    at += span.offset
    for (let i = 0; i < span.length; i++) {
      const count = side.counts[next++] ?? 0
      if (count !== 0) {
        buckets.index.push(at)
        buckets.count.push(count)
      }
      at++
    }
  }
  return buckets
}

function toSpans(buckets: Buckets): BucketSpans {
  const spans: BucketSpans['spans'] = []
  let end = 0
  for (const index of buckets.index) {
    const last = spans.at(-1)
    if (last && index === end) last.length++
    else spans.push({ offset: last ? index - end : index, length: 1 })
    end = index + 1
  }
  return { spans, counts: [...buckets.count] }
}

export function copyBuckets(buckets: Buckets): Buckets {
  return { index: buckets.index.slice(), count: buckets.count.slice() }
}

export function withoutEmpty(buckets: Buckets): Buckets {
  if (!buckets.count.includes(0)) return buckets
  const kept = emptyBuckets()
  for (let i = 0; i < buckets.index.length; i++)
    if (buckets.count[i] !== 0) {
      kept.index.push(buckets.index[i])
      kept.count.push(buckets.count[i])
    }
  return kept
}

/** The upper bound of a bucket of an exponential schema. */
export function exponentialBound(index: number, schema: number): number {
  const exponent = index * 2 ** -schema
  return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent
}

function upperBound(index: number, histogram: { schema: number; custom: readonly number[] }): number {
  if (!usesCustomBuckets(histogram)) return exponentialBound(index, histogram.schema)
  if (index < 0) return Number.NEGATIVE_INFINITY
  return index >= histogram.custom.length ? Number.POSITIVE_INFINITY : histogram.custom[index]
}

export function positiveBucket(histogram: FloatHistogram, i: number): Bucket {
  const index = histogram.positive.index[i]
  return {
    lower: upperBound(index - 1, histogram),
    upper: upperBound(index, histogram),
    count: histogram.positive.count[i],
    index,
  }
}

export function negativeBucket(histogram: FloatHistogram, i: number): Bucket {
  const index = histogram.negative.index[i]
  return {
    lower: -exponentialBound(index, histogram.schema),
    upper: -exponentialBound(index - 1, histogram.schema),
    count: histogram.negative.count[i],
    index,
  }
}

/** All populated buckets from the lowest to the highest; none reaches into the zero bucket. */
export function allBuckets(histogram: FloatHistogram): Bucket[] {
  const { zeroThreshold } = histogram
  const buckets: Bucket[] = []
  for (let i = histogram.negative.index.length - 1; i >= 0; i--) {
    const bucket = negativeBucket(histogram, i)
    if (bucket.upper < 0 && bucket.upper > -zeroThreshold) bucket.upper = -zeroThreshold
    buckets.push(bucket)
  }
  if (histogram.zeroCount > 0)
    buckets.push({ lower: -zeroThreshold, upper: zeroThreshold, count: histogram.zeroCount, index: 0 })
  for (let i = 0; i < histogram.positive.index.length; i++) {
    const bucket = positiveBucket(histogram, i)
    if (bucket.lower > 0 && bucket.lower < zeroThreshold) bucket.lower = zeroThreshold
    buckets.push(bucket)
  }
  return buckets
}

export function scaled(histogram: FloatHistogram, factor: number): FloatHistogram {
  const scale = (buckets: Buckets): Buckets =>
    withoutEmpty({ index: buckets.index, count: buckets.count.map((count) => count * factor) })
  return {
    ...histogram,
    hint: factor < 0 ? 'gauge' : histogram.hint,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positive: scale(histogram.positive),
    negative: scale(histogram.negative),
  }
}

export function divided(histogram: FloatHistogram, divisor: number): FloatHistogram {
  const divide = (buckets: Buckets): Buckets =>
    divisor === 0
      ? emptyBuckets()
      : withoutEmpty({ index: buckets.index, count: buckets.count.map((count) => count / divisor) })
  return {
    ...histogram,
    hint: divisor < 0 ? 'gauge' : histogram.hint,
    zeroCount: histogram.zeroCount / divisor,
    count: histogram.count / divisor,
    sum: histogram.sum / divisor,
    positive: divide(histogram.positive),
    negative: divide(histogram.negative),
  }
}

const sameNumber = (a: number, b: number): boolean => Object.is(a, b)
const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => sameNumber(value, b[i]))

export function sameBounds(a: FloatHistogram, b: FloatHistogram): boolean {
  return a.custom === b.custom || (a.custom.length === b.custom.length && a.custom.every((v, i) => v === b.custom[i]))
}

/** Equal in every count and bound; counter reset hints do not matter. */
export function equalHistograms(a: FloatHistogram, b: FloatHistogram): boolean {
  const same = (x: Buckets, y: Buckets): boolean => sameNumbers(x.index, y.index) && sameNumbers(x.count, y.count)
  return (
    a.schema === b.schema &&
    sameNumber(a.count, b.count) &&
    sameNumber(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    sameNumber(a.zeroCount, b.zeroCount) &&
    (!usesCustomBuckets(a) || sameBounds(a, b)) &&
    same(a.negative, b.negative) &&
    same(a.positive, b.positive)
  )
}

const infinite = (value: number): boolean => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY

export function hasOverflow(histogram: FloatHistogram): boolean {
  return (
    infinite(histogram.zeroCount) ||
    infinite(histogram.count) ||
    infinite(histogram.sum) ||
    histogram.positive.count.some(infinite) ||
    histogram.negative.count.some(infinite) ||
    histogram.custom.some(infinite)
  )
}

/** What a histogram weighs against the sample limit: a float sample is 1. */
export function weightOf(histogram: FloatHistogram): number {
  const buckets = histogram.positive.index.length + histogram.negative.index.length
  return Math.ceil((176 + buckets * 12 + histogram.custom.length * 8) / 16)
}

/** As Prometheus prints a histogram in label values and messages. */
export function histogramText(histogram: FloatHistogram): string {
  const parts = [`{count:${shortFloat(histogram.count)}, sum:${shortFloat(histogram.sum)}`]
  const add = (bucket: Bucket, open: string, close: string): void => {
    parts.push(`${open}${shortFloat(bucket.lower)},${shortFloat(bucket.upper)}${close}:${shortFloat(bucket.count)}`)
  }
  for (let i = histogram.negative.index.length - 1; i >= 0; i--) add(negativeBucket(histogram, i), '[', ')')
  if (histogram.zeroCount !== 0)
    add(
      { lower: -histogram.zeroThreshold, upper: histogram.zeroThreshold, count: histogram.zeroCount, index: 0 },
      '[',
      ']',
    )
  for (let i = 0; i < histogram.positive.index.length; i++) {
    const bucket = positiveBucket(histogram, i)
    add(bucket, usesCustomBuckets(histogram) && bucket.lower === Number.NEGATIVE_INFINITY ? '[' : '(', ']')
  }
  return `${parts.join(', ')}}`
}
