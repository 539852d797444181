import {
  type Buckets,
  copyBuckets,
  emptyBuckets,
  exponentialBound,
  type FloatHistogram,
  negativeBucket,
  positiveBucket,
  sameBounds,
  usesCustomBuckets,
  withoutEmpty,
} from './float-histogram.ts'

/** What adding one histogram to another met on the way. */
export interface SumNotes {
  /** One says that its counter was reset, the other that it was not. */
  collision: boolean
  /** Custom buckets with different bounds were brought to those they share. */
  reconciled: boolean
}

/** Buckets with the error that Kahan summation carries along. */
interface Compensated extends Buckets {
  error: number[]
}

const compensated = (buckets: Buckets): Compensated => ({
  ...copyBuckets(buckets),
  error: new Array<number>(buckets.index.length).fill(0),
})

/**
 * Adds up histograms with Kahan summation. Schemas meet at the coarser one, zero buckets at the wider one, custom bounds
 * at those in common. The histograms that are added stay as they are.
 */
export class HistogramSum {
  schema: number
  hint: FloatHistogram['hint']
  zeroThreshold: number
  custom: readonly number[]
  /** Sum and carried error of zero count, count and sum. */
  #zero: [number, number]
  #count: [number, number]
  #sum: [number, number]
  #positive: Compensated
  #negative: Compensated

  constructor(first: FloatHistogram) {
    this.schema = first.schema
    this.hint = first.hint
    this.zeroThreshold = first.zeroThreshold
    this.custom = first.custom
    this.#zero = [first.zeroCount, 0]
    this.#count = [first.count, 0]
    this.#sum = [first.sum, 0]
    this.#positive = compensated(first.positive)
    this.#negative = compensated(first.negative)
  }

  clone(): HistogramSum {
    const copy = new HistogramSum(this.#plain())
    copy.#zero = [...this.#zero]
    copy.#count = [...this.#count]
    copy.#sum = [...this.#sum]
    copy.#positive.error = this.#positive.error.slice()
    copy.#negative.error = this.#negative.error.slice()
    return copy
  }

  /** Adds `other` (subtracts it when `sign` is -1); null when one has custom and the other exponential buckets. */
  add(other: FloatHistogram, sign: 1 | -1 = 1): SumNotes | null {
    if (usesCustomBuckets(this) !== usesCustomBuckets(other)) return null
    const collision = this.#adjustHint(other)
    if (!usesCustomBuckets(this)) this.#increase(this.#zero, sign * this.#reconcileZero(other))
    this.#increase(this.#count, sign * other.count)
    this.#increase(this.#sum, sign * other.sum)
    if (usesCustomBuckets(this)) {
      const reconciled = !sameBounds({ custom: this.custom } as FloatHistogram, other)
      if (reconciled) this.#addWithOtherBounds(other, sign)
      else this.#positive = merged(this.#positive, other.positive, sign)
      return { collision, reconciled }
    }
    let { positive, negative } = other
    if (other.schema < this.schema) {
      this.#positive = coarserCompensated(this.#positive, this.schema - other.schema)
      this.#negative = coarserCompensated(this.#negative, this.schema - other.schema)
      this.schema = other.schema
    } else if (other.schema > this.schema) {
      positive = coarser(positive, other.schema - this.schema)
      negative = coarser(negative, other.schema - this.schema)
    }
    this.#positive = merged(this.#positive, this.#aboveZero(positive), sign)
    this.#negative = merged(this.#negative, this.#aboveZero(negative), sign)
    return { collision, reconciled: false }
  }

  /** Multiplies everything. */
  scale(factor: number): void {
    for (const pair of [this.#zero, this.#count, this.#sum]) {
      pair[0] *= factor
      pair[1] *= factor
    }
    for (const side of [this.#positive, this.#negative]) {
      side.count = side.count.map((count) => count * factor)
      side.error = side.error.map((error) => error * factor)
    }
  }

  divide(divisor: number): void {
    for (const pair of [this.#zero, this.#count, this.#sum]) {
      pair[0] /= divisor
      pair[1] /= divisor
    }
    for (const side of [this.#positive, this.#negative]) {
      side.count = side.count.map((count) => count / divisor)
      side.error = side.error.map((error) => error / divisor)
    }
  }

  /** The sum without what Kahan summation carries: what one plain addition gives. */
  plain(): FloatHistogram {
    const histogram = this.#plain()
    return { ...histogram, positive: withoutEmpty(histogram.positive), negative: withoutEmpty(histogram.negative) }
  }

  /** The sum with the carried error added. */
  total(): FloatHistogram {
    const all = (side: Compensated): Buckets =>
      withoutEmpty({ index: side.index.slice(), count: side.count.map((count, i) => count + side.error[i]) })
    return {
      ...this.#plain(),
      zeroCount: this.#zero[0] + this.#zero[1],
      count: this.#count[0] + this.#count[1],
      sum: this.#sum[0] + this.#sum[1],
      positive: all(this.#positive),
      negative: all(this.#negative),
    }
  }

  #plain(): FloatHistogram {
    return {
      schema: this.schema,
      hint: this.hint,
      zeroThreshold: this.zeroThreshold,
      zeroCount: this.#zero[0],
      count: this.#count[0],
      sum: this.#sum[0],
      positive: { index: this.#positive.index, count: this.#positive.count },
      negative: { index: this.#negative.index, count: this.#negative.count },
      custom: this.custom,
    }
  }

  #increase(pair: [number, number], by: number): void {
    const error = kahanError(pair[0], by, pair[1])
    pair[0] += by
    pair[1] = error
  }

  #adjustHint(other: FloatHistogram): boolean {
    if (other.hint === this.hint || this.hint === 'gauge') return false
    if (other.hint === 'gauge') {
      this.hint = 'gauge'
      return false
    }
    const collision = this.hint !== 'unknown' && other.hint !== 'unknown'
    this.hint = 'unknown'
    return collision
  }

  /** Brings both zero buckets to one width; the other's count in it. */
  #reconcileZero(other: FloatHistogram): number {
    let count = other.zeroCount
    let threshold = other.zeroThreshold
    while (threshold !== this.zeroThreshold) {
      if (this.zeroThreshold > threshold) {
        const wider = zeroCountFor(other, this.zeroThreshold)
        count = wider.count
        threshold = wider.threshold
      }
      if (threshold > this.zeroThreshold) {
        const wider = zeroCountFor(this.total(), threshold)
        this.zeroThreshold = wider.threshold
        this.#zero = [wider.count, 0]
        this.#positive = this.#beyondZero(this.#positive)
        this.#negative = this.#beyondZero(this.#negative)
      }
    }
    return count
  }

  #beyondZero(side: Compensated): Compensated {
    const from = side.index.findIndex((index) => exponentialBound(index - 1, this.schema) >= this.zeroThreshold)
    const cut = from < 0 ? side.index.length : from
    return { index: side.index.slice(cut), count: side.count.slice(cut), error: side.error.slice(cut) }
  }

  /** Without the leading buckets that the zero bucket has swallowed. */
  #aboveZero(side: Buckets): Buckets {
    let from = 0
    while (from < side.index.length && exponentialBound(side.index[from], this.schema) <= this.zeroThreshold) from++
    return from === 0 ? side : { index: side.index.slice(from), count: side.count.slice(from) }
  }

  #addWithOtherBounds(other: FloatHistogram, sign: 1 | -1): void {
    const shared = this.custom.filter((bound) => other.custom.includes(bound))
    const counts = new Array<number>(shared.length + 1).fill(0)
    const errors = new Array<number>(shared.length + 1).fill(0)
    const put = (index: number, bounds: readonly number[], count: number): void => {
      const bound = index < bounds.length ? bounds[index] : Number.POSITIVE_INFINITY
      const found = shared.findIndex((candidate) => candidate >= bound)
      const target = found < 0 ? shared.length : found
      errors[target] = kahanError(counts[target], count, errors[target])
      counts[target] += count
    }
    for (let i = 0; i < this.#positive.index.length; i++) {
      put(this.#positive.index[i], this.custom, this.#positive.count[i])
      put(this.#positive.index[i], this.custom, this.#positive.error[i])
    }
    for (let i = 0; i < other.positive.index.length; i++)
      put(other.positive.index[i], other.custom, sign * other.positive.count[i])
    const result: Compensated = { ...emptyBuckets(), error: [] }
    for (let i = 0; i < counts.length; i++)
      if (counts[i] !== 0 || errors[i] !== 0) {
        result.index.push(i)
        result.count.push(counts[i])
        result.error.push(errors[i])
      }
    this.#positive = result
    this.custom = shared
  }
}

/** The new carried error once `by` is added to `sum` (Neumaier's variant). */
export function kahanError(sum: number, by: number, error: number): number {
  const total = sum + by
  if (total === Number.POSITIVE_INFINITY || total === Number.NEGATIVE_INFINITY) return 0
  return Math.abs(sum) >= Math.abs(by) ? error + (sum - total + by) : error + (by - total + sum)
}

/** `a + b`, or `a - b`; null when one has custom and the other exponential buckets. */
export function addHistograms(
  a: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
): (SumNotes & { histogram: FloatHistogram }) | null {
  const sum = new HistogramSum(a)
  const notes = sum.add(b, sign)
  return notes && { ...notes, histogram: sum.plain() }
}

function merged(side: Compensated, other: Buckets, sign: 1 | -1): Compensated {
  if (other.index.length === 0) return side
  const result: Compensated = { index: [], count: [], error: [] }
  let a = 0
  let b = 0
  while (a < side.index.length || b < other.index.length) {
    const takeA = b >= other.index.length || (a < side.index.length && side.index[a] <= other.index[b])
    const takeB = a >= side.index.length || (b < other.index.length && other.index[b] <= side.index[a])
    result.index.push(takeA ? side.index[a] : other.index[b])
    if (takeA && takeB) {
      const by = sign * other.count[b]
      result.count.push(side.count[a] + by)
      result.error.push(kahanError(side.count[a], by, side.error[a]))
    } else {
      result.count.push(takeA ? side.count[a] : sign * other.count[b])
      result.error.push(takeA ? side.error[a] : 0)
    }
    if (takeA) a++
    if (takeB) b++
  }
  return result
}

/** The buckets of a schema that is `by` steps coarser. */
export function coarser(side: Buckets, by: number): Buckets {
  const result = coarserCompensated({ ...side, error: new Array<number>(side.index.length).fill(0) }, by)
  return { index: result.index, count: result.count.map((count, i) => count + result.error[i]) }
}

function coarserCompensated(side: Compensated, by: number): Compensated {
  const result: Compensated = { index: [], count: [], error: [] }
  for (let i = 0; i < side.index.length; i++) {
    const index = ((side.index[i] - 1) >> by) + 1
    const last = result.index.length - 1
    if (last >= 0 && result.index[last] === index) {
      for (const part of [side.count[i], side.error[i]]) {
        result.error[last] = kahanError(result.count[last], part, result.error[last])
        result.count[last] += part
      }
    } else {
      result.index.push(index)
      result.count.push(side.count[i])
      result.error.push(side.error[i])
    }
  }
  return result
}

/** The zero bucket's count if it were at least `threshold` wide; it grows further where it would cut a bucket. */
export function zeroCountFor(histogram: FloatHistogram, threshold: number): { count: number; threshold: number } {
  let wide = threshold
  if (wide === histogram.zeroThreshold) return { count: histogram.zeroCount, threshold: wide }
  for (;;) {
    let count = histogram.zeroCount
    let error = 0
    const take = (by: number): void => {
      error = kahanError(count, by, error)
      count += by
    }
    for (let i = 0; i < histogram.positive.index.length; i++) {
      const bucket = positiveBucket(histogram, i)
      if (bucket.lower >= wide) break
      take(bucket.count)
      if (bucket.upper > wide) {
        wide = bucket.upper
        break
      }
    }
    let again = false
    for (let i = 0; i < histogram.negative.index.length; i++) {
      const bucket = negativeBucket(histogram, i)
      if (bucket.upper <= -wide) break
      take(bucket.count)
      if (bucket.lower < -wide) {
        wide = -bucket.lower
        again = true
        break
      }
    }
    if (!again) return { count, threshold: wide }
  }
}
