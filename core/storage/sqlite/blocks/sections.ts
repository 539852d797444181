import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type BlockName, DamagedBlock } from './damaged-block.ts'

const RAW = 0
const ZSTD = 1
/** Bit of the count of sections: entries have checksums. Files of the first schema have none. */
const CHECKED = 0x8000
const ENTRY = 13
const UNCHECKED_ENTRY = 9
/** Sections below so many bytes stay as they are: opening a decompressor costs more than it saves. */
const SMALL = 256
/** A damaged size must not set aside more at once. */
const LARGEST_CHUNK = 1 << 24
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 }

/**
 * A group of sections, each compressed on its own: u16 count, then codec u8, stored u32, raw u32 and CRC-32 of the
 * stored bytes each, then the CRC-32 of all that, then the sections.
 */
export function writeGroup(sections: readonly Uint8Array[]): Uint8Array {
  const stored = sections.map((raw) => {
    if (raw.length < SMALL) return { codec: RAW, bytes: raw }
    const packed = zstdCompressSync(raw, { params: PARAMS, chunkSize: raw.length + (raw.length >>> 7) + 64 })
    return packed.length < raw.length ? { codec: ZSTD, bytes: packed } : { codec: RAW, bytes: raw }
  })
  const head = 2 + sections.length * ENTRY
  const out = new Uint8Array(stored.reduce((sum, { bytes }) => sum + bytes.length, head + 4))
  const view = new DataView(out.buffer)
  view.setUint16(0, sections.length | CHECKED, true)
  let at = head + 4
  stored.forEach(({ codec, bytes }, i) => {
    const entry = 2 + i * ENTRY
    view.setUint8(entry, codec)
    view.setUint32(entry + 1, bytes.length, true)
    view.setUint32(entry + 5, sections[i].length, true)
    view.setUint32(entry + 9, crc32(bytes), true)
    out.set(bytes, at)
    at += bytes.length
  })
  view.setUint32(head, crc32(out.subarray(0, head)), true)
  return out
}

/** Numbers for the sections of a group, by name, in the order in which they are written. */
export function sectionNumbers<const T extends string>(...names: T[]): Readonly<Record<T, number>> {
  return Object.fromEntries(names.map((name, number) => [name, number])) as Record<T, number>
}

/** A group of sections in the order of their numbers, as writeGroup. */
export function writeSections<T extends string>(
  numbers: Readonly<Record<T, number>>,
  sections: Record<NoInfer<T>, Uint8Array>,
): Uint8Array {
  const inOrder: Uint8Array[] = []
  for (const name of Object.keys(numbers) as T[]) inOrder[numbers[name]] = sections[name]
  return writeGroup(inOrder)
}

/** Opens sections one by one, only when asked for, and checks each as it is opened. */
export class Group {
  #block: BlockName
  #bytes: Uint8Array
  #starts: Uint32Array
  #view: DataView
  #checked: boolean
  #entry: number

  /**
   * @param block whose group it is
   * @throws DamagedBlock
   */
  constructor(bytes: Uint8Array, block: BlockName) {
    this.#block = block
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const word = bytes.length < 2 ? 0 : this.#view.getUint16(0, true)
    const count = word & ~CHECKED
    this.#checked = (word & CHECKED) !== 0
    this.#entry = this.#checked ? ENTRY : UNCHECKED_ENTRY
    const head = 2 + count * this.#entry
    const first = this.#checked ? head + 4 : head
    if (bytes.length < first) throw new DamagedBlock(block, 'it is cut short')
    if (this.#checked && this.#view.getUint32(head, true) !== crc32(bytes.subarray(0, head)))
      throw new DamagedBlock(block, 'the checksum of its list of sections does not hold')
    this.#starts = new Uint32Array(count + 1)
    this.#starts[0] = first
    for (let i = 0; i < count; i++)
      this.#starts[i + 1] = this.#starts[i] + this.#view.getUint32(3 + i * this.#entry, true)
    if (this.#starts[count] !== bytes.length) throw new DamagedBlock(block, 'its length is not what it was')
  }

  get count(): number {
    return this.#starts.length - 1
  }

  /** @throws DamagedBlock */
  section(index: number): Uint8Array {
    const entry = 2 + index * this.#entry
    const stored = this.#bytes.subarray(this.#starts[index], this.#starts[index + 1])
    if (this.#checked && this.#view.getUint32(entry + 9, true) !== crc32(stored))
      throw new DamagedBlock(this.#block, `the checksum of section ${index} does not hold`)
    if (this.#view.getUint8(entry) === RAW) return stored
    const size = this.#view.getUint32(entry + 5, true)
    let plain: Uint8Array
    try {
      // Room for all of it and one byte more, so that the output comes in one piece.
      const chunkSize = Math.max(64, Math.min(size + 1, LARGEST_CHUNK))
      plain = zstdDecompressSync(stored, { maxOutputLength: Math.max(size, 1), chunkSize })
    } catch (error) {
      throw new DamagedBlock(this.#block, (error as Error).message)
    }
    if (plain.length !== size) throw new DamagedBlock(this.#block, `section ${index} has the wrong size`)
    return plain
  }

  /**
   * Opens every section.
   * @throws DamagedBlock
   */
  check(): void {
    for (let i = 0; i < this.count; i++) this.section(i)
  }
}
