import { createCipheriv, createHash } from 'node:crypto'
import type { KeyParameters } from './archive-key.ts'
import { CHUNK_BYTES, FORMAT_VERSION } from './limits.ts'

export const MAGIC = Buffer.from([0x89, 0x47, 0x42, 0x58, 0x0d, 0x0a, 0x1a, 0x0a])
export const END_MAGIC = Buffer.from('GBXEND\r\n', 'latin1')
export const TAG_BYTES = 16
export const FOOTER_BYTES = 24
/** Bit 31 of a chunk's length: nothing but the footer follows. */
export const LAST = 0x8000_0000

/** The header as it stands in the file, in the clear. */
export interface ArchiveHeader {
  /** 32 hex digits, random. */
  archive: string
  /** µs since 1970. */
  createdAt: number
  chunkBytes: number
  encryption: KeyParameters | null
  /** `bundle`: a debug bundle, which says so also while its content is encrypted. Absent = a backup. */
  holds?: 'bundle'
}

/** Where a part lies in the file. */
export interface PartPlace {
  /** Offset of its first chunk, and that chunk's number. */
  offset: number
  chunk: number
}

export function nonceOf(chunk: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64LE(BigInt(chunk), 4)
  return nonce
}

/** What a chunk's tag covers besides its bytes: the header's hash, its number, and its length with the mark of the last. */
export function chunkContext(headerHash: Uint8Array, chunk: number, length: number): Buffer {
  const context = Buffer.alloc(44)
  context.set(headerHash)
  context.writeBigUInt64LE(BigInt(chunk), 32)
  context.writeUInt32LE(length, 40)
  return context
}

export function plainTag(context: Uint8Array, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(context).update(bytes).digest().subarray(0, TAG_BYTES)
}

/** Takes the bytes of the file in order; waits until they are taken. */
export type Sink = (bytes: Uint8Array) => Promise<void>

/** Writes the outer layer of an archive (FORMAT.md, "Container"): chunks whose order and end are authenticated. */
export class ContainerWriter {
  #sink: Sink
  #key: Buffer | null
  #headerHash: Buffer = Buffer.alloc(0)
  #buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  #filled = 0
  #chunk = 0
  /** Bytes written so far. */
  offset = 0

  constructor(sink: Sink, key: Buffer | null) {
    this.#sink = sink
    this.#key = key
  }

  async #put(...pieces: Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      this.offset += piece.length
      await this.#sink(piece)
    }
  }

  async begin(header: ArchiveHeader): Promise<void> {
    const json = Buffer.from(JSON.stringify(header))
    const fixed = Buffer.alloc(MAGIC.length + 6)
    fixed.set(MAGIC)
    fixed.writeUInt16LE(FORMAT_VERSION, 8)
    fixed.writeUInt32LE(json.length, 10)
    const head = Buffer.concat([fixed, json])
    this.#headerHash = createHash('sha256').update(head).digest()
    await this.#put(head, this.#headerHash)
  }

  /** Where the part to come begins. */
  place(): PartPlace {
    return { offset: this.offset, chunk: this.#chunk }
  }

  /** Writes bytes of the open part. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === CHUNK_BYTES) await this.#flush(false)
      const take = Math.min(bytes.length - at, CHUNK_BYTES - this.#filled)
      this.#buffer.set(bytes.subarray(at, at + take), this.#filled)
      this.#filled += take
      at += take
    }
  }

  /** Ends the open part, so that the next one begins with a chunk of its own. */
  async endPart(): Promise<void> {
    if (this.#filled > 0) await this.#flush(false)
  }

  async #flush(last: boolean): Promise<void> {
    const plain = this.#buffer.subarray(0, this.#filled)
    const word = this.#filled + (last ? LAST : 0)
    const context = chunkContext(this.#headerHash, this.#chunk, word)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(word)
    if (this.#key) {
      const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(this.#chunk), { authTagLength: TAG_BYTES })
      cipher.setAAD(context)
      const bytes = cipher.update(plain)
      cipher.final()
      await this.#put(length, bytes, cipher.getAuthTag())
    } else await this.#put(length, Buffer.from(plain), plainTag(context, plain))
    this.#chunk++
    this.#filled = 0
  }

  /** Ends the last part, which is the manifest and began at `manifest`, and the file. */
  async finish(manifest: PartPlace): Promise<void> {
    await this.#flush(true)
    const footer = Buffer.alloc(FOOTER_BYTES)
    footer.writeBigUInt64LE(BigInt(manifest.offset), 0)
    footer.writeBigUInt64LE(BigInt(manifest.chunk), 8)
    footer.set(END_MAGIC, 16)
    await this.#put(footer)
  }
}
