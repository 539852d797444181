export interface ClassicBucket {
  upper: number
  /** Cumulative. */
  count: number
}

export interface ClassicQuantile {
  value: number
  /** Where counts fell and had to be raised; null when they did not. */
  forced: { min: number; max: number; diff: number } | null
}

const TOLERANCE = 1e-12
const MIN_NORMAL = 2.2250738585072014e-308

function almostEqual(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  const difference = Math.abs(a - b)
  const sum = Math.abs(a) + Math.abs(b)
  if (a === 0 || b === 0 || sum < MIN_NORMAL) return difference < TOLERANCE * MIN_NORMAL
  return difference / Math.min(sum, Number.MAX_VALUE) < TOLERANCE
}

const plain = (value: number): ClassicQuantile => ({ value, forced: null })

/** Sorted by bound, equal bounds added up; null when the highest is not +Inf. Sorts `buckets` in place. */
function tidy(buckets: ClassicBucket[]): ClassicBucket[] | null {
  buckets.sort((a, b) => (a.upper < b.upper ? -1 : a.upper > b.upper ? 1 : 0))
  if (buckets[buckets.length - 1].upper !== Number.POSITIVE_INFINITY) return null
  const merged: ClassicBucket[] = []
  for (const bucket of buckets) {
    const last = merged[merged.length - 1]
    if (last && last.upper === bucket.upper) last.count += bucket.count
    else merged.push(bucket)
  }
  return merged
}

/** Makes counts rise: tiny dips are forgiven silently, larger ones reported. */
function makeMonotonic(buckets: ClassicBucket[]): ClassicQuantile['forced'] {
  let forced: ClassicQuantile['forced'] = null
  let before = buckets[0].count
  for (let i = 1; i < buckets.length; i++) {
    const bucket = buckets[i]
    const { count } = bucket
    if (count === before) continue
    if (almostEqual(before, count)) bucket.count = before
    else if (count < before) {
      bucket.count = before
      forced ??= { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, diff: 0 }
      forced.min = Math.min(forced.min, bucket.upper)
      forced.max = Math.max(forced.max, bucket.upper)
      forced.diff = Math.max(forced.diff, before - count)
    } else before = count
  }
  return forced
}

/** histogram_quantile over the cumulative buckets of one classic histogram; `buckets` are used up. */
export function classicQuantile(q: number, buckets: ClassicBucket[]): ClassicQuantile {
  if (Number.isNaN(q)) return plain(Number.NaN)
  if (q < 0) return plain(Number.NEGATIVE_INFINITY)
  if (q > 1) return plain(Number.POSITIVE_INFINITY)
  const tidied = tidy(buckets)
  if (!tidied) return plain(Number.NaN)
  const forced = makeMonotonic(tidied)
  return { value: quantileOf(q, tidied), forced }
}

function quantileOf(q: number, buckets: ClassicBucket[]): number {
  const last = buckets.length - 1
  if (last < 1) return Number.NaN
  const observations = buckets[last].count
  if (observations === 0) return Number.NaN
  let rank = q * observations
  let low = 0
  let high = last
  while (low < high) {
    const middle = (low + high) >> 1
    if (buckets[middle].count >= rank) high = middle
    else low = middle + 1
  }
  const b = low
  if (b === last) return buckets[last - 1].upper
  if (b === 0 && buckets[0].upper <= 0) return buckets[0].upper
  let start = 0
  let { count } = buckets[b]
  if (b > 0) {
    start = buckets[b - 1].upper
    count -= buckets[b - 1].count
    rank -= buckets[b - 1].count
  }
  return start + (buckets[b].upper - start) * (rank / count)
}

/** histogram_fraction over the cumulative buckets of one classic histogram; `buckets` are used up. */
export function classicFraction(lowerValue: number, upperValue: number, buckets: ClassicBucket[]): number {
  const tidied = tidy(buckets)
  if (!tidied) return Number.NaN
  const { count } = tidied[tidied.length - 1]
  if (count === 0 || Number.isNaN(lowerValue) || Number.isNaN(upperValue)) return Number.NaN
  if (lowerValue >= upperValue) return 0
  let rank = 0
  let lowerRank: number | null = null
  let upperRank: number | null = null
  let lower = tidied[0].upper <= 0 ? Number.NEGATIVE_INFINITY : 0
  for (const bucket of tidied) {
    const { upper } = bucket
    const rankAt = (value: number): number =>
      lower === Number.NEGATIVE_INFINITY
        ? bucket.count
        : rank + ((bucket.count - rank) * (value - lower)) / (upper - lower)
    if (lowerRank === null && lower >= lowerValue) lowerRank = rank
    if (upperRank === null && lower >= upperValue) upperRank = rank
    if (lowerRank === null && lower < lowerValue && upper > lowerValue) lowerRank = rankAt(lowerValue)
    if (upperRank === null && lower < upperValue && upper > upperValue) upperRank = rankAt(upperValue)
    if (lowerRank !== null && upperRank !== null) break
    rank = bucket.count
    lower = upper
  }
  if (lowerRank === null || lowerRank > count) lowerRank = count
  if (upperRank === null || upperRank > count) upperRank = count
  return (upperRank - lowerRank) / count
}
