import { divided, type FloatHistogram, scaled, usesCustomBuckets } from '../histogram/float-histogram.ts'
import { detectReset } from '../histogram/reset.ts'
import { addHistograms } from '../histogram/sum.ts'
import type { Annotations } from './annotations.ts'
import { type FLOAT, type HISTOGRAM, NONE } from './series.ts'
import type { Window } from './window.ts'

/** The first index in [from, to) whose time is at least `time` (`past`: beyond it); `to` when there is none. */
export function firstAt(times: Float64Array, from: number, to: number, time: number, past: boolean): number {
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >> 1
    if (past ? times[middle] > time : times[middle] >= time) high = middle
    else low = middle + 1
  }
  return low
}

/** The straight line between two points at `time`; a counter that fell in between starts from zero. */
export function interpolate(t1: number, v1: number, t2: number, v2: number, time: number, isCounter: boolean): number {
  const from = isCounter && v2 < v1 ? 0 : v1
  return from + ((v2 - from) * (time - t1)) / (t2 - t1)
}

/** Which samples of a widened window bound the range; null when none lies in it. */
function bounds(w: Window, times: Float64Array, from: number, to: number): [first: number, last: number] | null {
  const first = Math.max(from, firstAt(times, from, to - 1, w.rangeStart, true) - 1)
  const last = w.smoothed ? firstAt(times, from, to - 1, w.rangeEnd, false) : to - 1
  if (times[last] <= w.rangeStart) return null
  if (w.smoothed && times[first] > w.rangeEnd) return null
  return [first, last]
}

/** rate, increase, delta of `x[r] anchored` or `x[r] smoothed` over floats. */
export function extendedFloatRate(w: Window, isCounter: boolean, isRate: boolean): typeof NONE | typeof FLOAT {
  const { floatTimes: t, floats: v } = w
  const range = bounds(w, t, w.floatFrom, w.floatTo)
  if (!range) return NONE
  let [first, last] = range
  const left =
    w.smoothed && t[first] < w.rangeStart
      ? interpolate(t[first], v[first], t[first + 1], v[first + 1], w.rangeStart, isCounter)
      : v[first]
  const right =
    w.smoothed && last > w.floatFrom && t[last] > w.rangeEnd
      ? interpolate(t[last - 1], v[last - 1], t[last], v[last], w.rangeEnd, isCounter)
      : v[last]
  let change = right - left
  if (isCounter) {
    if (t[first] <= w.rangeStart) first++
    if (t[last] >= w.rangeEnd) last--
    let before = left
    for (let i = first; i <= last; i++) {
      if (v[i] < before) change += before
      before = v[i]
    }
    if (right < before) change += before
  }
  return w.float(isRate ? change / w.rangeSeconds : change)
}

/** A histogram between two others; null when one has custom and the other exponential buckets. */
export function interpolateHistograms(
  h1: FloatHistogram,
  t1: number,
  h2: FloatHistogram,
  t2: number,
  time: number,
  isCounter: boolean,
  notes: Annotations,
  at: number,
): FloatHistogram | null {
  if (time === t1) return h1
  if (time === t2) return h2
  const fraction = (time - t1) / (t2 - t1)
  if (isCounter && detectReset(h2, h1)) return scaled(h2, fraction)
  const difference = addHistograms(h2, h1, -1)
  if (!difference) return null
  if (difference.reconciled) notes.mismatchedBounds('subtraction', at)
  const sum = addHistograms(scaled(difference.histogram, fraction), h1, 1)
  if (!sum) return null
  if (sum.reconciled) notes.mismatchedBounds('addition', at)
  return sum.histogram
}

/** The same over native histograms. */
export function extendedHistogramRate(w: Window, isCounter: boolean, isRate: boolean): typeof NONE | typeof HISTOGRAM {
  const { histogramTimes: t, histograms: h, notes, firstAt: at, name } = w
  const range = bounds(w, t, w.histogramFrom, w.histogramTo)
  if (!range) return NONE
  const [first, last] = range
  const custom = usesCustomBuckets(h[first])
  for (let i = first; i <= last; i++) {
    if (usesCustomBuckets(h[i]) !== custom) {
      notes.mixedExponentialCustom(name, at)
      return NONE
    }
    if (isCounter && h[i].hint === 'gauge') notes.notCounter(name, at)
  }
  const left =
    w.smoothed && t[first] < w.rangeStart
      ? interpolateHistograms(h[first], t[first], h[first + 1], t[first + 1], w.rangeStart, isCounter, notes, at)
      : h[first]
  const right =
    w.smoothed && last > w.histogramFrom && t[last] > w.rangeEnd
      ? interpolateHistograms(h[last - 1], t[last - 1], h[last], t[last], w.rangeEnd, isCounter, notes, at)
      : h[last]
  const mixed = (): typeof NONE => {
    notes.mixedExponentialCustom(name, at)
    return NONE
  }
  if (!left || !right) return mixed()
  if (!isCounter && (left.hint !== 'gauge' || right.hint !== 'gauge')) notes.notGauge(name, at)
  const difference = addHistograms(right, left, -1)
  if (!difference) return mixed()
  if (difference.reconciled) notes.mismatchedBounds('subtraction', at)
  let change = difference.histogram
  if (isCounter) {
    const add = (lost: FloatHistogram): boolean => {
      const sum = addHistograms(change, lost, 1)
      if (!sum) return false
      if (sum.reconciled) notes.mismatchedBounds('addition', at)
      change = sum.histogram
      return true
    }
    for (const lost of lostAtResets(w, first, last, left, right)) if (!add(lost)) return mixed()
  }
  return w.native({ ...(isRate ? divided(change, w.rangeSeconds) : change), hint: 'gauge' })
}

/** The counts right before each reset between the bounds. */
function lostAtResets(
  w: Window,
  first: number,
  last: number,
  left: FloatHistogram,
  right: FloatHistogram,
): FloatHistogram[] {
  const { histogramTimes: t, histograms: h } = w
  const lost: FloatHistogram[] = []
  let from = first + 1
  let before = left
  if (w.smoothed && t[first] < w.rangeStart && detectReset(h[first + 1], h[first])) {
    // The interpolated left bound has taken this reset into account already.
    before = h[first + 1]
    from++
  }
  // The last sample is `right` itself or lies beyond it.
  const to = last - 1
  if (from > to + 1) return lost
  for (let i = from; i <= to; i++) {
    if (detectReset(h[i], before)) lost.push(before)
    before = h[i]
  }
  if (detectReset(right, before)) lost.push(before)
  return lost
}
