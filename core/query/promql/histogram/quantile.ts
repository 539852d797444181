import { allBuckets, type Bucket, type FloatHistogram, usesCustomBuckets } from './float-histogram.ts'

export type NanNote = 'result' | 'skew' | null

/** How much of a bucket lies at or below `value`, which is strictly inside its finite bounds. */
export function fractionBelow(bucket: Bucket, value: number, linear: boolean): number {
  if (linear) return (value - bucket.lower) / (bucket.upper - bucket.lower)
  const lower = Math.log2(Math.abs(bucket.lower))
  const upper = Math.log2(Math.abs(bucket.upper))
  const at = Math.log2(Math.abs(value))
  return value > 0 ? (at - lower) / (upper - lower) : 1 - (at - upper) / (lower - upper)
}

const onlyPositive = (h: FloatHistogram): boolean => h.negative.index.length === 0 && h.positive.index.length > 0
const onlyNegative = (h: FloatHistogram): boolean => h.positive.index.length === 0 && h.negative.index.length > 0

/**
 * The quantile of a native histogram: exponential interpolation in exponential buckets, linear in the zero bucket and in
 * custom ones. NaN observations count as +Inf; `note` says when that shows.
 */
export function histogramQuantile(q: number, histogram: FloatHistogram): { value: number; note: NanNote } {
  if (q < 0) return { value: Number.NEGATIVE_INFINITY, note: null }
  if (q > 1) return { value: Number.POSITIVE_INFINITY, note: null }
  if (histogram.count === 0 || Number.isNaN(q)) return { value: Number.NaN, note: null }
  const custom = usesCustomBuckets(histogram)
  const hasNan = Number.isNaN(histogram.sum)
  const forward = hasNan || q < 0.5
  const buckets = allBuckets(histogram)
  if (!forward) buckets.reverse()
  let rank = (forward ? q : 1 - q) * histogram.count
  let bucket: Bucket = { lower: 0, upper: 0, count: 0, index: 0 }
  let count = 0
  let at = 0
  for (; at < buckets.length; at++) {
    bucket = buckets[at]
    count += bucket.count
    if (count >= rank) break
  }
  let { lower, upper } = bucket
  if (custom) {
    if (lower === Number.NEGATIVE_INFINITY) {
      if (upper <= 0) return { value: upper, note: null }
      lower = 0
    } else if (upper === Number.POSITIVE_INFINITY) return { value: lower, note: null }
  } else if (lower < 0 && upper > 0) {
    if (onlyPositive(histogram)) lower = 0
    else if (onlyNegative(histogram)) upper = 0
  }
  if (count > histogram.count) count = histogram.count
  if (count < rank) return hasNan ? { value: Number.NaN, note: 'result' } : { value: upper, note: null }
  rank = forward ? rank - (count - bucket.count) : count - rank
  let note: NanNote = null
  if (hasNan) {
    let all = count
    for (let i = at + 1; i < buckets.length; i++) all += buckets[i].count
    if (all < histogram.count) note = 'skew'
  }
  const fraction = rank / bucket.count
  if (custom || (lower <= 0 && upper >= 0)) return { value: lower + (upper - lower) * fraction, note }
  const logLower = Math.log2(Math.abs(lower))
  const logUpper = Math.log2(Math.abs(upper))
  const value =
    lower > 0
      ? 2 ** (logLower + (logUpper - logLower) * fraction)
      : -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)))
  return { value, note }
}

/** The share of observations between two values; `hasNan`: NaN observations are in no share. */
export function histogramFraction(
  lowerValue: number,
  upperValue: number,
  histogram: FloatHistogram,
): { value: number; hasNan: boolean } {
  if (histogram.count === 0 || Number.isNaN(lowerValue) || Number.isNaN(upperValue))
    return { value: Number.NaN, hasNan: false }
  if (lowerValue >= upperValue) return { value: 0, hasNan: false }
  const custom = usesCustomBuckets(histogram)
  const buckets = allBuckets(histogram)
  let rank = 0
  let lowerRank = -1
  let upperRank = -1
  for (const bucket of buckets) {
    let linear = custom
    let { lower, upper } = bucket
    if (lower <= 0 && upper >= 0) {
      linear = true
      if (onlyPositive(histogram)) lower = 0
      else if (onlyNegative(histogram)) upper = 0
    }
    const cut = { ...bucket, lower, upper }
    const rankAt = (value: number): number => {
      if (linear && lower === Number.NEGATIVE_INFINITY) return bucket.count
      return rank + bucket.count * fractionBelow(cut, value, linear)
    }
    if (lowerRank < 0 && lower >= lowerValue) lowerRank = rank
    if (upperRank < 0 && lower >= upperValue) upperRank = rank
    if (lowerRank < 0 && lower < lowerValue && upper > lowerValue) lowerRank = rankAt(lowerValue)
    if (upperRank < 0 && lower < upperValue && upper > upperValue) upperRank = rankAt(upperValue)
    if (lowerRank >= 0 && upperRank >= 0) break
    rank += bucket.count
  }
  let { count } = histogram
  let hasNan = false
  if (Number.isNaN(histogram.sum)) {
    count = buckets.reduce((all, bucket) => all + bucket.count, 0)
    hasNan = count < histogram.count
  }
  if (lowerRank < 0 || lowerRank > count) lowerRank = count
  if (upperRank < 0 || upperRank > count) upperRank = count
  return { value: (upperRank - lowerRank) / histogram.count, hasNan }
}

/** The variance around the mean, each bucket standing at its middle (geometric in exponential buckets). */
export function histogramVariance(histogram: FloatHistogram): number {
  const mean = histogram.sum / histogram.count
  let variance = 0
  for (const bucket of allBuckets(histogram)) {
    let value: number
    if (usesCustomBuckets(histogram)) value = (bucket.upper + bucket.lower) / 2
    else if (bucket.lower <= 0 && bucket.upper >= 0) value = 0
    else value = Math.sqrt(bucket.upper * bucket.lower) * (bucket.upper < 0 ? -1 : 1)
    variance += bucket.count * (value - mean) ** 2
  }
  return variance / histogram.count
}
