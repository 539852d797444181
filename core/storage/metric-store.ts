import type { PackedSeries } from '../model/packed-series.ts'
import type { Labels, Matcher, MetricMetadata, SampleBatch, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import type { QueryContext } from './query-context.ts'

/**
 * The contract of metric storage. Times are whole ms, both bounds inclusive (as Prometheus' api has them). A list with
 * nothing in it is empty, never null. Errors are GlassboxError; limits throw `query_too_large` and name the limit.
 */

export interface SelectQuery {
  /** All must match; at least one must not match the empty string. */
  matchers: Matcher[]
  start: number
  end: number
  /** The query's step in ms, 0 for an instant query: lets the engine choose 5-minute aggregates for old ranges. */
  step: number
  /** The function applied to the selector (`rate`, `max_over_time`, ...), which decides the aggregate; null when none. */
  func: string | null
  /** Throws `query_too_large` beyond it. */
  maxSamples: number
}

export interface SelectResult {
  /** Sorted by labels. The arrays become the asker's, who may hand them to another thread. */
  series: SeriesSamples[]
  /** Whether 5-minute aggregates stood in for raw samples; told to the person as an info. */
  downsampled: boolean
  /** Stored blocks that are damaged and left out; absent = none. Told to the person as a warning. */
  damagedBlocks?: number
  /** Under `count_over_time`: values say how many samples each stands for, so that they are to be added up. */
  counted?: boolean
}

/** A result on its way to another thread. */
export type PackedResult = Omit<SelectResult, 'series'> & { series: PackedSeries }

export interface MetricReader {
  select(query: SelectQuery, context?: QueryContext): Promise<SelectResult>
  /** As `select`, for one who hands the result on. */
  selectPacked(query: SelectQuery, context?: QueryContext): Promise<PackedResult>
  /** Label sets of series with a sample in the range that match any of the selectors; sorted; at most `limit`. */
  series(
    selectors: Matcher[][],
    range: { start: number; end: number },
    limit: number,
    context?: QueryContext,
  ): Promise<Labels[]>
  /** No selector means all series. Sorted. */
  labelNames(
    selectors: Matcher[][],
    range: { start: number; end: number },
    limit: number,
    context?: QueryContext,
  ): Promise<string[]>
  labelValues(
    name: string,
    selectors: Matcher[][],
    range: { start: number; end: number },
    limit: number,
    context?: QueryContext,
  ): Promise<string[]>
  metadata(metric: string | null, limit: number, context?: QueryContext): Promise<MetricMetadata[]>
  exemplars(
    selectors: Matcher[][],
    range: { start: number; end: number },
    context?: QueryContext,
  ): Promise<SeriesExemplars[]>
}

/** Why samples were not stored, by reason: `out_of_order`, `duplicate_value`, `too_old`, `too_far_ahead`, `series_limit`. */
export interface MetricWriteResult {
  stored: number
  /** The same (series, time, value) once more: no error, not stored again. */
  duplicates: number
  rejected: { reason: string; count: number; example: string }[]
  /** By sample: 0 stored, 1 a duplicate, 2 + the place in `rejected`; null when all were stored. */
  fates: Uint16Array | null
}

/** The state of the series index, for the screens and self-metrics. */
export interface MetricStats {
  series: number
  /** Samples in memory that are not in a block yet. */
  headSamples: number
  /** ms of the oldest and newest sample of the series known; absent while there is none. */
  firstTime?: number
  lastTime?: number
  /** Distinct pairs of name and value. */
  labelPairs?: number
  /** Metrics of which series were refused because of a limit, with how many samples that cost. */
  refusedSeries: { metric: string; samples: number }[]
  /** The metrics with most series, at most 10,000. */
  topMetrics: { metric: string; series: number }[]
  /** The labels with most values, at most 100; where the engine counts them. */
  topLabels?: { name: string; values: number }[]
  /** The values that most series have, at most 100, metric names left out; where the engine counts them. */
  topPairs?: { name: string; value: string; series: number }[]
  limits: MetricLimits
}

export interface MetricWriter {
  /** Stores what it can; one bad sample never takes others with it. */
  writeSamples(batch: SampleBatch): Promise<MetricWriteResult>
}

/** What is refused. */
export interface MetricLimits {
  maxSeries: number
  maxSeriesPerMetric: number
  /** How far behind the newest sample of its series another may come, ms. */
  outOfOrderMs: number
}

/** Metric storage as a store holds it. */
export interface MetricStore extends MetricReader, MetricWriter {
  /** Holds from now on, also for a writer that is started anew. */
  setLimits(limits: MetricLimits): void
  metricStats(): Promise<MetricStats>
}
