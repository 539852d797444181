import type { NativeHistogram } from './native-histogram.ts'

/** Label name and value, sorted by name (byte order), unique, no empty value. The metric's name is `__name__`. */
export type Labels = readonly (readonly [name: string, value: string])[]

/** Selects series by one label; `=~` and `!~` are RE2, anchored at both ends. An absent label equals "". */
export interface Matcher {
  name: string
  op: '=' | '!=' | '=~' | '!~'
  value: string
}

/** What a sample holds. A stale marker is never told from its number: NaN payloads do not survive JavaScript. */
export const SampleKind = { float: 0, stale: 1, histogram: 2 } as const
export type SampleKind = (typeof SampleKind)[keyof typeof SampleKind]

/** One series with its samples in time order, as a query reads it. */
export interface SeriesSamples {
  labels: Labels
  /** Whole ms since the epoch, strictly ascending. */
  times: Float64Array
  /** NaN where the sample is a histogram or a stale marker. */
  values: Float64Array
  /** SampleKind of each sample; null when all are floats. */
  kinds: Uint8Array | null
  /** At the index of each histogram sample; null when there is none. */
  histograms: (NativeHistogram | null)[] | null
}

export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown'

export interface MetricMetadata {
  metric: string
  type: MetricType
  unit: string
  help: string
}

/** A trace (or anything else) that stands for one observation. */
export interface Exemplar {
  labels: Labels
  value: number
  /** Whole ms since the epoch. */
  time: number
}

export interface SeriesExemplars {
  series: Labels
  exemplars: Exemplar[]
}

/**
 * Samples on their way in, from one request or scrape. `series[seriesOf[i]]` owns sample i; samples of one series stand
 * in the order they were sent.
 */
export interface SampleBatch {
  series: Labels[]
  seriesOf: Uint32Array
  /** Whole ms since the epoch. */
  times: Float64Array
  values: Float64Array
  kinds: Uint8Array
  /** By sample index; empty when there are none. */
  histograms: Map<number, NativeHistogram>
  exemplars: { seriesOf: number; exemplar: Exemplar }[]
  metadata: MetricMetadata[]
}
