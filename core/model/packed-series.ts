import type { NativeHistogram } from './native-histogram.ts'
import type { SeriesSamples } from './series.ts'
import { labelsOfKey, seriesKey } from './series-key.ts'

/**
 * Many series as they cross threads: one text a label set, and their samples in a row. Handing over thousands of small arrays
 * takes longer than reading them did.
 */
export interface PackedSeries {
  keys: string[]
  /** Samples of each series. */
  counts: Uint32Array
  times: Float64Array
  values: Float64Array
  /** Null when all are floats. */
  kinds: Uint8Array | null
  /** By the place of their sample. */
  histograms: [number, NativeHistogram][]
}

/** Labels must be free of U+0000, as stored ones are. */
export function packSeries(series: readonly SeriesSamples[]): PackedSeries {
  const total = series.reduce((sum, one) => sum + one.times.length, 0)
  const packed: PackedSeries = {
    keys: series.map(({ labels }) => seriesKey(labels)),
    counts: Uint32Array.from(series, ({ times }) => times.length),
    times: new Float64Array(total),
    values: new Float64Array(total),
    kinds: series.some(({ kinds }) => kinds) ? new Uint8Array(total) : null,
    histograms: [],
  }
  let at = 0
  for (const { times, values, kinds, histograms } of series) {
    packed.times.set(times, at)
    packed.values.set(values, at)
    if (kinds) packed.kinds?.set(kinds, at)
    histograms?.forEach((histogram, i) => {
      if (histogram) packed.histograms.push([at + i, histogram])
    })
    at += times.length
  }
  return packed
}

/** The series again; their columns are stretches of the packed ones. */
export function unpackSeries({ keys, counts, times, values, kinds, histograms }: PackedSeries): SeriesSamples[] {
  const native = new Map(histograms)
  let from = 0
  return keys.map((key, i) => {
    const to = from + counts[i]
    const own = kinds?.subarray(from, to) ?? null
    const mixed = own?.some((kind) => kind !== 0) ?? false
    const start = from
    from = to
    return {
      labels: labelsOfKey(key),
      times: times.subarray(start, to),
      values: values.subarray(start, to),
      kinds: mixed ? own : null,
      histograms: own?.includes(2) ? Array.from(own, (_, k) => native.get(start + k) ?? null) : null,
    }
  })
}

/** The buffers that can be handed over to another thread. */
export function seriesBuffers({ counts, times, values, kinds }: PackedSeries): ArrayBuffer[] {
  return [counts, times, values, kinds].flatMap((column) =>
    column && column.byteLength > 0 ? [column.buffer as ArrayBuffer] : [],
  )
}
