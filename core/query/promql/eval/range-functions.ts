import type { FloatHistogram } from '../histogram/float-histogram.ts'
import { equalHistograms, hasOverflow } from '../histogram/float-histogram.ts'
import { detectReset } from '../histogram/reset.ts'
import { HistogramSum, kahanError } from '../histogram/sum.ts'
import { firstAt } from './extended-rate.ts'
import { quantileOf } from './quantile.ts'
import { evaluationError } from './query-run.ts'
import { extrapolatedRate, instantChange } from './rate.ts'
import { FLOAT, HISTOGRAM, NONE } from './series.ts'
import type { RangeFunction, Window } from './window.ts'

/** Notes histograms that a float-only function leaves out. */
function noteIgnored(w: Window): void {
  if (w.histogramTo > w.histogramFrom) w.notes.histogramIgnoredInRange(w.name, w.firstAt)
}

/** A function of the floats in the window that ignores histograms. */
function overFloats(compute: (w: Window) => number): RangeFunction {
  return (w) => {
    if (w.floatTo === w.floatFrom) return NONE
    noteIgnored(w)
    w.value = compute(w)
    return FLOAT
  }
}

/** The extreme by `better`, NaN giving way to any number; its value, or its time in seconds. */
function extreme(better: (value: number, best: number) => boolean, asTime: boolean): RangeFunction {
  return overFloats((w) => {
    const { floats } = w
    let best = w.floatFrom
    for (let i = w.floatFrom; i < w.floatTo; i++)
      if (better(floats[i], floats[best]) || Number.isNaN(floats[best])) best = i
    return asTime ? w.floatTimes[best] / 1000 : floats[best]
  })
}

/**
 * max_over_time or min_over_time. Remembers, per series, the samples that can still become the extreme, so that a step
 * costs what is new in the window and not what is in it.
 */
function slidingExtreme(sign: 1 | -1): RangeFunction {
  let serial = -1
  let queue = new Int32Array(0)
  let head = 0
  let tail = 0
  let seen = 0
  return overFloats((w) => {
    const { floats } = w
    if (serial !== w.serial) {
      serial = w.serial
      if (queue.length < floats.length) queue = new Int32Array(floats.length)
      head = 0
      tail = 0
      seen = 0
    }
    if (seen < w.floatFrom) seen = w.floatFrom
    for (; seen < w.floatTo; seen++) {
      const value = floats[seen] * sign
      if (Number.isNaN(value)) continue
      while (tail > head && floats[queue[tail - 1]] * sign < value) tail--
      queue[tail++] = seen
    }
    while (head < tail && queue[head] < w.floatFrom) head++
    return head < tail ? floats[queue[head]] : Number.NaN
  })
}

function sumOf(w: Window): number {
  const { floats } = w
  let sum = 0
  let error = 0
  for (let i = w.floatFrom; i < w.floatTo; i++) {
    error = kahanError(sum, floats[i], error)
    sum += floats[i]
  }
  return Number.isFinite(sum) || Number.isNaN(sum) ? sum + error : sum
}

function meanOf(w: Window): number {
  const { floats } = w
  let sum = floats[w.floatFrom]
  let mean = 0
  let error = 0
  let incremental = false
  let count = 1
  for (let i = w.floatFrom + 1; i < w.floatTo; i++) {
    const value = floats[i]
    count++
    if (!incremental) {
      const total = sum + value
      if (total !== Number.POSITIVE_INFINITY && total !== Number.NEGATIVE_INFINITY) {
        error = kahanError(sum, value, error)
        sum = total
        continue
      }
      incremental = true
      mean = sum / (count - 1)
      error /= count - 1
    }
    const q = (count - 1) / count
    error = kahanError(q * mean, value / count, q * error)
    mean = q * mean + value / count
  }
  return incremental ? mean + error : sum / count + error / count
}

function varianceOf(w: Window): number {
  const { floats } = w
  let count = 0
  let mean = 0
  let meanError = 0
  let sum = 0
  let sumError = 0
  for (let i = w.floatFrom; i < w.floatTo; i++) {
    count++
    const delta = floats[i] - (mean + meanError)
    const step = delta / count
    meanError = kahanError(mean, step, meanError)
    mean += step
    const by = delta * (floats[i] - (mean + meanError))
    sumError = kahanError(sum, by, sumError)
    sum += by
  }
  return (sum + sumError) / count
}

/** sum_over_time and avg_over_time: floats or histograms, never both. */
function additive(ofFloats: (w: Window) => number, ofHistograms: (w: Window) => FloatHistogram | null): RangeFunction {
  return (w) => {
    if (w.histogramTo === w.histogramFrom) {
      if (w.floatTo === w.floatFrom) return NONE
      w.value = ofFloats(w)
      return FLOAT
    }
    if (w.floatTo > w.floatFrom) {
      w.notes.mixedFloatsHistograms(w.name, w.firstAt)
      return NONE
    }
    const result = ofHistograms(w)
    if (!result) {
      w.notes.mixedExponentialCustom(w.name, w.firstAt)
      return NONE
    }
    w.histogram = result
    return HISTOGRAM
  }
}

/** Watches the hints of histograms that are added up. */
function noteAdded(w: Window, reconciled: boolean): void {
  const hints = w.histograms.slice(w.histogramFrom, w.histogramTo).map((histogram) => histogram.hint)
  if (hints.includes('reset') && hints.includes('not_reset')) w.notes.resetCollision('aggregation', w.rangeAt)
  if (reconciled) w.notes.mismatchedBounds('aggregation', w.rangeAt)
}

function sumOfHistograms(w: Window): FloatHistogram | null {
  const sum = new HistogramSum(w.histograms[w.histogramFrom])
  let reconciled = false
  for (let i = w.histogramFrom + 1; i < w.histogramTo; i++) {
    const notes = sum.add(w.histograms[i])
    if (!notes) return null
    reconciled ||= notes.reconciled
  }
  noteAdded(w, reconciled)
  return sum.total()
}

function meanOfHistograms(w: Window): FloatHistogram | null {
  const mean = new HistogramMean(w.histograms[w.histogramFrom])
  for (let i = w.histogramFrom + 1; i < w.histogramTo; i++) if (!mean.add(w.histograms[i])) return null
  noteAdded(w, mean.reconciled)
  return mean.result()
}

/** The mean of histograms: a sum divided at the end, or step by step once the sum would overflow. */
export class HistogramMean {
  reconciled = false
  #sum: HistogramSum
  #count = 1
  #incremental = false

  constructor(first: FloatHistogram) {
    this.#sum = new HistogramSum(first)
  }

  /** False when custom and exponential buckets meet. */
  add(histogram: FloatHistogram): boolean {
    this.#count++
    if (!this.#incremental) {
      const next = this.#sum.clone()
      const notes = next.add(histogram)
      if (!notes) return false
      this.reconciled ||= notes.reconciled
      if (!hasOverflow(next.plain())) {
        this.#sum = next
        return true
      }
      this.#incremental = true
      this.#sum.divide(this.#count - 1)
    }
    this.#sum.scale((this.#count - 1) / this.#count)
    const part = new HistogramSum(histogram)
    part.divide(this.#count)
    const notes = this.#sum.add(part.plain())
    if (notes?.reconciled) this.reconciled = true
    return notes !== null
  }

  result(): FloatHistogram {
    if (!this.#incremental) this.#sum.divide(this.#count)
    return this.#sum.total()
  }
}

/** Slope per second, and the value at `time`, of the least-squares line. */
function regression(w: Window, time: number): [slope: number, intercept: number] {
  const { floats, floatTimes } = w
  const first = floats[w.floatFrom]
  let constant = true
  let n = 0
  let x = 0
  let xe = 0
  let y = 0
  let ye = 0
  let xy = 0
  let xye = 0
  let xx = 0
  let xxe = 0
  for (let i = w.floatFrom; i < w.floatTo; i++) {
    const value = floats[i]
    if (value !== first && i > w.floatFrom) constant = false
    n++
    const at = (floatTimes[i] - time) / 1000
    xe = kahanError(x, at, xe)
    x += at
    ye = kahanError(y, value, ye)
    y += value
    xye = kahanError(xy, at * value, xye)
    xy += at * value
    xxe = kahanError(xx, at * at, xxe)
    xx += at * at
  }
  if (constant) return Number.isFinite(first) || Number.isNaN(first) ? [0, first] : [Number.NaN, Number.NaN]
  x += xe
  y += ye
  xy += xye
  xx += xxe
  const slope = (xy - (x * y) / n) / (xx - (x * x) / n)
  return [slope, y / n - (slope * x) / n]
}

/** A function that needs two floats. */
function overTwoFloats(compute: (w: Window) => number): RangeFunction {
  return (w) => {
    const count = w.floatTo - w.floatFrom
    if (count > 0) noteIgnored(w)
    if (count < 2) return NONE
    return w.float(compute(w))
  }
}

function smoothing(w: Window): number {
  const [sf, tf] = w.scalars
  const { floats, floatFrom: from } = w
  let before = 0
  let smooth = floats[from]
  let trend = floats[from + 1] - floats[from]
  for (let i = from + 1; i < w.floatTo; i++) {
    const x = sf * floats[i]
    if (i - from - 1 > 0) trend = tf * (smooth - before) + (1 - tf) * trend
    const y = (1 - sf) * (smooth + trend)
    before = smooth
    smooth = x + y
  }
  return smooth
}

function doubleExponentialSmoothing(w: Window): ReturnType<RangeFunction> {
  const [sf, tf] = w.scalars
  if (sf <= 0 || sf >= 1) throw evaluationError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${sf.toFixed(6)}`)
  if (tf <= 0 || tf >= 1) throw evaluationError(`invalid trend factor. Expected: 0 < tf < 1, got: ${tf.toFixed(6)}`)
  return smoothed(w)
}
const smoothed = overTwoFloats(smoothing)

/** first_over_time and last_over_time. */
function edge(last: boolean): RangeFunction {
  return (w) => {
    const f = last ? w.floatTo - 1 : w.floatFrom
    const h = last ? w.histogramTo - 1 : w.histogramFrom
    const hasFloat = w.floatTo > w.floatFrom
    const hasHistogram = w.histogramTo > w.histogramFrom
    if (!hasFloat && !hasHistogram) return NONE
    const floatWins =
      hasFloat &&
      (!hasHistogram || (last ? w.histogramTimes[h] < w.floatTimes[f] : w.floatTimes[f] < w.histogramTimes[h]))
    return floatWins ? w.float(w.floats[f]) : w.native(w.histograms[h])
  }
}

function edgeTime(last: boolean): RangeFunction {
  return (w) => {
    const times: number[] = []
    if (w.floatTo > w.floatFrom) times.push(w.floatTimes[last ? w.floatTo - 1 : w.floatFrom])
    if (w.histogramTo > w.histogramFrom) times.push(w.histogramTimes[last ? w.histogramTo - 1 : w.histogramFrom])
    if (times.length === 0) return NONE
    return w.float((last ? Math.max(...times) : Math.min(...times)) / 1000)
  }
}

/** Counts neighbours for which `differs`; floats and histograms in time order. */
function countPairs(
  floats: (current: number, before: number) => boolean,
  histograms: (current: FloatHistogram, before: FloatHistogram) => boolean,
): RangeFunction {
  return (w) => {
    let f = w.floatFrom
    let h = w.histogramFrom
    if (w.anchored) {
      const afterFloat = firstAt(w.floatTimes, w.floatFrom, w.floatTo, w.rangeStart, true)
      const afterHistogram = firstAt(w.histogramTimes, w.histogramFrom, w.histogramTo, w.rangeStart, true)
      if (afterFloat >= w.floatTo && afterHistogram >= w.histogramTo) return NONE
      f = afterFloat
      h = afterHistogram
      const hasFloat = afterFloat > w.floatFrom
      const hasHistogram = afterHistogram > w.histogramFrom
      // The latest sample at or before the start is the base line.
      if (hasFloat && (!hasHistogram || w.floatTimes[f - 1] >= w.histogramTimes[h - 1])) f--
      else if (hasHistogram) h--
    }
    if (f >= w.floatTo && h >= w.histogramTo) return NONE
    let count = 0
    let beforeFloat = 0
    let beforeHistogram: FloatHistogram | null = null
    let first = true
    while (f < w.floatTo || h < w.histogramTo) {
      const isFloat = h >= w.histogramTo || (f < w.floatTo && w.floatTimes[f] < w.histogramTimes[h])
      if (isFloat) {
        const value = w.floats[f++]
        if (!first && (beforeHistogram ? true : floats(value, beforeFloat))) count++
        beforeFloat = value
        beforeHistogram = null
      } else {
        const histogram = w.histograms[h++]
        if (!first && (beforeHistogram ? histograms(histogram, beforeHistogram) : true)) count++
        beforeHistogram = histogram
      }
      first = false
    }
    return w.float(count)
  }
}

function quantileOverTime(w: Window): ReturnType<RangeFunction> {
  if (w.floatTo === w.floatFrom) return NONE
  const q = w.scalars[0]
  if (!(q >= 0 && q <= 1)) w.notes.invalidQuantile(q, w.firstAt)
  noteIgnored(w)
  return w.float(quantileOf(q, w.floats.slice(w.floatFrom, w.floatTo)))
}

function medianDeviation(w: Window): number {
  const values = w.floats.slice(w.floatFrom, w.floatTo)
  if (values.some(Number.isNaN)) return Number.NaN
  const median = quantileOf(0.5, values)
  return quantileOf(
    0.5,
    values.map((value) => Math.abs(value - median)),
  )
}

const present: RangeFunction = (w) => (w.floatCount + w.histogramCount > 0 ? w.float(1) : NONE)

/** Functions of a range vector, one series and step at a time. */
export const RANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map<string, RangeFunction>([
  ['rate', extrapolatedRate(true, true)],
  ['increase', extrapolatedRate(true, false)],
  ['delta', extrapolatedRate(false, false)],
  ['irate', instantChange(true)],
  ['idelta', instantChange(false)],
  ['sum_over_time', additive(sumOf, sumOfHistograms)],
  ['avg_over_time', additive(meanOf, meanOfHistograms)],
  ['max_over_time', slidingExtreme(1)],
  ['min_over_time', slidingExtreme(-1)],
  ['ts_of_max_over_time', extreme((value, best) => value >= best, true)],
  ['ts_of_min_over_time', extreme((value, best) => value <= best, true)],
  ['stdvar_over_time', overFloats(varianceOf)],
  ['stddev_over_time', overFloats((w) => Math.sqrt(varianceOf(w)))],
  ['mad_over_time', overFloats(medianDeviation)],
  ['quantile_over_time', quantileOverTime],
  ['count_over_time', (w) => (w.floatCount + w.histogramCount > 0 ? w.float(w.floatCount + w.histogramCount) : NONE)],
  ['present_over_time', present],
  ['absent_over_time', present],
  ['first_over_time', edge(false)],
  ['last_over_time', edge(true)],
  ['ts_of_first_over_time', edgeTime(false)],
  ['ts_of_last_over_time', edgeTime(true)],
  ['deriv', overTwoFloats((w) => regression(w, w.floatTimes[w.floatFrom])[0])],
  [
    'predict_linear',
    overTwoFloats((w) => {
      const [slope, intercept] = regression(w, w.time)
      return slope * w.scalars[0] + intercept
    }),
  ],
  ['double_exponential_smoothing', doubleExponentialSmoothing],
  ['resets', countPairs((current, before) => current < before, detectReset)],
  [
    'changes',
    countPairs(
      (current, before) => current !== before && !(Number.isNaN(current) && Number.isNaN(before)),
      (current, before) => !equalHistograms(current, before),
    ),
  ],
])

export const KEEPS_NAME = new Set(['last_over_time', 'first_over_time'])
export const ANCHORED_SAFE = ['changes', 'delta', 'increase', 'rate', 'resets']
export const SMOOTHED_SAFE = ['delta', 'increase', 'rate']
