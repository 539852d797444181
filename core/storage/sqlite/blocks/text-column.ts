import { utf8 } from '../../../base/utf8.ts'
import { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import { joinParts, type NarrowUints, packUints, splitParts, unpackNarrow, unpackUints } from './pack.ts'

/** Distinct strings of one stored column as a byte arena; text is made only of the entries asked for. */
export class TextArena {
  readonly size: number
  readonly bytes: Uint8Array
  #lengths: NarrowUints
  #offsets: Uint32Array | null = null
  #texts: (string | undefined)[] = []

  constructor(lengths: NarrowUints, bytes: Uint8Array) {
    this.size = lengths.length
    this.bytes = bytes
    this.#lengths = lengths
  }

  /** Memory taken before any text is made. */
  get byteLength(): number {
    return this.bytes.byteLength + this.#lengths.byteLength
  }

  get offsets(): Uint32Array {
    if (!this.#offsets) {
      const offsets = new Uint32Array(this.size + 1)
      for (let i = 0; i < this.size; i++) offsets[i + 1] = offsets[i] + this.#lengths[i]
      this.#offsets = offsets
    }
    return this.#offsets
  }

  text(index: number): string {
    let text = this.#texts[index]
    if (text === undefined) {
      if (this.#texts.length === 0) this.#texts = new Array<string | undefined>(this.size).fill(undefined)
      text = utf8.decode(this.bytes.subarray(this.offsets[index], this.offsets[index + 1]))
      this.#texts[index] = text
    }
    return text
  }

  /** Number of the entry with this text, or -1; nothing is decoded. */
  find(text: string): number {
    const wanted = Buffer.from(text)
    const { bytes, size } = this
    const lengths = this.#lengths
    for (let i = 0, from = 0; i < size; from += lengths[i++]) {
      if (lengths[i] !== wanted.length) continue
      let at = 0
      while (at < wanted.length && bytes[from + at] === wanted[at]) at++
      if (at === wanted.length) return i
    }
    return -1
  }

  all(): string[] {
    return Array.from({ length: this.size }, (_, i) => this.text(i))
  }
}

/** Collects dictionary entries of one source dictionary into a local arena; `begin` starts the next one for free. */
export class ArenaWriter {
  #source: { bytes: Uint8Array; offsets: Uint32Array }
  #stamp: Uint32Array
  #local: Uint32Array
  #round = 0
  #entries: number[] = []

  constructor(source: { bytes: Uint8Array; offsets: Uint32Array; size: number }) {
    this.#source = source
    this.#stamp = new Uint32Array(source.size)
    this.#local = new Uint32Array(source.size)
  }

  begin(): void {
    this.#round++
    this.#entries = []
  }

  add(entry: number): number {
    if (this.#stamp[entry] === this.#round) return this.#local[entry]
    this.#stamp[entry] = this.#round
    this.#local[entry] = this.#entries.length
    this.#entries.push(entry)
    return this.#local[entry]
  }

  get entries(): readonly number[] {
    return this.#entries
  }

  /** The two parts [lengths, bytes] plus their count. */
  parts(): { size: number; lengths: Uint8Array; bytes: Uint8Array } {
    const { bytes, offsets } = this.#source
    const lengths = new Uint32Array(this.#entries.length)
    let total = 0
    for (let i = 0; i < lengths.length; i++) {
      const entry = this.#entries[i]
      lengths[i] = offsets[entry + 1] - offsets[entry]
      total += lengths[i]
    }
    const out = new Uint8Array(total)
    let at = 0
    for (const entry of this.#entries) {
      const from = offsets[entry]
      const to = offsets[entry + 1]
      // A view of its own costs more than it saves on short text.
      if (to - from < 64) for (let i = from; i < to; i++) out[at++] = bytes[i]
      else {
        out.set(bytes.subarray(from, to), at)
        at += to - from
      }
    }
    return { size: lengths.length, lengths: packUints(lengths), bytes: out }
  }
}

function sizeBytes(size: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(size).buffer)
}

function readSize(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

/** One string a row: an arena and an index into it. */
export function writeTextColumn(writer: ArenaWriter, entries: Uint32Array): Uint8Array {
  writer.begin()
  const index = new Uint32Array(entries.length)
  for (let i = 0; i < entries.length; i++) index[i] = writer.add(entries[i])
  const { size, lengths, bytes } = writer.parts()
  return joinParts([sizeBytes(size), lengths, bytes, packUints(index)])
}

/** One string a row: the arena, and each row's entry of it still packed. */
export function readPackedText(section: Uint8Array): { arena: TextArena; packed: Uint8Array } {
  const [size, lengths, bytes, packed] = splitParts(section)
  return { arena: new TextArena(unpackNarrow(lengths, readSize(size)), bytes), packed }
}

function readTextColumn(section: Uint8Array, rows: number): { arena: TextArena; index: Uint32Array } {
  const { arena, packed } = readPackedText(section)
  return { arena, index: unpackUints(packed, rows) }
}

/** Strings that are not in a batch dictionary (services, JSON tables). */
export function writeStrings(strings: readonly string[]): Uint8Array {
  const builder = new DictionaryBuilder()
  const index = Uint32Array.from(strings, (text) => builder.internText(text))
  const dictionary = builder.finish()
  const section = writeTextColumn(new ArenaWriter(dictionary), index)
  return joinParts([sizeBytes(strings.length), section])
}

export function readStrings(section: Uint8Array): string[] {
  const [size, column] = splitParts(section)
  const { arena, index } = readTextColumn(column, readSize(size))
  return Array.from(index, (entry) => arena.text(entry))
}

export { readSize, sizeBytes }
