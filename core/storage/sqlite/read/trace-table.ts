/** Traces by id, with what is known of each, in typed arrays: a million of them must stay cheap. */
export class TraceTable {
  size = 0
  words: Uint32Array
  /** µs; Infinity until a row is merged. */
  start: Float64Array
  end: Float64Array
  failed: Uint8Array
  #slots: Int32Array
  #mask: number

  constructor(expected = 1024) {
    let capacity = 1024
    while (capacity < expected * 2) capacity *= 2
    this.#slots = new Int32Array(capacity).fill(-1)
    this.#mask = capacity - 1
    this.words = new Uint32Array(capacity * 2)
    this.start = new Float64Array(capacity / 2)
    this.end = new Float64Array(capacity / 2)
    this.failed = new Uint8Array(capacity / 2)
  }

  /** Bytes of the ids, 16 each. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer)
  }

  #slot(words: Uint32Array, at: number): number {
    const [a, b, c, d] = [words[at], words[at + 1], words[at + 2], words[at + 3]]
    let hash = Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0xc2b2ae35) ^ Math.imul(c ^ Math.imul(d, 0x9e3779b1), 0x27d4eb2f)
    hash ^= hash >>> 15
    let slot = hash & this.#mask
    for (let entry = this.#slots[slot]; entry !== -1; entry = this.#slots[slot]) {
      const i = entry * 4
      if (this.words[i] === a && this.words[i + 1] === b && this.words[i + 2] === c && this.words[i + 3] === d) break
      slot = (slot + 1) & this.#mask
    }
    return slot
  }

  find(words: Uint32Array, at: number): number {
    return this.#slots[this.#slot(words, at)]
  }

  /** Index of the trace at words[at]; a new one gets index `size` as it was before. */
  intern(words: Uint32Array, at: number): number {
    let slot = this.#slot(words, at)
    if (this.#slots[slot] !== -1) return this.#slots[slot]
    if (this.size * 2 >= this.#slots.length) {
      this.#grow()
      slot = this.#slot(words, at)
    }
    const index = this.size++
    this.#slots[slot] = index
    for (let i = 0; i < 4; i++) this.words[index * 4 + i] = words[at + i]
    this.start[index] = Number.POSITIVE_INFINITY
    this.end[index] = Number.NEGATIVE_INFINITY
    return index
  }

  merge(index: number, start: number, end: number, failed: number): void {
    if (start < this.start[index]) this.start[index] = start
    if (end > this.end[index]) this.end[index] = end
    if (failed) this.failed[index] = 1
  }

  #grow(): void {
    const capacity = this.#slots.length * 2
    const old = { words: this.words, start: this.start, end: this.end, failed: this.failed }
    this.#slots = new Int32Array(capacity).fill(-1)
    this.#mask = capacity - 1
    this.words = new Uint32Array(capacity * 2)
    this.start = new Float64Array(capacity / 2)
    this.end = new Float64Array(capacity / 2)
    this.failed = new Uint8Array(capacity / 2)
    this.words.set(old.words)
    this.start.set(old.start)
    this.end.set(old.end)
    this.failed.set(old.failed)
    for (let i = 0; i < this.size; i++) this.#slots[this.#slot(this.words, i * 4)] = i
  }
}
