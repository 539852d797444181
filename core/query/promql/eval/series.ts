import { type Labels, SampleKind, type SeriesSamples } from '../../../model/series.ts'
import { type FloatHistogram, fromModel } from '../histogram/float-histogram.ts'
import { detectReset } from '../histogram/reset.ts'

/** What a step holds. */
export const NONE = 0
export const FLOAT = 1
export const HISTOGRAM = 2

/** A series evaluated at every step; shared between nodes, so only its maker writes to it. */
export interface StepSeries {
  labels: Labels
  /** The name goes away at the end (delayed name removal). */
  dropName: boolean
  kinds: Uint8Array
  values: Float64Array
  /** At the index of each histogram; null while there is none. */
  histograms: (FloatHistogram | null)[] | null
}

export function newStepSeries(labels: Labels, dropName: boolean, steps: number): StepSeries {
  return { labels, dropName, kinds: new Uint8Array(steps), values: new Float64Array(steps), histograms: null }
}

export function setHistogram(series: StepSeries, step: number, histogram: FloatHistogram): void {
  series.kinds[step] = HISTOGRAM
  series.histograms ??= new Array<FloatHistogram | null>(series.kinds.length).fill(null)
  series.histograms[step] = histogram
}

export function setFloat(series: StepSeries, step: number, value: number): void {
  series.kinds[step] = FLOAT
  series.values[step] = value
}

export function copyStep(from: StepSeries, to: StepSeries, step: number): void {
  if (from.kinds[step] === HISTOGRAM) setHistogram(to, step, (from.histograms as FloatHistogram[])[step])
  else setFloat(to, step, from.values[step])
}

export function isEmptySeries(series: StepSeries): boolean {
  return !series.kinds.some((kind) => kind !== NONE)
}

/** A series as loaded or as a subquery gives it: samples at their own times. */
export interface SampleSeries {
  labels: Labels
  dropName: boolean
  times: Float64Array
  values: Float64Array
  /** SampleKind of each; null when all are floats. */
  kinds: Uint8Array | null
  histograms: (FloatHistogram | null)[] | null
  split: SplitSeries | null
}

/** Floats and histograms of a series apart, stale markers gone. */
export interface SplitSeries {
  floatTimes: Float64Array
  floats: Float64Array
  histogramTimes: Float64Array
  histograms: FloatHistogram[]
}

export function fromStored(stored: SeriesSamples, statsOnly: boolean): SampleSeries {
  const histograms = stored.histograms?.map((histogram) => (histogram ? fromModel(histogram) : null)) ?? null
  const series: SampleSeries = {
    labels: stored.labels,
    dropName: false,
    times: stored.times,
    values: stored.values,
    kinds: stored.kinds,
    histograms,
    split: null,
  }
  if (statsOnly && histograms) series.histograms = countAndSum(histograms)
  return series
}

/** Only counts and sums, with the resets that the buckets would have shown as hints. */
function countAndSum(histograms: (FloatHistogram | null)[]): (FloatHistogram | null)[] {
  let last: FloatHistogram | null = null
  return histograms.map((histogram) => {
    if (!histogram) return null
    let { hint } = histogram
    if (hint === 'unknown' && last) hint = detectReset(histogram, last) ? 'reset' : 'not_reset'
    last = histogram
    return {
      schema: histogram.schema,
      hint,
      zeroThreshold: 0,
      zeroCount: 0,
      count: histogram.count,
      sum: histogram.sum,
      positive: { index: [], count: [] },
      negative: { index: [], count: [] },
      custom: [],
    }
  })
}

const NOTHING = new Float64Array(0)

export function splitSeries(series: SampleSeries): SplitSeries {
  if (series.split) return series.split
  const { times, values, kinds, histograms } = series
  if (!kinds) {
    series.split = { floatTimes: times, floats: values, histogramTimes: NOTHING, histograms: [] }
    return series.split
  }
  const floatTimes: number[] = []
  const floats: number[] = []
  const histogramTimes: number[] = []
  const found: FloatHistogram[] = []
  for (let i = 0; i < times.length; i++) {
    if (kinds[i] === SampleKind.float) {
      floatTimes.push(times[i])
      floats.push(values[i])
    } else if (kinds[i] === SampleKind.histogram) {
      histogramTimes.push(times[i])
      found.push((histograms as FloatHistogram[])[i])
    }
  }
  series.split = {
    floatTimes: Float64Array.from(floatTimes),
    floats: Float64Array.from(floats),
    histogramTimes: Float64Array.from(histogramTimes),
    histograms: found,
  }
  return series.split
}
