/** Finds spans by their 8 bytes of id without making text or objects of 100,000 ids. */
export class SpanIndex {
  #ids: DataView
  #table: Int32Array
  #mask: number

  /** Of spans with one id the first wins. */
  constructor(ids: Uint8Array) {
    const count = ids.length / 8
    this.#ids = new DataView(ids.buffer, ids.byteOffset, ids.byteLength)
    let size = 16
    while (size < count * 2) size *= 2
    this.#table = new Int32Array(size).fill(-1)
    this.#mask = size - 1
    for (let span = 0; span < count; span++) {
      const hi = this.#ids.getUint32(span * 8)
      const lo = this.#ids.getUint32(span * 8 + 4)
      const slot = this.#slot(hi, lo)
      if (this.#table[slot] === -1) this.#table[slot] = span
    }
  }

  /** The span whose id stands at `at` of `ids`, or -1. */
  find(ids: Uint8Array, at: number): number {
    const view = new DataView(ids.buffer, ids.byteOffset + at, 8)
    return this.#table[this.#slot(view.getUint32(0), view.getUint32(4))]
  }

  /** By 16 hex digits; -1 when the text is no id or unknown. */
  findHex(id: string): number {
    if (!/^[0-9a-f]{16}$/i.test(id)) return -1
    return this.#table[this.#slot(Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8), 16))]
  }

  #slot(hi: number, lo: number): number {
    let slot = (Math.imul(hi, 0x9e3779b1) ^ Math.imul(lo, 0x85ebca6b)) >>> 0
    slot = (slot ^ (slot >>> 15)) & this.#mask
    for (;;) {
      const span = this.#table[slot]
      if (span === -1) return slot
      if (this.#ids.getUint32(span * 8) === hi && this.#ids.getUint32(span * 8 + 4) === lo) return slot
      slot = (slot + 1) & this.#mask
    }
  }
}
