import { divided, type FloatHistogram, scaled, usesCustomBuckets } from '../histogram/float-histogram.ts'
import { detectReset } from '../histogram/reset.ts'
import { addHistograms, coarser } from '../histogram/sum.ts'
import { extendedFloatRate, extendedHistogramRate } from './extended-rate.ts'
import { FLOAT, HISTOGRAM, NONE } from './series.ts'
import type { RangeFunction, Window } from './window.ts'

/** rate, increase and delta: the change over the range, extrapolated to its bounds. */
export function extrapolatedRate(isCounter: boolean, isRate: boolean): RangeFunction {
  return (w) => {
    const floats = w.floatTo - w.floatFrom
    const histograms = w.histogramTo - w.histogramFrom
    if (floats > 0 && histograms > 0) {
      w.notes.mixedFloatsHistograms(w.name, w.firstAt)
      return NONE
    }
    if (w.anchored || w.smoothed) {
      if (histograms > 0) return extendedHistogramRate(w, isCounter, isRate)
      return floats > 0 ? extendedFloatRate(w, isCounter, isRate) : NONE
    }
    if (histograms > 0) return histograms < 2 ? NONE : ofHistograms(w, isCounter, isRate)
    return floats < 2 ? NONE : ofFloats(w, isCounter, isRate)
  }
}

/** Where the current series falls, found once; windows only move on, so `next` does too. */
const falls = { serial: -1, at: [] as number[], next: 0 }

/** What a counter had reached before each of its resets in the window. */
function lostAtResets(w: Window, from: number, last: number): number {
  const { floats } = w
  if (falls.serial !== w.serial) {
    falls.serial = w.serial
    falls.next = 0
    falls.at.length = 0
    for (let i = 1; i < floats.length; i++) if (floats[i] < floats[i - 1]) falls.at.push(i)
  }
  const { at } = falls
  while (falls.next < at.length && at[falls.next] <= from) falls.next++
  let lost = 0
  for (let i = falls.next; i < at.length && at[i] <= last; i++) lost += floats[at[i] - 1]
  return lost
}

function ofFloats(w: Window, isCounter: boolean, isRate: boolean): typeof FLOAT {
  const { floats, floatTimes, floatFrom: from } = w
  const last = w.floatTo - 1
  let change = floats[last] - floats[from]
  if (isCounter) change += lostAtResets(w, from, last)
  const factor = extrapolation(w, floatTimes[from], floatTimes[last], last - from, isCounter, floats[from], change)
  w.value = change * (isRate ? factor / w.rangeSeconds : factor)
  return FLOAT
}

function ofHistograms(w: Window, isCounter: boolean, isRate: boolean): typeof NONE | typeof HISTOGRAM {
  const { histogramTimes: times, histogramFrom: from } = w
  const last = w.histogramTo - 1
  const change = histogramChange(w, isCounter)
  if (!change) return NONE
  const first = w.histograms[from].count
  const factor = extrapolation(w, times[from], times[last], last - from, isCounter, first, change.count)
  w.histogram = scaled(change, isRate ? factor / w.rangeSeconds : factor)
  return HISTOGRAM
}

/** By how much the change between the first and last sample stands for the whole range. */
function extrapolation(
  w: Window,
  firstTime: number,
  lastTime: number,
  gaps: number,
  isCounter: boolean,
  firstValue: number,
  change: number,
): number {
  let toStart = (firstTime - w.rangeStart) / 1000
  let toEnd = (w.rangeEnd - lastTime) / 1000
  const sampled = (lastTime - firstTime) / 1000
  const spacing = sampled / gaps
  const threshold = spacing * 1.1
  if (toStart >= threshold) toStart = spacing / 2
  if (isCounter && change > 0 && firstValue >= 0) {
    // A counter is never extrapolated below zero.
    const toZero = sampled * (firstValue / change)
    if (toZero < toStart) toStart = toZero
  }
  if (toEnd >= threshold) toEnd = spacing / 2
  return sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled
}

/** Last minus first histogram plus what was counted before each reset; null (and a note) when they do not fit. */
function histogramChange(w: Window, isCounter: boolean): FloatHistogram | null {
  const points = w.histograms.slice(w.histogramFrom, w.histogramTo)
  const { name, firstAt } = w
  const last = points[points.length - 1]
  let before = points[0]
  let custom = usesCustomBuckets(before)
  if (isCounter && (before.hint === 'gauge' || last.hint === 'gauge')) w.notes.notCounter(name, firstAt)
  if (isCounter && detectReset(points[1], before)) {
    // What was counted before a reset right after the first sample does not matter, nor does its layout.
    before = blank(points[1])
    custom = usesCustomBuckets(points[1])
  }
  const mixed = (): null => {
    w.notes.mixedExponentialCustom(name, firstAt)
    return null
  }
  if (usesCustomBuckets(last) !== custom) return mixed()
  let schema = Math.min(last.schema, before.schema)
  if (isCounter)
    for (const point of points.slice(1, -1)) {
      if (point.hint === 'gauge') w.notes.notCounter(name, firstAt)
      if (point.schema < schema) schema = point.schema
      if (usesCustomBuckets(point) !== custom) return mixed()
    }
  const start = addHistograms(atSchema(last, schema), before, -1)
  if (!start) return mixed()
  if (start.reconciled) w.notes.mismatchedBounds('subtraction', firstAt)
  let change = start.histogram
  if (isCounter)
    for (const point of points.slice(1)) {
      if (detectReset(point, before)) {
        const sum = addHistograms(change, before, 1)
        if (!sum) return mixed()
        if (sum.reconciled) w.notes.mismatchedBounds('addition', firstAt)
        change = sum.histogram
      }
      before = point
    }
  else if (points[0].hint !== 'gauge' || last.hint !== 'gauge') w.notes.notGauge(name, firstAt)
  return { ...change, hint: 'gauge' }
}

function blank(like: FloatHistogram): FloatHistogram {
  return {
    ...like,
    hint: 'unknown',
    zeroThreshold: 0,
    zeroCount: 0,
    count: 0,
    sum: 0,
    positive: { index: [], count: [] },
    negative: { index: [], count: [] },
  }
}

function atSchema(histogram: FloatHistogram, schema: number): FloatHistogram {
  if (histogram.schema === schema) return histogram
  const by = histogram.schema - schema
  return {
    ...histogram,
    schema,
    hint: 'unknown',
    positive: coarser(histogram.positive, by),
    negative: coarser(histogram.negative, by),
  }
}

/** irate and idelta: the change between the last two samples. */
export function instantChange(isRate: boolean): RangeFunction {
  return (w) => {
    const f = w.floatTo - 1
    const h = w.histogramTo - 1
    if (w.floatCount + w.histogramCount < 2) return NONE
    const floatTime = (i: number): number => (i >= w.floatFrom ? w.floatTimes[i] : Number.NEGATIVE_INFINITY)
    const histogramTime = (i: number): number => (i >= w.histogramFrom ? w.histogramTimes[i] : Number.NEGATIVE_INFINITY)
    const bothFloats = floatTime(f - 1) > histogramTime(h)
    const bothHistograms = histogramTime(h - 1) > floatTime(f)
    if (!bothFloats && !bothHistograms) {
      w.notes.mixedFloatsHistograms(w.name, w.firstAt)
      return NONE
    }
    if (bothFloats) {
      const interval = w.floatTimes[f] - w.floatTimes[f - 1]
      const value = w.floats[f]
      const change = isRate && value < w.floats[f - 1] ? value : value - w.floats[f - 1]
      return w.float(isRate ? change / (interval / 1000) : change)
    }
    return changeOfHistograms(w, h, isRate)
  }
}

function changeOfHistograms(w: Window, h: number, isRate: boolean): typeof NONE | typeof HISTOGRAM {
  const last = w.histograms[h]
  const before = w.histograms[h - 1]
  const gauges = (last.hint === 'gauge' ? 1 : 0) + (before.hint === 'gauge' ? 1 : 0)
  if (isRate && gauges > 0) w.notes.notCounter(w.name, w.firstAt)
  if (!isRate && gauges < 2) w.notes.notGauge(w.name, w.firstAt)
  let change = last
  if (!isRate || !detectReset(last, before)) {
    const difference = addHistograms(last, before, -1)
    if (!difference) {
      w.notes.mixedExponentialCustom(w.name, w.firstAt)
      return NONE
    }
    if (difference.reconciled) w.notes.mismatchedBounds('subtraction', w.firstAt)
    change = difference.histogram
  }
  const interval = w.histogramTimes[h] - w.histogramTimes[h - 1]
  const gauge: FloatHistogram = { ...change, hint: 'gauge' }
  return w.native(isRate ? divided(gauge, interval / 1000) : gauge)
}
