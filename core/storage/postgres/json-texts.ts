import { type Dictionary, entryText } from '../../model/columns.ts'

/** Texts of a batch's dictionary as JSON strings in UTF-8, each made once. */
export class JsonTexts {
  readonly dictionary: Dictionary
  bytes: Uint8Array
  /** Entry i lies at starts[i] .. ends[i) once it was asked for; an end of 0 means not yet. */
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  #used = 0

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary
    this.bytes = new Uint8Array(dictionary.bytes.length + dictionary.size * 4 + 64)
    this.starts = new Uint32Array(dictionary.size + 1)
    this.ends = new Uint32Array(dictionary.size + 1)
  }

  /** Makes entry `index` ready in `bytes`. */
  ready(index: number): void {
    if (this.ends[index] === 0) this.#make(index)
  }

  #make(index: number): void {
    const { bytes: source, offsets } = this.dictionary
    const from = offsets[index]
    const to = offsets[index + 1]
    for (let i = from; i < to; i++) {
      const byte = source[i]
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c) {
        this.#put(index, this.json(index))
        return
      }
    }
    this.#room(to - from + 2)
    const { bytes } = this
    let at = this.#used
    this.starts[index] = at
    bytes[at++] = 0x22
    if (to - from > 64) {
      bytes.set(source.subarray(from, to), at)
      at += to - from
    } else for (let i = from; i < to; i++) bytes[at++] = source[i]
    bytes[at++] = 0x22
    this.ends[index] = at
    this.#used = at
  }

  #put(index: number, text: string): void {
    const encoded = Buffer.from(text)
    this.#room(encoded.length)
    this.bytes.set(encoded, this.#used)
    this.starts[index] = this.#used
    this.#used += encoded.length
    this.ends[index] = this.#used
  }

  #room(more: number): void {
    if (this.#used + more <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.#used + more))
    larger.set(this.bytes.subarray(0, this.#used))
    this.bytes = larger
  }

  raw(index: number): string {
    return entryText(this.dictionary, index)
  }

  /** Entry `index` as a JSON string. */
  json(index: number): string {
    return JSON.stringify(this.raw(index))
  }
}
