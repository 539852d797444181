import type { KeyValue } from '../../model/records.ts'

/** OTLP metrics as both encodings are read into; counts are numbers (exact below 2^53). */
export interface OtlpResourceMetrics {
  resource: KeyValue[]
  scopes: OtlpScopeMetrics[]
}

export interface OtlpScopeMetrics {
  name: string
  version: string
  metrics: OtlpMetric[]
}

export interface OtlpMetric {
  name: string
  description: string
  unit: string
  kind: 'gauge' | 'sum' | 'histogram' | 'exponential' | 'summary' | null
  /** 1 delta, 2 cumulative, anything else is not valid. */
  temporality: number
  monotonic: boolean
  points: OtlpPoint[]
}

/** One data point of any kind; what the kind does not have is null or empty. Times are whole ms, 0 = unknown. */
export interface OtlpPoint {
  attributes: KeyValue[]
  startMs: number
  timeMs: number
  /** Flag bit 0: no recorded value, a staleness marker. */
  stale: boolean
  value: number | null
  count: number
  sum: number | null
  bounds: number[]
  bucketCounts: number[]
  scale: number
  zeroCount: number
  zeroThreshold: number
  positive: OtlpBuckets
  negative: OtlpBuckets
  quantiles: { quantile: number; value: number }[]
  exemplars: OtlpExemplar[]
}

export interface OtlpBuckets {
  offset: number
  counts: number[]
}

export interface OtlpExemplar {
  attributes: KeyValue[]
  timeMs: number
  value: number
  /** Lower-case hex, or empty. */
  traceId: string
  spanId: string
}

export function emptyMetric(): OtlpMetric {
  return { name: '', description: '', unit: '', kind: null, temporality: 0, monotonic: false, points: [] }
}

export function emptyPoint(): OtlpPoint {
  return {
    attributes: [],
    startMs: 0,
    timeMs: 0,
    stale: false,
    value: null,
    count: 0,
    sum: null,
    bounds: [],
    bucketCounts: [],
    scale: 0,
    zeroCount: 0,
    zeroThreshold: 0,
    positive: { offset: 0, counts: [] },
    negative: { offset: 0, counts: [] },
    quantiles: [],
    exemplars: [],
  }
}
