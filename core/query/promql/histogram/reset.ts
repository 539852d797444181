import {
  type Buckets,
  exponentialBound,
  type FloatHistogram,
  sameBounds,
  usesCustomBuckets,
} from './float-histogram.ts'
import { coarser, zeroCountFor } from './sum.ts'

/** Whether the counter behind `current` was reset after `previous`: by its hint, else because anything shrank. */
export function detectReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.hint === 'reset') return true
  if (current.hint === 'not_reset') return false
  if (current.count < previous.count) return true
  if (usesCustomBuckets(current)) {
    if (!usesCustomBuckets(previous)) return true
    if (!sameBounds(current, previous)) return shrankBySharedBounds(current, previous)
  }
  if (current.schema > previous.schema) return true
  if (current.zeroThreshold < previous.zeroThreshold) return true
  const zero = zeroCountFor(previous, current.zeroThreshold)
  if (zero.threshold !== current.zeroThreshold || current.zeroCount < zero.count) return true
  return shrank(current, previous, 'positive') || shrank(current, previous, 'negative')
}

function shrank(current: FloatHistogram, previous: FloatHistogram, side: 'positive' | 'negative'): boolean {
  const before: Buckets =
    previous.schema > current.schema ? coarser(previous[side], previous.schema - current.schema) : previous[side]
  const now = current[side]
  let at = 0
  for (let i = 0; i < before.index.length; i++) {
    const index = before.index[i]
    if (!usesCustomBuckets(current) && exponentialBound(index, current.schema) <= current.zeroThreshold) continue
    while (at < now.index.length && now.index[at] < index) at++
    if (at >= now.index.length || now.index[at] !== index || now.count[at] < before.count[i]) return true
  }
  return false
}

function shrankBySharedBounds(current: FloatHistogram, previous: FloatHistogram): boolean {
  const bounds = [...current.custom.filter((bound) => previous.custom.includes(bound)), Number.POSITIVE_INFINITY]
  const now = rollUp(current, bounds)
  const before = rollUp(previous, bounds)
  return now.some((count, i) => count < before[i])
}

function rollUp(histogram: FloatHistogram, bounds: readonly number[]): number[] {
  const counts = new Array<number>(bounds.length).fill(0)
  for (let i = 0; i < histogram.positive.index.length; i++) {
    const upper = histogram.custom[histogram.positive.index[i]] ?? Number.POSITIVE_INFINITY
    counts[bounds.findIndex((bound) => bound >= upper)] += histogram.positive.count[i]
  }
  return counts
}
