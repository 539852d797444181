import type { Histogram } from '../../../model/answers.ts'

/** Counters over [start, end) in `buckets` equal steps of whole µs, one counter a series. */
export function bucketize(
  start: number,
  end: number,
  buckets: number,
  series: readonly string[],
): { bucketUs: number; add(time: number, series: number, n?: number): void; finish(): Histogram } {
  const bucketUs = Math.max(1, Math.ceil((end - start) / Math.max(1, buckets)))
  const count = Math.max(0, Math.ceil((end - start) / bucketUs))
  const counts = new Float64Array(count * series.length)
  let total = 0
  return {
    bucketUs,
    add(time, at, n = 1) {
      total += n
      counts[Math.floor((time - start) / bucketUs) * series.length + at] += n
    },
    finish() {
      const made = Array.from({ length: count }, (_, bucket) => ({
        time: start + bucket * bucketUs,
        counts: Object.fromEntries(series.map((name, at) => [name, counts[bucket * series.length + at]])),
      }))
      return { bucketUs, buckets: made, total }
    },
  }
}
