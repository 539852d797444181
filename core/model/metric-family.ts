import type { MetricMetadata, SeriesSamples } from './series.ts'

/**
 * A metric as it was sent, which may be several series names: of a histogram `x_bucket`, `x_sum` and `x_count`. `metric` is
 * the name of the family.
 */
export interface MetricFamily extends MetricMetadata {
  series: SeriesSamples[]
}

/** Suffixes of series names that belong to families of a type. */
export const FAMILY_SUFFIXES: Partial<Record<MetricMetadata['type'], readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  gaugehistogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
}
