import { SampleKind } from '../../../model/series.ts'
import { type BlockEncoder, Part, type ReadSamples } from './sample-block.ts'

const BUCKET_MS = 300_000
/** A series that drops more often than once in so many samples is no counter. */
const SAMPLES_A_DROP = 20

/**
 * Adds the 5-minute aggregates of one series. `Part.samples` keeps the last sample of each bucket, every stale marker
 * and, of what looks like a counter, both sides of every drop, so that a counter's increase over whole buckets stays what it was; min, max, sum and
 * count stand at the time of the bucket's last float.
 */
export function addAggregates(encoder: BlockEncoder, id: number, samples: ReadSamples): void {
  const keep = keptSamples(samples)
  encoder.add(id, Part.samples, {
    times: Float64Array.from(keep, (i) => samples.times[i]),
    values: Float64Array.from(keep, (i) => samples.values[i]),
    kinds: samples.kinds ? Uint8Array.from(keep, (i) => samples.kinds?.[i] ?? 0) : null,
    histograms: samples.histograms ? keep.map((i) => samples.histograms?.[i] ?? null) : null,
  })
  const { times, min, max, sum, count } = bucketsOf(samples)
  const flat = { times, kinds: null, histograms: null }
  encoder.add(id, Part.min, { ...flat, values: min })
  encoder.add(id, Part.max, { ...flat, values: max })
  encoder.add(id, Part.sum, { ...flat, values: sum })
  encoder.add(id, Part.count, { ...flat, values: count })
}

function keptSamples({ times, values, kinds, histograms }: ReadSamples): number[] {
  const keep: number[] = []
  let drops = 0
  for (let i = 1; i < times.length; i++)
    if ((histograms?.[i]?.count ?? values[i]) < (histograms?.[i - 1]?.count ?? values[i - 1])) drops++
  const counter = drops * SAMPLES_A_DROP <= times.length
  let last = -1
  for (let i = 0; i < times.length; i++) {
    const endsBucket = i + 1 === times.length || bucketOf(times[i + 1]) !== bucketOf(times[i])
    const size = histograms?.[i]?.count ?? values[i]
    const before = last < 0 ? Number.NaN : (histograms?.[last]?.count ?? values[last])
    const drop = counter && size < before
    if (drop && keep.at(-1) !== last) keep.push(last)
    if (endsBucket || drop || kinds?.[i] === SampleKind.stale) keep.push(i)
    if (kinds?.[i] !== SampleKind.stale) last = i
  }
  return keep.length > 1 ? [...new Set(keep)].sort((a, b) => a - b) : keep
}

function bucketsOf({ times, values, kinds }: ReadSamples) {
  const out = {
    times: [] as number[],
    min: [] as number[],
    max: [] as number[],
    sum: [] as number[],
    count: [] as number[],
  }
  let bucket = Number.NaN
  for (let i = 0; i < times.length; i++) {
    if (kinds && kinds[i] !== SampleKind.float) continue
    const value = values[i]
    if (bucketOf(times[i]) !== bucket) {
      bucket = bucketOf(times[i])
      out.times.push(times[i])
      out.min.push(value)
      out.max.push(value)
      out.sum.push(value)
      out.count.push(1)
      continue
    }
    const at = out.times.length - 1
    out.times[at] = times[i]
    // NaN counts as a value only while there is no other.
    if (value < out.min[at] || Number.isNaN(out.min[at])) out.min[at] = value
    if (value > out.max[at] || Number.isNaN(out.max[at])) out.max[at] = value
    out.sum[at] += value
    out.count[at]++
  }
  return out
}

function bucketOf(time: number): number {
  return Math.floor(time / BUCKET_MS)
}
