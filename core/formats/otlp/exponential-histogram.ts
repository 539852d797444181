import type { BucketSpans, NativeHistogram } from '../../model/native-histogram.ts'
import type { OtlpBuckets, OtlpPoint } from './metric-points.ts'

const MOST_SCALE = 8
const LEAST_SCALE = -4
/** Buckets a histogram side: more than any SDK makes by far. */
const MOST_BUCKETS = 10_000

/**
 * An exponential histogram point as a native histogram: indices by the upper edge (one more than OTLP's), scales above 8
 * merged down to it. A text says why it cannot be one.
 */
export function nativeHistogram(point: OtlpPoint, cumulative: boolean): NativeHistogram | string {
  if (point.scale < LEAST_SCALE) return `scale ${point.scale} is below ${LEAST_SCALE}`
  if (point.sum === null && point.count > 0) return 'the sum is missing'
  if (point.positive.counts.length > MOST_BUCKETS || point.negative.counts.length > MOST_BUCKETS)
    return `more than ${MOST_BUCKETS} buckets`
  const down = Math.max(0, point.scale - MOST_SCALE)
  if (down > 20) return `scale ${point.scale} is above 28`
  return {
    schema: point.scale - down,
    counterReset: cumulative ? 'unknown' : 'gauge',
    zeroThreshold: point.zeroThreshold || 1e-128,
    zeroCount: point.zeroCount,
    count: point.count,
    sum: point.sum ?? 0,
    positive: spansOf(point.positive, down),
    negative: spansOf(point.negative, down),
    customValues: null,
  }
}

/** Populated stretches; a gap of one or two empty buckets is cheaper kept than cut. */
function spansOf({ offset, counts }: OtlpBuckets, down: number): BucketSpans {
  const byIndex = new Map<number, number>()
  counts.forEach((count, i) => {
    if (count > 0) {
      const index = ((offset + i) >> down) + 1
      byIndex.set(index, (byIndex.get(index) ?? 0) + count)
    }
  })
  const out: BucketSpans = { spans: [], counts: [] }
  let next = 0
  for (const [index, count] of [...byIndex].sort((a, b) => a[0] - b[0])) {
    const gap = index - next
    const last = out.spans.at(-1)
    if (!last) out.spans.push({ offset: index, length: 1 })
    else if (gap <= 2) {
      for (let i = 0; i < gap; i++) out.counts.push(0)
      last.length += gap + 1
    } else out.spans.push({ offset: gap, length: 1 })
    out.counts.push(count)
    next = index + 1
  }
  return out
}
