/** Distinct fixed-width ids in the order they were first seen, found by open addressing over their bytes. */
export class IdTable {
  bytes: Uint8Array
  size = 0
  #width: number
  #table: Int32Array
  #mask: number

  /** @param width bytes an id, a multiple of 4 is not needed */
  constructor(width: number, expected: number) {
    this.#width = width
    let capacity = 64
    while (capacity < expected * 2) capacity *= 2
    this.#table = new Int32Array(capacity).fill(-1)
    this.#mask = capacity - 1
    this.bytes = new Uint8Array(Math.max(16, expected) * width)
  }

  #slot(source: Uint8Array, at: number): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < this.#width; i++) hash = Math.imul(hash ^ source[at + i], 0x01000193)
    let slot = (hash ^ (hash >>> 15)) & this.#mask
    for (let entry = this.#table[slot]; entry !== -1; entry = this.#table[slot]) {
      const from = entry * this.#width
      let i = 0
      while (i < this.#width && this.bytes[from + i] === source[at + i]) i++
      if (i === this.#width) return slot
      slot = (slot + 1) & this.#mask
    }
    return slot
  }

  /** Index of the id at source[at], or -1. */
  find(source: Uint8Array, at: number): number {
    return this.#table[this.#slot(source, at)]
  }

  /** Index of the id at source[at], added when new. At most `expected` ids may be added. */
  intern(source: Uint8Array, at: number): number {
    const slot = this.#slot(source, at)
    if (this.#table[slot] !== -1) return this.#table[slot]
    const entry = this.size++
    this.#table[slot] = entry
    for (let i = 0; i < this.#width; i++) this.bytes[entry * this.#width + i] = source[at + i]
    return entry
  }
}
