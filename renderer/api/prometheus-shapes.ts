/** What /api/v1 answers, as far as the page reads it. */

/** A native histogram as the api writes it: `buckets` are [rule of the bounds, low, high, count]. */
export interface PrometheusHistogram {
  count: string
  sum: string
  buckets?: [rule: number, low: string, high: string, count: string][]
}

/** One series of an answer; `value`/`histogram` at one time, `values`/`histograms` over time. Times are seconds. */
export interface PrometheusSeries {
  metric: Record<string, string>
  value?: [number, string]
  histogram?: [number, PrometheusHistogram]
  values?: [number, string][]
  histograms?: [number, PrometheusHistogram][]
}

export type PrometheusData =
  | { resultType: 'scalar'; result: [number, string] }
  | { resultType: 'string'; result: [number, string] }
  | { resultType: 'vector'; result: PrometheusSeries[] }
  | { resultType: 'matrix'; result: PrometheusSeries[] }

/** An answer of /api/v1 with what the engine had to say about it. */
export interface PrometheusAnswer<T> {
  data: T
  warnings?: string[]
  infos?: string[]
}

export interface MetricMetadata {
  type: string
  help: string
  unit: string
}

export interface SeriesExemplars {
  seriesLabels: Record<string, string>
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[]
}

/** One target of /api/v1/targets, as far as the page reads it. */
export interface ScrapeTarget {
  labels: Record<string, string>
  scrapePool: string
  scrapeUrl: string
  lastError: string
  /** Seconds. */
  lastScrapeDuration: number
  health: 'up' | 'down' | 'unknown'
}

interface NameCount {
  name: string
  value: number
}

export interface TsdbStatus {
  headStats: { numSeries: number }
  seriesCountByMetricName: NameCount[]
  labelValueCountByLabelName: NameCount[]
  seriesCountByLabelValuePair: NameCount[]
}
