/** What a chunk holds before it is handed on; small enough for the server to work on one while the next is encoded. */
const CHUNK = 128 * 1024
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** COPY's binary format, written into chunks. Every field is its length in bytes (-1 = NULL) and its bytes. */
export class CopyBuffer {
  #bytes: Buffer
  #at: number

  constructor() {
    this.#bytes = Buffer.allocUnsafeSlow(CHUNK + CHUNK / 4)
    this.#at = HEADER.copy(this.#bytes)
  }

  /** The chunk when it is full, else null. */
  full(): Buffer | null {
    if (this.#at < CHUNK) return null
    const chunk = this.#bytes.subarray(0, this.#at)
    this.#bytes = Buffer.allocUnsafeSlow(CHUNK + CHUNK / 4)
    this.#at = 0
    return chunk
  }

  /** What is left, with the mark of the end. */
  end(): Buffer {
    this.#room(2)
    this.#int16(-1)
    return this.#bytes.subarray(0, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }

  #int16(value: number): void {
    this.#bytes[this.#at++] = value >> 8
    this.#bytes[this.#at++] = value
  }

  #int32(value: number): void {
    const bytes = this.#bytes
    const at = this.#at
    bytes[at] = value >> 24
    bytes[at + 1] = value >> 16
    bytes[at + 2] = value >> 8
    bytes[at + 3] = value
    this.#at = at + 4
  }

  /** Begins a row; makes room for all fields of fixed width that it can have. */
  row(fields: number): void {
    this.#room(512)
    this.#int16(fields)
  }

  null(): void {
    this.#room(4)
    this.#int32(-1)
  }

  int2(value: number): void {
    this.#room(6)
    this.#int32(2)
    this.#int16(value)
  }

  int4(value: number): void {
    this.#room(8)
    this.#int32(4)
    this.#int32(value)
  }

  int8(value: number): void {
    this.#room(12)
    this.#int32(8)
    this.#int32(Math.floor(value / 4_294_967_296))
    this.#int32((value % 4_294_967_296) | 0)
  }

  bool(value: boolean): void {
    this.#room(5)
    this.#int32(1)
    this.#bytes[this.#at++] = value ? 1 : 0
  }

  int2OrNull(value: number, none = 0): void {
    if (value === none) this.null()
    else this.int2(value)
  }

  int4OrNull(value: number, none: number): void {
    if (value === none) this.null()
    else this.int4(value)
  }

  int8OrNull(value: number): void {
    if (value === 0) this.null()
    else this.int8(value)
  }

  /** source[from .. to) as one field. */
  bytes(source: Uint8Array, from: number, to: number): void {
    this.#room(4 + to - from)
    this.#int32(to - from)
    this.#append(source, from, to)
  }

  /** As `bytes`, or NULL where all of them are zero. */
  idOrNull(source: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (source[i] === 0) continue
      this.bytes(source, from, to)
      return
    }
    this.null()
  }

  text(text: string): void {
    const bytes = Buffer.from(text)
    this.bytes(bytes, 0, bytes.length)
  }

  textOrNull(text: string): void {
    if (text === '') this.null()
    else this.text(text)
  }

  /** Begins a field whose length is not known yet. @returns what `close` takes */
  open(): number {
    this.#room(4)
    this.#at += 4
    return this.#at
  }

  close(opened: number): void {
    const at = this.#at
    this.#at = opened - 4
    this.#int32(at - opened)
    this.#at = at
  }

  /** Within an opened field. */
  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = value
  }

  /** Within an opened field. */
  append(source: Uint8Array, from: number, to: number): void {
    this.#room(to - from)
    this.#append(source, from, to)
  }

  #append(source: Uint8Array, from: number, to: number): void {
    const bytes = this.#bytes
    let at = this.#at
    if (to - from > 64) {
      bytes.set(source.subarray(from, to), at)
      at += to - from
    } else for (let i = from; i < to; i++) bytes[at++] = source[i]
    this.#at = at
  }

  /** A whole number's digits, within an opened field. */
  digits(value: number): void {
    this.#room(24)
    const bytes = this.#bytes
    let at = this.#at
    let rest = value
    if (rest < 0) {
      bytes[at++] = 45
      rest = -rest
    }
    let width = 1
    for (let limit = 10; rest >= limit; limit *= 10) width++
    for (let i = at + width - 1; i >= at; i--) {
      const tenth = Math.floor(rest / 10)
      bytes[i] = 48 + (rest - tenth * 10)
      rest = tenth
    }
    this.#at = at + width
  }
}
