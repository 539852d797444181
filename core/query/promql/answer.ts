import type { NativeHistogram } from '../../model/native-histogram.ts'
import type { Labels } from '../../model/series.ts'

/** One series at one time. `value` is NaN and `histogram` set where the sample is a native histogram. */
export interface VectorSample {
  labels: Labels
  /** Whole ms since the epoch. */
  time: number
  value: number
  histogram: NativeHistogram | null
}

/** One series over time; only steps that have a sample. */
export interface MatrixSeries {
  labels: Labels
  /** Whole ms since the epoch, ascending. */
  times: Float64Array
  /** NaN where the sample is a native histogram. */
  values: Float64Array
  /** Null when all samples are floats. */
  histograms: (NativeHistogram | null)[] | null
}

export type PromqlValue =
  | { type: 'scalar'; time: number; value: number }
  | { type: 'string'; time: number; value: string }
  | { type: 'vector'; samples: VectorSample[] }
  | { type: 'matrix'; series: MatrixSeries[] }

export interface PromqlAnswer {
  value: PromqlValue
  /** Texts as Prometheus words them, each ending in the position `(line:column)` of the expression at fault. */
  warnings: string[]
  infos: string[]
  /** Samples that were read. */
  samplesRead: number
  /** 5-minute aggregates stood in for raw samples somewhere. */
  downsampled: boolean
}

/** An answer as the api sends it. */
export interface PromqlJson extends Omit<PromqlAnswer, 'value'> {
  /** `{resultType, result}` as JSON in UTF-8. */
  data: Uint8Array
  /** Series were left out for the limit. */
  truncated: boolean
}

/** Which parts of the language that Prometheus keeps behind feature flags are understood. */
export interface PromqlFeatures {
  /** `promql-experimental-functions` */
  functions: boolean
  /** `promql-duration-expr` */
  durationExpressions: boolean
  /** `promql-extended-range-selectors` */
  extendedRangeSelectors: boolean
  /** `promql-binop-fill-modifiers` */
  fillModifiers: boolean
  /** `promql-delayed-name-removal` */
  delayedNameRemoval: boolean
}

export const STABLE_FEATURES: PromqlFeatures = {
  functions: false,
  durationExpressions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
  delayedNameRemoval: false,
}

export const ALL_FEATURES: PromqlFeatures = {
  functions: true,
  durationExpressions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
  delayedNameRemoval: true,
}

export interface PromqlLimits {
  /** Samples held at once by one query. */
  maxSamples: number
  /** Series read by one query. */
  maxSeries: number
  /** Points a series of a range query. */
  maxPoints: number
}

export const DEFAULT_LIMITS: PromqlLimits = { maxSamples: 50_000_000, maxSeries: 200_000, maxPoints: 11_000 }

/** How far back a sample counts as current, ms (Prometheus: 5 minutes). */
export const DEFAULT_LOOKBACK_MS = 300_000

/** What one evaluation needs to know besides the query. */
export interface EvaluationSettings {
  features: PromqlFeatures
  limits: PromqlLimits
  lookbackMs: number
  /** Step of a subquery that names none, ms (Prometheus: the global evaluation interval). */
  subqueryStepMs: number
}
