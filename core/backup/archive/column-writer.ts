import { release } from '../../base/release.ts'
import type { Dictionary } from '../../model/columns.ts'
import { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import { isWhole, packDoubles, packPlanes, zigzag } from './planes.ts'

/** One column as the directory of a part lists it; see FORMAT.md. */
export interface ColumnEntry {
  name: string
  as: 'bytes' | 'uint' | 'zigzag' | 'delta' | 'double' | 'first-seen'
  /** How many values; of `bytes` how many bytes. */
  count: number
  /** Bytes a value: 0 to 7; 8 for `double`, 1 for `bytes`. */
  width: number
}

/**
 * Distinct texts of one column after another. Text 0 is the empty one and is not written; the others are numbered from 1
 * as they are first met.
 */
export class TextCollector {
  #builder = new DictionaryBuilder()
  #sources: readonly Dictionary[]
  /** By source and entry: the round in which it was met, and its number then. */
  #rounds: Uint32Array[]
  #numbers: Uint32Array[]
  #round = 0

  constructor(sources: readonly Dictionary[]) {
    this.#sources = sources
    this.#rounds = sources.map(({ size }) => new Uint32Array(size))
    this.#numbers = sources.map(({ size }) => new Uint32Array(size))
  }

  /** Begins the next column. */
  begin(): void {
    this.#round++
    this.#builder = new DictionaryBuilder()
  }

  /** The number of an entry of a source's dictionary. */
  add(source: number, entry: number): number {
    if (this.#rounds[source][entry] === this.#round) return this.#numbers[source][entry]
    const { bytes, offsets } = this.#sources[source]
    const number = this.#builder.intern(bytes, offsets[entry], offsets[entry + 1])
    this.#rounds[source][entry] = this.#round
    this.#numbers[source][entry] = number
    return number
  }

  addText(text: string): number {
    return this.#builder.internText(text)
  }

  /** Length of each distinct text, and the texts end to end. */
  finish(): { lengths: Uint32Array; bytes: Uint8Array } {
    const { bytes, offsets, size } = this.#builder.finish()
    const lengths = new Uint32Array(size - 1)
    for (let entry = 1; entry < size; entry++) lengths[entry - 1] = offsets[entry + 1] - offsets[entry]
    return { lengths, bytes }
  }
}

const encoder = new TextEncoder()

/** Puts columns together into the body of a part. */
export class ColumnWriter {
  #entries: ColumnEntry[] = []
  #bytes: Uint8Array[] = []

  #add(name: string, as: ColumnEntry['as'], count: number, width: number, bytes: Uint8Array): void {
    this.#entries.push({ name, as, count, width })
    this.#bytes.push(bytes)
  }

  bytes(name: string, bytes: Uint8Array): void {
    this.#add(name, 'bytes', bytes.length, 1, bytes)
  }

  uints(name: string, values: Uint8Array | Uint16Array | Uint32Array): void {
    const { width, bytes } = packPlanes(values)
    this.#add(name, 'uint', values.length, width, bytes)
  }

  /** Numbers of texts: 0 is text 0, 1 the next text that was not met yet, k + 1 text k. */
  #firstSeen(name: string, numbers: Uint32Array): void {
    const coded = new Uint32Array(numbers.length)
    let next = 1
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i]
      if (number === next) {
        coded[i] = 1
        next++
      } else if (number !== 0) coded[i] = number + 1
    }
    const { width, bytes } = packPlanes(coded)
    this.#add(name, 'first-seen', numbers.length, width, bytes)
  }

  /** Doubles of any kind; `delta` where neighbours are near each other. */
  numbers(name: string, values: Float64Array, delta: boolean): void {
    if (!isWhole(values)) {
      this.#add(name, 'double', values.length, 8, packDoubles(values))
      return
    }
    const { width, bytes } = packPlanes(zigzag(values, delta))
    this.#add(name, delta ? 'delta' : 'zigzag', values.length, width, bytes)
  }

  /** One text a row: `NAME`, `NAME.lengths`, `NAME.text`. */
  texts(name: string, column: TextCollector, numbers: Uint32Array): void {
    const { lengths, bytes } = column.finish()
    this.uints(`${name}.lengths`, lengths)
    this.bytes(`${name}.text`, bytes)
    this.#firstSeen(name, numbers)
  }

  /** The body; what was added is given back. */
  finish(rows: number): Uint8Array {
    const directory = encoder.encode(JSON.stringify({ rows, columns: this.#entries }))
    const out = new Uint8Array(this.#bytes.reduce((sum, { length }) => sum + length, 4 + directory.length))
    new DataView(out.buffer).setUint32(0, directory.length, true)
    out.set(directory, 4)
    let at = 4 + directory.length
    for (const bytes of this.#bytes) {
      out.set(bytes, at)
      at += bytes.length
      release(bytes)
    }
    return out
  }
}
