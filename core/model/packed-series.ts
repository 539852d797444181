import type { NativeHistogram } from './native-histogram.ts'
import type { SeriesSamples } from './series.ts'
import { compareKeys, labelsOfKey, type PackedKeys, packKeys, seriesKey, unpackKeys } from './series-key.ts'

/**
 * Many series as they cross threads: one text for all label sets, and their samples in a row. Handing over thousands of small
 * arrays takes longer than reading them did.
 */
export interface PackedSeries {
  keys: PackedKeys
  /** Samples of each series. */
  counts: Uint32Array
  times: Float64Array
  values: Float64Array
  /** Null when all are floats. */
  kinds: Uint8Array | null
  /** By the place of their sample. */
  histograms: [number, NativeHistogram][]
}

/** A series that is known by its key. */
export type KeyedSamples = Omit<SeriesSamples, 'labels'> & { key: string }

/** Labels must be free of U+0000, as stored ones are. */
export function packSeries(series: readonly SeriesSamples[]): PackedSeries {
  const packer = new SeriesPacker(series.reduce((sum, { times }) => sum + times.length, 0))
  for (const { labels, ...samples } of series) packer.add({ key: seriesKey(labels), ...samples })
  return packer.finish()
}

/** Packs series one by one; each can be let go once it is added. */
export class SeriesPacker {
  #keys: string[] = []
  #counts: number[] = []
  #times: Float64Array<ArrayBuffer>
  #values: Float64Array<ArrayBuffer>
  #kinds: Uint8Array<ArrayBuffer> | null = null
  #histograms: [number, NativeHistogram][] = []
  #length = 0

  /** @param room for so many samples at first */
  constructor(room: number) {
    this.#times = new Float64Array(room)
    this.#values = new Float64Array(room)
  }

  add({ key, times, values, kinds, histograms }: KeyedSamples): void {
    const at = this.#length
    this.#length += times.length
    if (this.#length > this.#times.length) {
      const room = Math.max(this.#length, Math.ceil(this.#times.length * 1.5))
      this.#times = new Float64Array(this.#times.buffer.transfer(room * 8))
      this.#values = new Float64Array(this.#values.buffer.transfer(room * 8))
    }
    this.#times.set(times, at)
    this.#values.set(values, at)
    if (kinds) {
      if (!this.#kinds || this.#kinds.length < this.#length)
        this.#kinds = new Uint8Array((this.#kinds?.buffer ?? new ArrayBuffer(0)).transfer(this.#times.length))
      this.#kinds.set(kinds, at)
    }
    histograms?.forEach((histogram, i) => {
      if (histogram) this.#histograms.push([at + i, histogram])
    })
    this.#keys.push(key)
    this.#counts.push(times.length)
  }

  /** Once. */
  finish(): PackedSeries {
    return {
      keys: packKeys(this.#keys),
      counts: Uint32Array.from(this.#counts),
      times: new Float64Array(this.#times.buffer.transfer(this.#length * 8)),
      values: new Float64Array(this.#values.buffer.transfer(this.#length * 8)),
      kinds: this.#kinds && new Uint8Array(this.#kinds.buffer.transfer(this.#length)),
      histograms: this.#histograms,
    }
  }
}

/** Each series, without a sample among them; their columns are stretches of the packed ones. */
export function* packedRuns({
  keys,
  counts,
  times,
  values,
  kinds,
  histograms,
}: PackedSeries): Generator<KeyedSamples, void> {
  const native = new Map(histograms)
  let from = 0
  for (const [i, key] of unpackKeys(keys).entries()) {
    const start = from
    from += counts[i]
    const own = kinds?.subarray(start, from) ?? null
    yield {
      key,
      times: times.subarray(start, from),
      values: values.subarray(start, from),
      kinds: own?.some((kind) => kind !== 0) ? own : null,
      histograms: own?.includes(2) ? Array.from(own, (_, k) => native.get(start + k) ?? null) : null,
    }
  }
}

/** The series that have samples, in the order of their labels. */
export function unpackSeries(packed: PackedSeries): SeriesSamples[] {
  const found: KeyedSamples[] = []
  for (const one of packedRuns(packed)) if (one.times.length > 0) found.push(one)
  found.sort((a, b) => compareKeys(a.key, b.key))
  return found.map(({ key, ...samples }) => ({ labels: labelsOfKey(key), ...samples }))
}

/** The buffers that can be handed over to another thread. */
export function seriesBuffers({ keys, counts, times, values, kinds }: PackedSeries): ArrayBuffer[] {
  return [keys.ends, counts, times, values, kinds].flatMap((column) =>
    column && column.byteLength > 0 ? [column.buffer as ArrayBuffer] : [],
  )
}
