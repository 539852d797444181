import type { Labels } from '../../../model/series.ts'
import type { FloatHistogram } from '../histogram/float-histogram.ts'
import { histogramVariance } from '../histogram/quantile.ts'
import type { CallExpr } from '../syntax/ast.ts'
import { withoutMetadata } from './labels.ts'
import { FLOAT, HISTOGRAM, newStepSeries, type StepSeries } from './series.ts'

/** One value of a scalar argument a step. */
export type ScalarArgument = Float64Array

/** What a node's name becomes when its values stop being the metric's. */
export function namelessLabels(labels: Labels, delayedNames: boolean): Labels {
  return delayedNames ? labels : withoutMetadata(labels)
}

const log10 = (value: number): number => Math.log10(value)

/** Functions of one float. */
const FLOAT_FUNCTIONS: Record<string, (value: number) => number> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  sqrt: Math.sqrt,
  ln: Math.log,
  log2: Math.log2,
  log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  rad: (value) => (value * Math.PI) / 180,
  deg: (value) => (value * 180) / Math.PI,
  sgn: (value) => (value < 0 ? -1 : value > 0 ? 1 : value),
}

const dayMs = 86_400_000
const yearStart = (date: Date): number => Date.UTC(date.getUTCFullYear(), 0, 1)

/** Functions of a time in seconds. */
const DATE_FUNCTIONS: Record<string, (date: Date) => number> = {
  days_in_month: (date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
  day_of_month: (date) => date.getUTCDate(),
  day_of_week: (date) => date.getUTCDay(),
  day_of_year: (date) => Math.floor((date.getTime() - yearStart(date)) / dayMs) + 1,
  hour: (date) => date.getUTCHours(),
  minute: (date) => date.getUTCMinutes(),
  month: (date) => date.getUTCMonth() + 1,
  year: (date) => date.getUTCFullYear(),
}

const HISTOGRAM_FUNCTIONS: Record<string, (histogram: FloatHistogram) => number> = {
  histogram_count: (histogram) => histogram.count,
  histogram_sum: (histogram) => histogram.sum,
  histogram_avg: (histogram) => histogram.sum / histogram.count,
  histogram_stddev: (histogram) => Math.sqrt(histogramVariance(histogram)),
  histogram_stdvar: histogramVariance,
}

export const isDateFunction = (name: string): boolean => name in DATE_FUNCTIONS

export function dateValue(name: string, seconds: number): number {
  return DATE_FUNCTIONS[name](new Date(Math.trunc(seconds) * 1000))
}

/** Go's math.Max and math.Min let NaN win, and tell -0 from 0, as Math.max and Math.min do. */
function clampValue(name: string, value: number, scalars: ScalarArgument[], step: number): number {
  const low = name === 'clamp_max' ? Number.NEGATIVE_INFINITY : scalars[0][step]
  const high =
    name === 'clamp_max' ? scalars[0][step] : name === 'clamp_min' ? Number.POSITIVE_INFINITY : scalars[1][step]
  const capped = high === Number.NEGATIVE_INFINITY ? high : Math.min(high, value)
  // Go's math.Max and math.Min give the infinity that nothing lies beyond, also beside NaN.
  return low === Number.POSITIVE_INFINITY ? low : Math.max(low, capped)
}

/** Maps the floats of each series; histograms go away. */
function mapFloats(
  input: StepSeries[],
  delayedNames: boolean,
  map: (value: number, step: number) => number,
  keep: (step: number) => boolean = () => true,
): StepSeries[] {
  return input.map((series) => {
    const out = newStepSeries(namelessLabels(series.labels, delayedNames), true, series.kinds.length)
    for (let step = 0; step < series.kinds.length; step++) {
      if (series.kinds[step] !== FLOAT || !keep(step)) continue
      out.kinds[step] = FLOAT
      out.values[step] = map(series.values[step], step)
    }
    return out
  })
}

function mapHistograms(
  input: StepSeries[],
  delayedNames: boolean,
  map: (histogram: FloatHistogram) => number,
): StepSeries[] {
  return input.map((series) => {
    const out = newStepSeries(namelessLabels(series.labels, delayedNames), true, series.kinds.length)
    for (let step = 0; step < series.kinds.length; step++) {
      if (series.kinds[step] !== HISTOGRAM) continue
      out.kinds[step] = FLOAT
      out.values[step] = map((series.histograms as FloatHistogram[])[step])
    }
    return out
  })
}

/** Functions that look at one sample at a time; null when `node` calls none of them. */
export function elementwise(
  node: CallExpr,
  input: StepSeries[],
  scalars: ScalarArgument[],
  delayedNames: boolean,
): StepSeries[] | null {
  const { name } = node.func
  const ofFloat = FLOAT_FUNCTIONS[name]
  if (ofFloat) return mapFloats(input, delayedNames, ofFloat)
  const ofHistogram = HISTOGRAM_FUNCTIONS[name]
  if (ofHistogram) return mapHistograms(input, delayedNames, ofHistogram)
  if (isDateFunction(name)) return mapFloats(input, delayedNames, (value) => dateValue(name, value))
  if (name === 'round')
    return mapFloats(input, delayedNames, (value, step) => {
      const inverse = 1 / (scalars[0]?.[step] ?? 1)
      return Math.floor(value * inverse + 0.5) / inverse
    })
  if (name === 'clamp' || name === 'clamp_min' || name === 'clamp_max')
    return mapFloats(
      input,
      delayedNames,
      (value, step) => clampValue(name, value, scalars, step),
      (step) => name !== 'clamp' || !(scalars[1][step] < scalars[0][step]),
    )
  return null
}
