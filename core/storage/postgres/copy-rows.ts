const SIGNATURE = 11
const NULL = -1

/** Rows of COPY's binary format out of chunks that end anywhere; the fields of the row at hand are read by their place. */
export class CopyRows {
  /** What the fields lie in; another one after `push`. */
  bytes: Uint8Array = new Uint8Array(0)
  readonly starts: Int32Array
  /** -1 = NULL. */
  readonly lengths: Int32Array
  #at = 0
  #begun = false

  /** @param fields of every row */
  constructor(fields: number) {
    this.starts = new Int32Array(fields)
    this.lengths = new Int32Array(fields)
  }

  /** Adds a chunk behind what is not read yet. */
  push(chunk: Uint8Array): void {
    const left = this.bytes.subarray(this.#at)
    this.#at = 0
    if (left.length === 0) {
      this.bytes = chunk
      return
    }
    this.bytes = new Uint8Array(left.length + chunk.length)
    this.bytes.set(left)
    this.bytes.set(chunk, left.length)
  }

  /** Goes to the next row. False when the rest of it is yet to come, and at the end. */
  next(): boolean {
    if (!this.#begun && !this.#header()) return false
    const { bytes, starts, lengths } = this
    let at = this.#at
    if (at + 2 > bytes.length || this.#int16(at) === NULL) return false
    at += 2
    for (let field = 0; field < starts.length; field++) {
      if (at + 4 > bytes.length) return false
      const length = this.#int32(at)
      at += 4
      starts[field] = at
      lengths[field] = length
      if (length > 0) at += length
    }
    if (at > bytes.length) return false
    this.#at = at
    return true
  }

  #header(): boolean {
    // Signature, flags, and the length of an extension that nobody sends.
    if (this.bytes.length < SIGNATURE + 8) return false
    this.#at = SIGNATURE + 8 + this.#int32(SIGNATURE + 4)
    this.#begun = true
    return true
  }

  #int16(at: number): number {
    return ((this.bytes[at] << 24) >> 16) | this.bytes[at + 1]
  }

  #int32(at: number): number {
    const { bytes } = this
    return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
  }

  isNull(field: number): boolean {
    return this.lengths[field] === NULL
  }

  /** int2, int4 or int8; `none` where it is NULL. */
  int(field: number, none = 0): number {
    const at = this.starts[field]
    switch (this.lengths[field]) {
      case 2:
        return this.#int16(at)
      case 4:
        return this.#int32(at)
      case 8:
        return this.#int32(at) * 4_294_967_296 + (this.#int32(at + 4) >>> 0)
      default:
        return none
    }
  }

  /** Copies a field of bytes to `at` of a column; nothing where it is NULL. */
  copy(field: number, column: Uint8Array, at: number): void {
    const { bytes } = this
    const start = this.starts[field]
    for (let i = 0; i < this.lengths[field]; i++) column[at + i] = bytes[start + i]
  }

  /** A text field, or null. */
  text(field: number): string | null {
    if (this.isNull(field)) return null
    const start = this.starts[field]
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, this.lengths[field]).toString()
  }
}
