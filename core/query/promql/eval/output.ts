import type { FloatHistogram } from '../histogram/float-histogram.ts'
import { weightOf } from '../histogram/float-histogram.ts'
import { labelsKey, withoutMetadata } from './labels.ts'
import { evaluationError } from './query-run.ts'
import { copyStep, FLOAT, HISTOGRAM, isEmptySeries, NONE, type SampleSeries, type StepSeries } from './series.ts'

export const SAME_LABELS = 'vector cannot contain metrics with the same labelset'

/** Whether two of the series have the same labels. */
function hasDuplicates(series: readonly StepSeries[]): boolean {
  if (series.length < 2) return false
  const seen = new Set<string>()
  for (const { labels } of series) {
    const key = labelsKey(labels)
    if (seen.has(key)) return true
    seen.add(key)
  }
  return false
}

/**
 * Series with the same labels become one, in the order of the first.
 * @throws GlassboxError `promql_failed` when two have a sample at the same step
 */
export function mergeSameLabels(series: StepSeries[]): StepSeries[] {
  if (!hasDuplicates(series)) return series
  const byKey = new Map<string, StepSeries>()
  for (const one of series) {
    const key = labelsKey(one.labels)
    const known = byKey.get(key)
    if (!known) {
      byKey.set(key, one)
      continue
    }
    const both: StepSeries = {
      ...known,
      kinds: known.kinds.slice(),
      values: known.values.slice(),
      histograms: known.histograms?.slice() ?? null,
    }
    for (let step = 0; step < one.kinds.length; step++) {
      if (one.kinds[step] === NONE) continue
      if (both.kinds[step] !== NONE) throw evaluationError(SAME_LABELS)
      copyStep(one, both, step)
    }
    byKey.set(key, both)
  }
  return [...byKey.values()]
}

/**
 * What a node hands on: series without samples are gone. Over several steps, series with the same labels are merged; at
 * a single step they are an error, unless names are dropped at the end only.
 */
export function finish(series: StepSeries[], steps: number, delayedNames: boolean): StepSeries[] {
  const filled = series.filter((one) => !isEmptySeries(one))
  if (steps === 1) {
    if (!delayedNames && hasDuplicates(filled)) throw evaluationError(SAME_LABELS)
    return filled
  }
  return mergeSameLabels(filled)
}

/** Delayed name removal, done once the whole query is evaluated. */
export function dropDelayedNames(series: StepSeries[]): StepSeries[] {
  return mergeSameLabels(series.map((one) => (one.dropName ? { ...one, labels: withoutMetadata(one.labels) } : one)))
}

export function countSamples(series: readonly StepSeries[]): number {
  let count = 0
  for (const { kinds, histograms } of series) {
    for (let step = 0; step < kinds.length; step++) {
      if (kinds[step] === FLOAT) count++
      else if (kinds[step] === HISTOGRAM) count += weightOf((histograms as FloatHistogram[])[step])
    }
  }
  return count
}

/** The samples of an evaluated series at the times of its steps, as the input of a range function. */
export function toSamples(series: StepSeries, start: number, step: number): SampleSeries {
  const { kinds } = series
  let count = 0
  for (let i = 0; i < kinds.length; i++) if (kinds[i] !== NONE) count++
  const samples: SampleSeries = {
    labels: series.labels,
    dropName: series.dropName,
    times: new Float64Array(count),
    values: new Float64Array(count),
    kinds: series.histograms ? new Uint8Array(count) : null,
    histograms: series.histograms ? new Array<FloatHistogram | null>(count).fill(null) : null,
    split: null,
  }
  let at = 0
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === NONE) continue
    samples.times[at] = start + i * step
    if (kinds[i] === HISTOGRAM) {
      const histogram = (series.histograms as FloatHistogram[])[i]
      samples.values[at] = Number.NaN
      if (samples.kinds) samples.kinds[at] = 2
      // Whether a counter was reset between samples that a subquery picked out cannot be told from hints.
      const hinted = histogram.hint === 'reset' || histogram.hint === 'not_reset'
      if (samples.histograms) samples.histograms[at] = hinted ? { ...histogram, hint: 'unknown' } : histogram
    } else samples.values[at] = series.values[i]
    at++
  }
  return samples
}
