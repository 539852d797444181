import type { OtlpBuckets, OtlpPoint } from './metric-points.ts'

interface Sum {
  timeMs: number
  point: OtlpPoint
}

/** Streams of deltas remembered; the one not heard of for longest goes first. */
const MOST_STREAMS = 100_000

/**
 * Adds delta points up to the running totals that PromQL wants. A gap between two deltas does not restart the total: a
 * total that fell would count the new delta only above the old total. Totals start with the process; `first` asks for a
 * zero in front of the first one, so that whatever an earlier run left is seen as reset and all of the delta counts.
 */
export class DeltaSums {
  #sums = new Map<string, Sum>()

  /** @returns the point with totals in place of deltas; null when it is not newer than the one before */
  add(stream: string, point: OtlpPoint): { total: OtlpPoint; first: boolean } | null {
    const known = this.#sums.get(stream)
    if (known && point.timeMs <= known.timeMs) return null
    const adds = known !== undefined && sameBounds(known.point, point)
    const total = adds ? added(...onOneScale(known.point, point)) : point
    this.#sums.delete(stream)
    this.#sums.set(stream, { timeMs: point.timeMs, point: { ...total, exemplars: [], attributes: [] } })
    if (this.#sums.size > MOST_STREAMS) {
      const [oldest] = this.#sums.keys()
      this.#sums.delete(oldest)
    }
    return { total, first: !adds }
  }
}

function sameBounds(a: OtlpPoint, b: OtlpPoint): boolean {
  return a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i])
}

/** Exponential histograms at the coarser of both scales; SDKs coarsen theirs as the values spread. */
function onOneScale(a: OtlpPoint, b: OtlpPoint): [OtlpPoint, OtlpPoint] {
  const scale = Math.min(a.scale, b.scale)
  const zeroThreshold = Math.max(a.zeroThreshold, b.zeroThreshold)
  const down = (point: OtlpPoint): OtlpPoint =>
    point.scale === scale && point.zeroThreshold === zeroThreshold
      ? point
      : {
          ...point,
          scale,
          zeroThreshold,
          positive: coarser(point.positive, point.scale - scale),
          negative: coarser(point.negative, point.scale - scale),
        }
  return [down(a), down(b)]
}

/** Each 2^by neighbouring buckets as one. */
function coarser({ offset, counts }: OtlpBuckets, by: number): OtlpBuckets {
  if (by === 0 || counts.length === 0) return { offset, counts }
  const first = offset >> by
  const merged = new Array<number>(((offset + counts.length - 1) >> by) - first + 1).fill(0)
  counts.forEach((count, i) => {
    merged[((offset + i) >> by) - first] += count
  })
  return { offset: first, counts: merged }
}

function added(total: OtlpPoint, delta: OtlpPoint): OtlpPoint {
  return {
    ...delta,
    value: delta.value === null ? null : (total.value ?? 0) + delta.value,
    count: total.count + delta.count,
    sum: delta.sum === null ? null : (total.sum ?? 0) + delta.sum,
    bucketCounts: delta.bucketCounts.map((count, i) => count + (total.bucketCounts[i] ?? 0)),
    zeroCount: total.zeroCount + delta.zeroCount,
    positive: addedBuckets(total.positive, delta.positive),
    negative: addedBuckets(total.negative, delta.negative),
  }
}

function addedBuckets(a: OtlpBuckets, b: OtlpBuckets): OtlpBuckets {
  if (a.counts.length === 0) return b
  if (b.counts.length === 0) return a
  const offset = Math.min(a.offset, b.offset)
  const end = Math.max(a.offset + a.counts.length, b.offset + b.counts.length)
  const counts = new Array<number>(end - offset).fill(0)
  for (const side of [a, b]) {
    for (let i = 0; i < side.counts.length; i++) counts[side.offset - offset + i] += side.counts[i]
  }
  return { offset, counts }
}
