/**
 * A native histogram sample with absolute counts (Prometheus' float histogram). Bucket i of an exponential schema
 * covers (2^((i-1)·2^-schema), 2^(i·2^-schema)]; schema -53 takes its upper bounds from `customValues` (without +Inf).
 * `positive` and `negative` list only populated stretches: span k starts `offset` buckets after the end of the one
 * before (the first: at that index).
 */
export interface NativeHistogram {
  /** -4..8, or -53 for custom buckets. */
  schema: number
  counterReset: 'unknown' | 'reset' | 'not_reset' | 'gauge'
  zeroThreshold: number
  zeroCount: number
  count: number
  sum: number
  positive: BucketSpans
  negative: BucketSpans
  customValues: number[] | null
}

export interface BucketSpans {
  spans: { offset: number; length: number }[]
  /** One absolute count a bucket, in order; its length is the sum of the span lengths. */
  counts: number[]
}

export const CUSTOM_BUCKETS_SCHEMA = -53
