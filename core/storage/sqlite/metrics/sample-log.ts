import type { NativeHistogram } from '../../../model/native-histogram.ts'
import { ByteReader, ByteWriter } from './byte-stream.ts'
import { readHistogram, writeHistogram } from './histogram-codec.ts'
import { packChecked, unpackChecked } from './sample-block.ts'

/** Samples on their way into a row of `metric_log`, which a restart reads again. */
export class PendingSamples {
  ids: number[] = []
  times: number[] = []
  values: number[] = []
  kinds: number[] = []
  histograms: NativeHistogram[] = []

  get count(): number {
    return this.ids.length
  }

  add(id: number, time: number, value: number, kind: number, histogram: NativeHistogram | null): void {
    this.ids.push(id)
    this.times.push(time)
    this.values.push(value)
    this.kinds.push(kind)
    if (histogram) this.histograms.push(histogram)
  }

  /** @param ids stand for the series; their own numbers unless given */
  encode(ids: readonly number[] = this.ids): Uint8Array {
    const count = this.count
    const out = new ByteWriter()
    out.varint(count)
    out.raw(bytesOf(Uint32Array.from(ids)))
    out.raw(Uint8Array.from(this.kinds))
    out.raw(bytesOf(Float64Array.from(this.times)))
    out.raw(bytesOf(Float64Array.from(this.values)))
    for (const histogram of this.histograms) writeHistogram(out, histogram)
    return packChecked(out.finished())
  }
}

function bytesOf(column: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength)
}

/**
 * Calls `take` for each sample of one row of `metric_log`.
 * @throws GlassboxError `data_damaged` before it takes anything
 */
export function readLogRow(
  data: Uint8Array,
  take: (id: number, time: number, value: number, kind: number, histogram: NativeHistogram | null) => void,
): void {
  const from = new ByteReader(unpackChecked(data))
  const count = from.varint()
  const ids = from.pos
  const kinds = ids + count * 4
  const times = kinds + count
  const values = times + count * 8
  const histograms = new ByteReader(from.bytes, values + count * 8)
  const { view, bytes } = from
  for (let i = 0; i < count; i++) {
    const kind = bytes[kinds + i]
    take(
      view.getUint32(ids + i * 4, true),
      view.getFloat64(times + i * 8, true),
      view.getFloat64(values + i * 8, true),
      kind,
      kind === 2 ? readHistogram(histograms) : null,
    )
  }
}
