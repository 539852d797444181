import type { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import { unpackFloats, unpackUints } from './pack.ts'
import type { Group } from './sections.ts'
import { readPackedText, readSize, readStrings, type TextArena } from './text-column.ts'

/** A section's bytes as a column of `rows` rows, or of those from `first` to before `stop`. */
type Unpack<T> = (bytes: Uint8Array, rows: number, first?: number, stop?: number) => T
interface Column<T> {
  subarray(first: number, stop: number): T
}

const asUints: Unpack<Uint32Array> = unpackUints
export const asFloats: Unpack<Float64Array> = unpackFloats
export const asU8: Unpack<Uint8Array> = (bytes, rows, first, stop) =>
  new Uint8Array(unpackUints(bytes, rows, first, stop))
export const asU16: Unpack<Uint16Array> = (bytes, rows, first, stop) =>
  new Uint16Array(unpackUints(bytes, rows, first, stop))

/** Below one row in so many, a range of rows is unpacked for itself. */
const FEW = 8

/** A group's sections as columns of the block's rows: each is opened when first asked for and then kept. */
export class SectionColumns {
  readonly rows: number
  #open: () => Group
  #group: Group | null = null
  #kept: unknown[] = []
  /** Sections of which only ranges were asked for so far. */
  #packed: (Uint8Array | undefined)[] = []

  /**
   * @param rows of the block; null = the group's first section tells, and the group is opened now
   * @param open reads the group when it is first needed
   * @throws DamagedBlock, as every section that is opened may
   */
  constructor(rows: number | null, open: () => Group) {
    this.#open = open
    this.rows = rows ?? readSize(this.group.section(0))
  }

  get group(): Group {
    if (this.#group === null) this.#group = this.#open()
    return this.#group
  }

  /** Whether the group has been read. */
  get isOpen(): boolean {
    return this.#group !== null
  }

  /** What `make` makes of a section, made once: a section is always asked for in the same form. */
  column<T>(section: number, make: (bytes: Uint8Array, rows: number) => T): T {
    let made = this.#kept[section] as T | undefined
    if (made === undefined) {
      made = make(this.#packed[section] ?? this.group.section(section), this.rows)
      this.#kept[section] = made
      this.#packed[section] = undefined
    }
    return made
  }

  /** The rows from `first` to before `stop` of a column: of few rows, only they are unpacked. */
  range<T extends Column<T>>(section: number, unpack: Unpack<T>, first: number, stop: number): T {
    if (this.#kept[section] !== undefined || !this.isFew(first, stop))
      return this.column(section, unpack).subarray(first, stop)
    this.#packed[section] ??= this.group.section(section)
    return unpack(this.#packed[section], this.rows, first, stop)
  }

  isFew(first: number, stop: number): boolean {
    return (stop - first) * FEW < this.rows
  }

  uints(section: number): Uint32Array {
    return this.column(section, asUints)
  }
  u8(section: number): Uint8Array {
    return this.column(section, asU8)
  }
  u16(section: number): Uint16Array {
    return this.column(section, asU16)
  }
  floats(section: number): Float64Array {
    return this.column(section, asFloats)
  }
  bytes(section: number): Uint8Array {
    return this.column(section, (bytes) => bytes)
  }
  text(section: number): TextColumn {
    return this.column(section, (bytes, rows) => new TextColumn(bytes, rows))
  }
  strings(section: number): string[] {
    return this.column(section, readStrings)
  }
  /** A table of entries, each kept as JSON. */
  entries<T>(section: number): T[] {
    return this.column(section, (bytes) => readStrings(bytes).map((json) => JSON.parse(json) as T))
  }
}

/** One string a row. */
export class TextColumn {
  readonly arena: TextArena
  #packed: Uint8Array
  #rows: number
  #index: Uint32Array | null = null

  constructor(section: Uint8Array, rows: number) {
    const { arena, packed } = readPackedText(section)
    this.arena = arena
    this.#packed = packed
    this.#rows = rows
  }

  /** Each row's entry of the arena. */
  get index(): Uint32Array {
    this.#index ??= unpackUints(this.#packed, this.#rows)
    return this.#index
  }

  /** As `index`, of the rows from `first` to before `stop`. */
  range(first: number, stop: number): Uint32Array {
    return this.#index ? this.#index.subarray(first, stop) : unpackUints(this.#packed, this.#rows, first, stop)
  }

  text(row: number): string {
    return this.arena.text(this.index[row])
  }

  /** Each row's entry of `dictionary`, into which the strings are put. */
  internInto(dictionary: DictionaryBuilder): Uint32Array {
    const { bytes, offsets, size } = this.arena
    const entries = new Uint32Array(size)
    for (let i = 0; i < size; i++) entries[i] = dictionary.intern(bytes, offsets[i], offsets[i + 1])
    return this.index.map((local) => entries[local])
  }
}
