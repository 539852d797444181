import {
  type Bucket,
  type Buckets,
  type FloatHistogram,
  negativeBucket,
  positiveBucket,
  usesCustomBuckets,
  withoutEmpty,
} from './float-histogram.ts'
import { fractionBelow } from './quantile.ts'

interface Kept {
  count: number
  middle: number
}

const finite = (value: number): boolean => Number.isFinite(value)

/** `histogram </ limit` (keeps what is below) or `histogram >/ limit`; count and sum are estimated anew. */
export function trimHistogram(histogram: FloatHistogram, limit: number, upper: boolean): FloatHistogram {
  const custom = usesCustomBuckets(histogram)
  let count = 0
  let sum = 0
  let trimmed = false
  const cutSide = (side: 'positive' | 'negative'): Buckets => {
    const { index, count: counts } = histogram[side]
    const kept = counts.map((_, i) => {
      const bucket = side === 'positive' ? positiveBucket(histogram, i) : negativeBucket(histogram, i)
      const part = keptPart(bucket, limit, upper, side === 'positive', custom)
      if (part === null) {
        trimmed = true
        return 0
      }
      count += part.count
      sum += part.middle * part.count
      if (part.count !== bucket.count) trimmed = true
      return part.count
    })
    return withoutEmpty({ index, count: kept })
  }
  const positive = cutSide('positive')
  const negative = cutSide('negative')
  let { zeroCount } = histogram
  if (zeroCount > 0) {
    const part = keptZero(histogram, limit, upper)
    if (part.count !== zeroCount) trimmed = true
    zeroCount = part.count
    sum += part.middle * part.count
    count += part.count
  }
  return trimmed ? { ...histogram, positive, negative, zeroCount, count, sum } : histogram
}

/** What stays of a bucket; null when nothing does. */
function keptPart(bucket: Bucket, limit: number, upper: boolean, positive: boolean, custom: boolean): Kept | null {
  const whole = upper ? bucket.upper <= limit : bucket.lower >= limit
  if (whole) return { count: bucket.count, middle: middleOf(bucket.lower, bucket.upper, positive, custom) }
  const cut = upper ? bucket.lower < limit : bucket.upper > limit
  if (!cut) return null
  if (bucket.lower === Number.NEGATIVE_INFINITY || bucket.upper === Number.POSITIVE_INFINITY)
    return keptOfEndless(bucket, limit, upper)
  const below = bucket.count * fractionBelow(bucket, limit, custom)
  return upper
    ? { count: below, middle: middleOf(bucket.lower, limit, positive, custom) }
    : { count: bucket.count - below, middle: middleOf(limit, bucket.upper, positive, custom) }
}

function keptOfEndless(bucket: Bucket, limit: number, upper: boolean): Kept {
  const orZero = (value: number): number => (finite(value) ? value : 0)
  if (bucket.lower === Number.NEGATIVE_INFINITY) {
    if (upper) {
      if (limit >= bucket.upper) return { count: bucket.count, middle: 0 }
      if (limit > 0 && bucket.upper > 0 && bucket.upper !== Number.POSITIVE_INFINITY)
        return { count: (bucket.count * limit) / bucket.upper, middle: limit / 2 }
      if (bucket.upper <= 0) return { count: bucket.count, middle: limit }
      return { count: 0, middle: orZero(bucket.upper) }
    }
    if (limit <= bucket.lower) return { count: bucket.count, middle: 0 }
    if (limit >= 0 && bucket.upper > limit && bucket.upper !== Number.POSITIVE_INFINITY)
      return { count: bucket.count * (1 - limit / bucket.upper), middle: (limit + bucket.upper) / 2 }
    return { count: 0, middle: orZero(bucket.upper) }
  }
  if (upper) return { count: 0, middle: orZero(bucket.lower) }
  if (limit >= bucket.lower) return { count: bucket.count, middle: limit }
  return { count: 0, middle: orZero(bucket.lower) }
}

function keptZero(histogram: FloatHistogram, limit: number, above: boolean): Kept {
  const hasNegative = histogram.negative.index.length > 0
  const hasPositive = histogram.positive.index.length > 0
  const upper = hasNegative && !hasPositive ? 0 : histogram.zeroThreshold
  const lower = hasPositive && !hasNegative ? 0 : -histogram.zeroThreshold
  const whole = { count: histogram.zeroCount, middle: (lower + upper) / 2 }
  const none = { count: 0, middle: 0 }
  if (limit <= lower) return above ? none : whole
  if (limit >= upper) return above ? whole : none
  const fraction = (above ? limit - lower : upper - limit) / (upper - lower)
  return { count: histogram.zeroCount * fraction, middle: (above ? lower + limit : limit + upper) / 2 }
}

function middleOf(lower: number, upper: number, positive: boolean, linear: boolean): number {
  if (!finite(lower)) {
    if (!finite(upper)) return 0
    return upper > 0 ? upper / 2 : upper
  }
  if (!finite(upper)) return lower
  if (linear) return (lower + upper) / 2
  const geometric = Math.sqrt(Math.abs(lower * upper))
  return positive ? geometric : -geometric
}
