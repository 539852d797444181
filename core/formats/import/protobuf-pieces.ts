import { GlassboxError } from '../../base/errors.ts'
import { WireReader } from '../otlp/wire-reader.ts'

/** One envelope as a request of its own, or why it could not be cut out. */
export type ProtobufPiece = { at: number } & ({ bytes: Uint8Array } | { problem: string })

/** Does a file hold protobuf? By its name, or by bytes that no JSON file has. */
export function isProtobuf(head: Uint8Array, name: string): boolean {
  if (/\.(pb|bin|proto|binpb)(\.(gz|zst))?$/i.test(name)) return true
  if (isFramed(head)) return true
  return head[0] === 0x0a && head.length > 2 && head.subarray(0, 64).some((byte) => byte < 9)
}

/** The Collector's file exporter writes each request behind its length, four bytes, big-endian. */
function isFramed(head: Uint8Array): boolean {
  return head[0] === 0 && head.length > 5 && head[4] === 0x0a
}

/** Bytes at the front of a stream that grows at its end. */
class Window {
  #chunks: AsyncIterator<Uint8Array>
  bytes: Uint8Array = new Uint8Array(0)
  /** Offset in the file of the first byte held. */
  base = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Holds `size` bytes, or all that are left when they are fewer. */
  async fill(size: number): Promise<void> {
    if (this.bytes.length >= size) return
    const parts = [this.bytes]
    let total = this.bytes.length
    while (total < size) {
      const next = await this.#chunks.next()
      if (next.done) break
      parts.push(next.value)
      total += next.value.length
    }
    this.bytes = Buffer.concat(parts)
  }

  take(size: number): Uint8Array {
    const taken = this.bytes.subarray(0, size)
    this.bytes = this.bytes.subarray(size)
    this.base += size
    return taken
  }

  async pass(size: number): Promise<void> {
    let left = size
    while (left > 0) {
      await this.fill(1)
      if (this.bytes.length === 0) return
      left -= this.take(Math.min(left, this.bytes.length)).length
    }
  }
}

/**
 * Cuts a file of OTLP requests into its envelopes: each piece is a request with one ResourceSpans, ResourceLogs or
 * ResourceMetrics. Several requests in a row are one request by the rules of protobuf, so a file may be of any size.
 * @param most bytes of an envelope; a longer one is named as a problem and passed over
 */
export async function* protobufPieces(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<ProtobufPiece> {
  const window = new Window(chunks)
  await window.fill(16)
  const framed = isFramed(window.bytes)
  for (;;) {
    await window.fill(16)
    if (window.bytes.length === 0) return
    const at = window.base
    let size: number
    let head = 0
    let reader = new WireReader(window.bytes)
    try {
      if (framed) {
        if (window.bytes.length < 4) reader.fail('a length is cut short')
        size = reader.view.getUint32(0)
        head = 4
      } else {
        const tag = reader.tag(reader.bytes.length)
        if (tag !== 0x0a) {
          reader = await passOver(window, reader, tag)
          continue
        }
        size = reader.varint(reader.bytes.length)
        size += reader.pos
      }
    } catch (error) {
      if (!(error instanceof GlassboxError)) throw error
      yield { at, problem: `protobuf cannot be decoded at byte ${window.base}: this is not OTLP` }
      return
    }
    if (size > most) {
      yield { at, problem: `the part has ${size} bytes, more than the ${most} one part may have` }
      await window.pass(head + size)
      continue
    }
    await window.fill(head + size)
    const held = window.take(head + size)
    if (held.length < head + size)
      yield {
        at,
        problem: `protobuf cannot be decoded at byte ${window.base}: the file ends ${head + size - held.length} bytes too early`,
      }
    else yield { at, bytes: held.subarray(head) }
  }
}

async function passOver(window: Window, reader: WireReader, tag: number): Promise<WireReader> {
  if ((tag & 7) === 2) {
    const size = reader.varint(reader.bytes.length)
    await window.pass(reader.pos + size)
  } else {
    reader.skip(tag, reader.bytes.length)
    window.take(reader.pos)
  }
  return reader
}

/** What a request of one envelope holds, told by the fields of its first row; requests do not say it themselves. */
export function signalOf(request: Uint8Array): 'traces' | 'logs' | 'metrics' | 'empty' {
  const reader = new WireReader(request)
  const row = firstOf(reader, request.length, [0x0a, 0x12, 0x12])
  if (row === -1) return 'empty'
  let textFirst = false
  while (reader.pos < row) {
    const tag = reader.tag(row)
    if (tag === 0x39 || tag === 0x41) return 'traces'
    if (tag === 0x09 || tag === 0x59 || tag === 0x10 || tag === 0x45) return 'logs'
    if (tag === 0x0a) {
      const size = reader.varint(row)
      if (size === 16 && reader.bytes[reader.pos + 16] === 0x12 && reader.bytes[reader.pos + 17] === 8) return 'traces'
      textFirst = true
      reader.pos = Math.min(row, reader.pos + size)
    } else if (textFirst && [0x2a, 0x3a, 0x4a, 0x52, 0x5a].includes(tag)) {
      return 'metrics'
    } else if (tag === 0x2a || tag === 0x62) return 'logs'
    else reader.skip(tag, row)
  }
  return 'traces'
}

/** Moves the reader to the first field found along `path`; answers its end, -1 when there is none. */
function firstOf(reader: WireReader, end: number, path: number[]): number {
  if (path.length === 0) return end
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag !== path[0]) {
      reader.skip(tag, end)
      continue
    }
    const to = reader.lengthEnd(end)
    const found = firstOf(reader, to, path.slice(1))
    if (found !== -1) return found
    reader.pos = to
  }
  return -1
}
