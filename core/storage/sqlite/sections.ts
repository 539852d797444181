import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { GlassboxError } from '../../base/errors.ts'

const RAW = 0
const ZSTD = 1
const ENTRY = 9
/** Sections below so many bytes stay as they are: opening a decompressor costs more than it saves. */
const SMALL = 256
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** A group of sections, each compressed on its own: u16 count, then codec u8, stored u32, raw u32 each, then the bytes. */
export function writeGroup(sections: readonly Uint8Array[]): Uint8Array {
  const stored = sections.map((raw) => {
    if (raw.length < SMALL) return { codec: RAW, bytes: raw }
    const packed = zstdCompressSync(raw, OPTIONS)
    return packed.length < raw.length ? { codec: ZSTD, bytes: packed } : { codec: RAW, bytes: raw }
  })
  const head = 2 + sections.length * ENTRY
  const out = new Uint8Array(stored.reduce((sum, { bytes }) => sum + bytes.length, head))
  const view = new DataView(out.buffer)
  view.setUint16(0, sections.length, true)
  let at = head
  stored.forEach(({ codec, bytes }, i) => {
    view.setUint8(2 + i * ENTRY, codec)
    view.setUint32(3 + i * ENTRY, bytes.length, true)
    view.setUint32(7 + i * ENTRY, sections[i].length, true)
    out.set(bytes, at)
    at += bytes.length
  })
  return out
}

/** Opens sections one by one, only when asked for. */
export class Group {
  #bytes: Uint8Array
  #starts: Uint32Array
  #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const count = bytes.length < 2 ? 0 : this.#view.getUint16(0, true)
    if (bytes.length < 2 + count * ENTRY) throw new GlassboxError('data_damaged', 'a stored block is cut short')
    this.#starts = new Uint32Array(count + 1)
    this.#starts[0] = 2 + count * ENTRY
    for (let i = 0; i < count; i++) this.#starts[i + 1] = this.#starts[i] + this.#view.getUint32(3 + i * ENTRY, true)
  }

  get count(): number {
    return this.#starts.length - 1
  }

  /** @throws GlassboxError `data_damaged` */
  section(index: number): Uint8Array {
    const raw = this.#bytes.subarray(this.#starts[index], this.#starts[index + 1])
    if (this.#view.getUint8(2 + index * ENTRY) === RAW) return raw
    const size = this.#view.getUint32(7 + index * ENTRY, true)
    const plain = zstdDecompressSync(raw, { maxOutputLength: Math.max(size, 1) })
    if (plain.length !== size) throw new GlassboxError('data_damaged', 'a section of a stored block has the wrong size')
    return plain
  }
}
