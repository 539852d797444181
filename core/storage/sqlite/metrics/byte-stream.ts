/** Grows as it is written; numbers are little-endian base-128. */
export class ByteWriter {
  bytes = new Uint8Array(1024)
  length = 0
  #view = new DataView(this.bytes.buffer)

  #room(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const next = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more))
    next.set(this.bytes.subarray(0, this.length))
    this.bytes = next
    this.#view = new DataView(next.buffer)
  }

  u8(value: number): void {
    this.#room(1)
    this.bytes[this.length++] = value
  }

  /** @param value whole, 0 to 2^53 */
  varint(value: number): void {
    this.#room(8)
    let rest = value
    while (rest > 0x7fffffff) {
      this.bytes[this.length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      this.bytes[this.length++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.bytes[this.length++] = rest
  }

  /** @param value whole, within ±2^52 */
  zigzag(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2)
  }

  f64(value: number): void {
    this.#room(8)
    this.#view.setFloat64(this.length, value, true)
    this.length += 8
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A view of what was written so far; valid until the next write. */
  finished(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }
}

/** Reads what ByteWriter wrote. Bytes come from our own file; a read beyond the end gives NaN or 0, never other memory. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  pos: number

  constructor(bytes: Uint8Array, pos = 0) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.pos = pos
  }

  u8(): number {
    return this.bytes[this.pos++]
  }

  varint(): number {
    const { bytes } = this
    let byte = bytes[this.pos++]
    if (byte < 128) return byte
    let value = byte & 127
    let scale = 128
    do {
      byte = bytes[this.pos++]
      value += (byte & 127) * scale
      scale *= 128
    } while (byte > 127)
    return value
  }

  zigzag(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  f64(): number {
    const value = this.view.getFloat64(this.pos, true)
    this.pos += 8
    return value
  }
}
