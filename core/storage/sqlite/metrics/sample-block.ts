import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { GlassboxError } from '../../../base/errors.ts'
import type { NativeHistogram } from '../../../model/native-histogram.ts'
import { SampleKind } from '../../../model/series.ts'
import { ByteReader, ByteWriter } from './byte-stream.ts'
import { readHistogram, writeHistogram } from './histogram-codec.ts'
import { readValues, writeValues } from './value-codec.ts'

/** Samples of one series in time order. `values` holds something at every index, NaN where the sample is no float. */
export interface Samples {
  times: ArrayLike<number>
  values: ArrayLike<number>
  /** Null when all are floats. */
  kinds: ArrayLike<number> | null
  /** At the index of each histogram sample. */
  histograms: ArrayLike<NativeHistogram | null> | null
}

export interface ReadSamples {
  times: Float64Array
  values: Float64Array
  kinds: Uint8Array | null
  histograms: (NativeHistogram | null)[] | null
}

/** Which samples of a series a block entry holds: all of them, or one of the 5-minute aggregates. */
export const Part = { samples: 0, min: 1, max: 2, sum: 3, count: 4 } as const
export type Part = (typeof Part)[keyof typeof Part]

/** First byte of a block: a zstd frame follows, with its checksum. Old files have 0 before small blocks, too. */
const ZSTD_MAGIC = 1
const ZSTD_FRAME = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
/** zstd's own checksum of the content, which it looks at when it decompresses. */
const CHECKED = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }

/**
 * One block: the samples of up to 32 neighbouring series over a stretch of time. Times are written once where the
 * series before has the same, which all series of one scrape have.
 */
export class BlockEncoder {
  #out = new ByteWriter()
  #entries = 0
  #lastId = 0
  #lastTimes: ArrayLike<number> | null = null
  samples = 0
  start = Number.POSITIVE_INFINITY
  end = Number.NEGATIVE_INFINITY

  /** Entries come by series id, ascending. */
  add(id: number, part: Part, samples: Samples): void {
    const out = this.#out
    const { times, values, kinds, histograms } = samples
    const count = times.length
    if (count === 0) return
    this.#entries++
    if (part === Part.samples) this.samples += count
    if (times[0] < this.start) this.start = times[0]
    if (times[count - 1] > this.end) this.end = times[count - 1]
    out.varint(id - this.#lastId)
    this.#lastId = id
    const body = new ByteWriter()
    const same = this.#lastTimes !== null && sameTimes(times, this.#lastTimes)
    body.varint(count)
    body.u8((same ? 1 : 0) | (kinds ? 2 : 0) | (part << 2))
    if (!same) writeTimes(body, times)
    this.#lastTimes = times
    if (kinds) writeMixed(body, values, kinds, histograms)
    else writeValues(body, values)
    out.varint(body.length)
    out.raw(body.finished())
  }

  get empty(): boolean {
    return this.#entries === 0
  }

  finish(): Uint8Array {
    const plain = this.#out.finished()
    const packed = packChecked(plain)
    const out = new Uint8Array(1 + packed.length)
    out[0] = ZSTD_MAGIC
    out.set(packed, 1)
    return out
  }
}

/** zstd with a checksum: a bit that flips later is found when it is unpacked. */
export function packChecked(plain: Uint8Array): Uint8Array {
  return zstdCompressSync(plain, CHECKED)
}

/** @throws GlassboxError `data_damaged` when the bytes are not those that were written */
export function unpackChecked(packed: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(packed)
  } catch (error) {
    throw new GlassboxError('data_damaged', `stored samples are damaged: ${(error as Error).message}`)
  }
}

function unpackBlock(data: Uint8Array): Uint8Array {
  const body = data.subarray(1)
  if (data[0] === ZSTD_MAGIC) return unpackChecked(body)
  if (data[0] !== 0 || ZSTD_FRAME.equals(body.subarray(0, 4)))
    throw new GlassboxError('data_damaged', 'stored samples are damaged: their first byte is not what it was')
  return body
}

/** Where decoded columns are put: arrays of their own, or the same ones again and again. */
interface DecodeRoom {
  times(count: number): Float64Array
  values(count: number): Float64Array
}

const OWN_ARRAYS: DecodeRoom = {
  times: (count) => new Float64Array(count),
  values: (count) => new Float64Array(count),
}

/** Room for a taker who copies what he is given before he returns. */
export function reusedRoom(): DecodeRoom {
  const columns = { times: new Float64Array(0), values: new Float64Array(0) }
  const of =
    (column: keyof typeof columns) =>
    (count: number): Float64Array => {
      if (columns[column].length < count) columns[column] = new Float64Array(count)
      return columns[column].subarray(0, count)
    }
  return { times: of('times'), values: of('values') }
}

/**
 * Walks the entries of a block; `wanted` says which to decode. Times of an unwanted one may still have to be read.
 * @throws GlassboxError `data_damaged` before it takes anything
 */
export function readBlock(
  data: Uint8Array,
  wanted: (id: number, part: Part) => boolean,
  take: (id: number, part: Part, samples: ReadSamples) => void,
  room: DecodeRoom = OWN_ARRAYS,
): void {
  const from = new ByteReader(unpackBlock(data))
  let id = 0
  let times: Float64Array | null = null
  // Where the times lie that an entry without own times refers to.
  let timesAt = 0
  let timesCount = 0
  while (from.pos < from.bytes.length) {
    id += from.varint()
    const next = from.varint() + from.pos
    const count = from.varint()
    const flags = from.u8()
    const part = (flags >> 2) as Part
    if ((flags & 1) === 0) {
      timesAt = from.pos
      timesCount = count
      times = null
    }
    if (wanted(id, part)) {
      if (!times) {
        const at = new ByteReader(from.bytes, timesAt)
        times = readTimes(at, room.times(timesCount))
        if ((flags & 1) === 0) from.pos = at.pos
      }
      const values = room.values(count)
      if (flags & 2) {
        const { kinds, histograms } = readMixed(from, count, values)
        take(id, part, { times, values, kinds, histograms })
      } else {
        readValues(from, count, values, 0)
        take(id, part, { times, values, kinds: null, histograms: null })
      }
    }
    from.pos = next
  }
}

function sameTimes(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}

/** Delta of delta, so that a regular interval is a run of zeros. */
function writeTimes(out: ByteWriter, times: ArrayLike<number>): void {
  let last = 0
  let lastDelta = 0
  for (let i = 0; i < times.length; i++) {
    const delta = times[i] - last
    out.zigzag(i > 1 ? delta - lastDelta : delta)
    last = times[i]
    lastDelta = delta
  }
}

function readTimes(from: ByteReader, times: Float64Array): Float64Array {
  let last = 0
  let delta = 0
  for (let i = 0; i < times.length; i++) {
    const read = from.zigzag()
    delta = i > 1 ? delta + read : read
    last += delta
    times[i] = last
  }
  return times
}

function writeMixed(
  out: ByteWriter,
  values: ArrayLike<number>,
  kinds: ArrayLike<number>,
  histograms: ArrayLike<NativeHistogram | null> | null,
): void {
  const floats: number[] = []
  for (let i = 0; i < kinds.length; i++) {
    out.u8(kinds[i])
    if (kinds[i] === SampleKind.float) floats.push(values[i])
  }
  writeValues(out, floats)
  for (let i = 0; i < kinds.length; i++) {
    const histogram = kinds[i] === SampleKind.histogram ? histograms?.[i] : null
    if (histogram) writeHistogram(out, histogram)
  }
}

function readMixed(from: ByteReader, count: number, values: Float64Array) {
  const kinds = new Uint8Array(count)
  let floats = 0
  let others = 0
  for (let i = 0; i < count; i++) {
    kinds[i] = from.u8()
    if (kinds[i] === SampleKind.float) floats++
    else if (kinds[i] === SampleKind.histogram) others++
  }
  const read = new Float64Array(floats)
  readValues(from, floats, read, 0)
  const histograms: (NativeHistogram | null)[] | null = others > 0 ? new Array(count).fill(null) : null
  for (let i = 0, at = 0; i < count; i++) {
    values[i] = kinds[i] === SampleKind.float ? read[at++] : Number.NaN
    if (kinds[i] === SampleKind.histogram && histograms) histograms[i] = readHistogram(from)
  }
  return { kinds, histograms }
}
