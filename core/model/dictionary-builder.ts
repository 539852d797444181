import { isUtf8 } from 'node:buffer'
import { utf8 } from '../base/utf8.ts'
import type { Dictionary } from './columns.ts'

const encoder = new TextEncoder()

/** Distinct UTF-8 strings in one byte arena, found by an open-addressing table over their bytes. Entry 0 is the empty string. */
export class DictionaryBuilder {
  #bytes = new Uint8Array(16_384)
  #offsets = new Uint32Array(1024)
  #hashes = new Int32Array(1024)
  #table = new Int32Array(4096)
  #mask = 4095
  #size = 1
  #used = 0

  get size(): number {
    return this.#size
  }

  /** Index of the text in source[start, end). Ill-formed UTF-8 becomes U+FFFD and U+0000 is taken out. */
  intern(source: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (length === 0) return 0
    let hash = 0x811c9dc5 ^ length
    let odd = 0
    for (let i = start; i < end; i++) {
      const byte = source[i]
      hash = Math.imul(hash ^ byte, 0x01000193)
      odd |= (byte - 1) & 0x180
    }
    if (odd !== 0) {
      const view = source.subarray(start, end)
      if (view.includes(0) || !isUtf8(view)) return this.internText(utf8.decode(view))
    }
    hash ^= hash >>> 15
    let slot = hash & this.#mask
    for (let entry = this.#table[slot]; entry !== 0; entry = this.#table[slot]) {
      if (this.#hashes[entry] === hash && this.#equals(entry, source, start, length)) return entry
      slot = (slot + 1) & this.#mask
    }
    return this.#append(source, start, length, hash, slot)
  }

  /** As `intern`, by a look at the entry `guess` first: most text repeats what stood in the same place before. */
  internLike(guess: number, source: Uint8Array, start: number, end: number): number {
    return guess > 0 && this.#equals(guess, source, start, end - start) ? guess : this.intern(source, start, end)
  }

  /** Index of `text`; lone surrogates become U+FFFD and U+0000 is taken out, so that every engine can store it. */
  internText(text: string): number {
    if (text === '') return 0
    const clean = text.includes('\0') ? text.replaceAll('\0', '') : text
    const bytes = encoder.encode(clean.isWellFormed() ? clean : clean.toWellFormed())
    return this.intern(bytes, 0, bytes.length)
  }

  finish(): Dictionary {
    return {
      bytes: this.#bytes.slice(0, this.#used),
      offsets: this.#offsets.slice(0, this.#size + 1),
      size: this.#size,
    }
  }

  #equals(entry: number, source: Uint8Array, start: number, length: number): boolean {
    const from = this.#offsets[entry]
    if (this.#offsets[entry + 1] - from !== length) return false
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) if (bytes[from + i] !== source[start + i]) return false
    return true
  }

  #append(source: Uint8Array, start: number, length: number, hash: number, slot: number): number {
    const entry = this.#size++
    if (entry + 2 > this.#offsets.length) {
      const offsets = new Uint32Array(this.#offsets.length * 2)
      offsets.set(this.#offsets)
      this.#offsets = offsets
      const hashes = new Int32Array(this.#hashes.length * 2)
      hashes.set(this.#hashes)
      this.#hashes = hashes
    }
    if (this.#used + length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#used + length))
      bytes.set(this.#bytes)
      this.#bytes = bytes
    }
    if (length < 48) for (let i = 0; i < length; i++) this.#bytes[this.#used + i] = source[start + i]
    else this.#bytes.set(source.subarray(start, start + length), this.#used)
    this.#used += length
    this.#offsets[entry + 1] = this.#used
    this.#hashes[entry] = hash
    this.#table[slot] = entry
    if (this.#size * 2 > this.#table.length) this.#rehash()
    return entry
  }

  #rehash(): void {
    this.#table = new Int32Array(this.#table.length * 4)
    this.#mask = this.#table.length - 1
    for (let entry = 1; entry < this.#size; entry++) {
      let slot = this.#hashes[entry] & this.#mask
      while (this.#table[slot] !== 0) slot = (slot + 1) & this.#mask
      this.#table[slot] = entry
    }
  }
}
