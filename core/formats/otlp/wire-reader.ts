import { GlassboxError } from '../../base/errors.ts'

/** Reads protobuf wire format in place. Every length is checked against what remains before it is used. */
export class WireReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  pos = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** @throws GlassboxError `malformed_body` with the offset. */
  fail(reason: string): never {
    throw new GlassboxError('malformed_body', `protobuf cannot be decoded at byte ${this.pos}: ${reason}`)
  }

  /** A varint below 2^53, or the low bits of a longer one as unsigned 32 bits where that is all the field holds. */
  varint(end: number): number {
    const { bytes } = this
    let pos = this.pos
    if (pos >= end) this.fail('a number is cut short')
    let byte = bytes[pos++]
    if (byte < 0x80) {
      this.pos = pos
      return byte
    }
    let value = byte & 0x7f
    let scale = 128
    for (let i = 1; i < 10; i++) {
      if (pos >= end) this.fail('a number is cut short')
      byte = bytes[pos++]
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte < 0x80) {
        this.pos = pos
        return value
      }
    }
    return this.fail('a number is longer than 10 bytes')
  }

  /** A varint of up to 64 bits as signed int64. */
  int64(end: number): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.pos >= end) this.fail('a number is cut short')
      const byte = this.bytes[this.pos++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    return this.fail('a number is longer than 10 bytes')
  }

  /** The end of the length-delimited field that starts here; `pos` is then at its first byte. */
  lengthEnd(end: number): number {
    const length = this.varint(end)
    const fieldEnd = this.pos + length
    if (fieldEnd > end) this.fail(`a field of ${length} bytes is longer than the ${end - this.pos} that remain`)
    return fieldEnd
  }

  /** Passes over 4 or 8 raw bytes and answers where they start. */
  fixed(width: 4 | 8, end: number): number {
    const at = this.pos
    if (at + width > end) this.fail('a fixed-width number is cut short')
    this.pos = at + width
    return at
  }

  /** Passes over a field nobody asked for, groups included. */
  skip(tag: number, end: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.varint(end)
        return
      case 1:
        this.fixed(8, end)
        return
      case 2:
        this.pos = this.lengthEnd(end)
        return
      case 5:
        this.fixed(4, end)
        return
      case 3:
        if (depth > 64) this.fail('groups are nested deeper than 64')
        for (;;) {
          const inner = this.tag(end)
          if ((inner & 7) === 4) {
            if (inner >>> 3 !== tag >>> 3) this.fail('a group ends that was not open')
            return
          }
          this.skip(inner, end, depth + 1)
        }
      default:
        this.fail(`wire type ${tag & 7} does not exist here`)
    }
  }

  tag(end: number): number {
    const tag = this.varint(end)
    if (tag < 8 || tag > 0xffffffff) this.fail('field number 0 is not valid')
    return tag
  }
}
