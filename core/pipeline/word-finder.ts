/** Letters folded to 5 bits: the case of ASCII letters falls away, and other characters only make a check needed. */
const fold = 31

/**
 * Finds where one of some ASCII words stands in bytes, whatever its case. It looks at two bytes at a time and skips
 * as far as no word can end there (Wu and Manber's method): most bytes are never read.
 */
export class WordFinder {
  readonly #words: Uint8Array[]
  readonly #shortest: number
  /** By the last two folded bytes of the window: how far the window may move; 0 = a word may start here. */
  readonly #shift = new Uint8Array(1024)

  /** @param words at least 2 characters each; shorter ones are left out. */
  constructor(words: string[]) {
    this.#words = words.filter((word) => word.length > 1).map((word) => new TextEncoder().encode(word.toLowerCase()))
    this.#shortest = Math.min(255, ...this.#words.map((word) => word.length))
    this.#shift.fill(this.#shortest - 1)
    for (const word of this.#words) {
      for (let at = 1; at < this.#shortest; at++) {
        const block = ((word[at - 1] & fold) << 5) | (word[at] & fold)
        this.#shift[block] = Math.min(this.#shift[block], this.#shortest - 1 - at)
      }
    }
  }

  /** Index of the first word at or after `from`, or -1. */
  find(bytes: Uint8Array, from: number): number {
    if (this.#words.length === 0) return -1
    const shift = this.#shift
    const last = this.#shortest - 1
    for (let at = from + last; at < bytes.length; ) {
      const move = shift[((bytes[at - 1] & fold) << 5) | (bytes[at] & fold)]
      if (move > 0) at += move
      else if (this.#wordAt(bytes, at - last)) return at - last
      else at++
    }
    return -1
  }

  #wordAt(bytes: Uint8Array, start: number): boolean {
    return this.#words.some((word) => {
      if (start + word.length > bytes.length) return false
      for (let i = 0; i < word.length; i++) {
        const byte = bytes[start + i]
        if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== word[i]) return false
      }
      return true
    })
  }
}

/** A word as keys write it: `private_key` also as `privatekey`, `private-key`, `private.key` and `private key`. */
export function wordStyles(word: string): string[] {
  const parts = word.toLowerCase().split(/[-_. ]+/)
  return [...new Set(['', '_', '-', '.', ' '].map((separator) => parts.join(separator)))]
}
