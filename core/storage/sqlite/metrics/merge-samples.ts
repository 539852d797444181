import type { NativeHistogram } from '../../../model/native-histogram.ts'
import { lowerBound } from './head-series.ts'
import type { ReadSamples } from './sample-block.ts'

/** The stretch of `samples` within the range, both ends inclusive; null when there is none. Shares memory. */
export function clip(samples: ReadSamples, start: number, end: number): ReadSamples | null {
  const { times, values, kinds, histograms } = samples
  const from = lowerBound(times, start)
  const to = lowerBound(times, end + 1)
  if (from >= to) return null
  if (from === 0 && to === times.length) return samples
  return {
    times: times.subarray(from, to),
    values: values.subarray(from, to),
    kinds: kinds?.subarray(from, to) ?? null,
    histograms: histograms?.slice(from, to) ?? null,
  }
}

/** One run in time order from several, in memory of its own. Of two samples at one time the later part's wins. */
export function mergeSamples(parts: readonly ReadSamples[]): ReadSamples {
  const total = parts.reduce((sum, part) => sum + part.times.length, 0)
  const times = new Float64Array(total)
  const values = new Float64Array(total)
  const kinds = parts.some((part) => part.kinds) ? new Uint8Array(total) : null
  const histograms: (NativeHistogram | null)[] | null = parts.some((part) => part.histograms)
    ? new Array(total).fill(null)
    : null
  let at = 0
  let ordered = true
  for (const part of parts) {
    if (at > 0 && part.times[0] <= times[at - 1]) ordered = false
    times.set(part.times, at)
    values.set(part.values, at)
    if (kinds && part.kinds) kinds.set(part.kinds, at)
    if (histograms && part.histograms)
      for (let i = 0; i < part.histograms.length; i++) histograms[at + i] = part.histograms[i]
    at += part.times.length
  }
  return ordered ? { times, values, kinds, histograms } : sortSamples({ times, values, kinds, histograms })
}

/** In order of time, in memory of their own; of two samples at one time the later one's. */
export function sortSamples({ times, values, kinds, histograms }: ReadSamples): ReadSamples {
  const order = Uint32Array.from(times, (_, i) => i).sort((a, b) => times[a] - times[b] || a - b)
  const kept = order.filter((index, i) => i === order.length - 1 || times[order[i + 1]] !== times[index])
  return {
    times: Float64Array.from(kept, (i) => times[i]),
    values: Float64Array.from(kept, (i) => values[i]),
    kinds: kinds ? Uint8Array.from(kept, (i) => kinds[i]) : null,
    histograms: histograms ? Array.from(kept, (i) => histograms[i]) : null,
  }
}
