import { createDecipheriv, createHash } from 'node:crypto'
import { GlassboxError } from '../../base/errors.ts'
import { type ArchiveSecret, type KeyParameters, openKey } from './archive-key.ts'
import {
  type ArchiveHeader,
  chunkContext,
  END_MAGIC,
  FOOTER_BYTES,
  LAST,
  MAGIC,
  nonceOf,
  type PartPlace,
  plainTag,
  TAG_BYTES,
} from './container-writer.ts'
import { CHUNK_BYTES, FORMAT_VERSION, MAX_HEADER_BYTES } from './limits.ts'

/** A file that is read at any place; `read` answers fewer bytes at its end only. */
export interface RandomFile {
  size: number
  read(offset: number, length: number): Promise<Uint8Array>
}

export function damaged(detail: string): GlassboxError {
  return new GlassboxError('archive_damaged', detail)
}

const FIXED = MAGIC.length + 6
const HASH = 32

/** Where the next chunk lies. */
export interface Cursor extends PartPlace {
  /** Set once the last chunk was read. */
  ended: boolean
}

/** Reads the outer layer of an archive. Nothing is handed out before its tag was checked. */
export class ContainerReader {
  readonly header: ArchiveHeader
  readonly formatVersion: number
  readonly bodyOffset: number
  #file: RandomFile
  #headerHash: Uint8Array
  #key: Buffer | null = null

  private constructor(
    file: RandomFile,
    head: { header: ArchiveHeader; version: number; hash: Uint8Array; end: number },
  ) {
    this.#file = file
    this.header = head.header
    this.formatVersion = head.version
    this.#headerHash = head.hash
    this.bodyOffset = head.end
  }

  /** @throws GlassboxError `archive_damaged`, `archive_version` */
  static async open(file: RandomFile): Promise<ContainerReader> {
    const fixed = Buffer.from(await file.read(0, FIXED))
    if (fixed.length < FIXED || !fixed.subarray(0, MAGIC.length).equals(MAGIC))
      throw damaged('the file is no Glassbox archive, or its beginning is damaged')
    const length = fixed.readUInt32LE(10)
    if (length > MAX_HEADER_BYTES) throw damaged('the header of the archive is damaged')
    const rest = Buffer.from(await file.read(FIXED, length + HASH))
    if (rest.length < length + HASH) throw damaged('the archive is cut off within its header')
    const json = rest.subarray(0, length)
    const hash = rest.subarray(length)
    if (!createHash('sha256').update(fixed).update(json).digest().equals(hash))
      throw damaged('the header of the archive is damaged')
    const version = fixed.readUInt16LE(8)
    if (version > FORMAT_VERSION)
      throw new GlassboxError(
        'archive_version',
        `the archive has format ${version}, this Glassbox reads formats up to ${FORMAT_VERSION}`,
      )
    return new ContainerReader(file, { header: headerOf(json), version, hash, end: FIXED + length + HASH })
  }

  /** Must come before anything is read. @throws GlassboxError `archive_password` */
  async unlock(secret: ArchiveSecret | null): Promise<void> {
    const { encryption } = this.header
    if (encryption) this.#key = await openKey(secret, encryption)
  }

  begin(): Cursor {
    return { offset: this.bodyOffset, chunk: 0, ended: false }
  }

  /** Where the manifest begins, as the end of the file says; what is read there is checked like everything. */
  async manifestPlace(): Promise<PartPlace> {
    const { size } = this.#file
    if (size < this.bodyOffset + FOOTER_BYTES) throw damaged('the archive is cut off')
    const footer = Buffer.from(await this.#file.read(size - FOOTER_BYTES, FOOTER_BYTES))
    if (!footer.subarray(16).equals(END_MAGIC)) throw damaged('the archive is cut off, or its end is damaged')
    const offset = Number(footer.readBigUInt64LE(0))
    const chunk = Number(footer.readBigUInt64LE(8))
    if (offset < this.bodyOffset || offset > size - FOOTER_BYTES || chunk > size)
      throw damaged('the end of the archive is damaged')
    return { offset, chunk }
  }

  /** The plain bytes of the chunk at the cursor, which moves on. @throws GlassboxError `archive_damaged` */
  async chunk(cursor: Cursor): Promise<Uint8Array> {
    const where = `at byte ${cursor.offset}`
    if (cursor.ended) throw damaged(`the archive ends ${where}, and more was to come`)
    const head = Buffer.from(await this.#file.read(cursor.offset, 4))
    if (head.length < 4) throw damaged(`the archive is cut off ${where}`)
    const word = head.readUInt32LE(0)
    const length = word % LAST
    if (length > CHUNK_BYTES) throw damaged(`a chunk ${where} is damaged`)
    const bytes = await this.#file.read(cursor.offset + 4, length + TAG_BYTES)
    if (bytes.length < length + TAG_BYTES) throw damaged(`the archive is cut off ${where}`)
    const body = bytes.subarray(0, length)
    const tag = bytes.subarray(length)
    const context = chunkContext(this.#headerHash, cursor.chunk, word)
    const plain = this.#key ? decrypt(this.#key, cursor.chunk, context, body, tag) : checked(context, body, tag)
    if (!plain) throw damaged(`the archive is damaged ${where}`)
    cursor.offset += 4 + length + TAG_BYTES
    cursor.chunk++
    cursor.ended = word >= LAST
    return plain
  }

  /** After the last chunk: nothing but the footer may follow. */
  async checkEnd(cursor: Cursor, manifest: PartPlace): Promise<void> {
    const told = await this.manifestPlace()
    if (!cursor.ended || cursor.offset !== this.#file.size - FOOTER_BYTES)
      throw damaged('bytes follow the end of the archive')
    if (told.offset !== manifest.offset || told.chunk !== manifest.chunk)
      throw damaged('the end of the archive is damaged')
  }
}

function decrypt(key: Buffer, chunk: number, context: Buffer, body: Uint8Array, tag: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(chunk), { authTagLength: TAG_BYTES })
  decipher.setAAD(context)
  decipher.setAuthTag(tag)
  const plain = decipher.update(body)
  try {
    decipher.final()
    return plain
  } catch {
    // Only what the tag vouches for is handed out.
    return null
  }
}

function checked(context: Buffer, body: Uint8Array, tag: Uint8Array): Uint8Array | null {
  return plainTag(context, body).equals(tag) ? body : null
}

function headerOf(json: Uint8Array): ArchiveHeader {
  let header: Partial<ArchiveHeader> | null
  try {
    header = JSON.parse(Buffer.from(json).toString('utf8')) as Partial<ArchiveHeader> | null
  } catch {
    throw damaged('the header of the archive is no JSON')
  }
  const { archive, createdAt, chunkBytes, encryption = null } = header ?? {}
  if (typeof archive !== 'string' || !/^[0-9a-f]{32}$/.test(archive) || typeof createdAt !== 'number')
    throw damaged('the header of the archive is incomplete')
  if (encryption !== null && (encryption as KeyParameters).cipher !== 'aes-256-gcm')
    throw damaged('the archive is encrypted in a way that is not known')
  const bundle = header?.holds === 'bundle'
  return { archive, createdAt, chunkBytes: Number(chunkBytes), encryption, ...(bundle ? { holds: 'bundle' } : {}) }
}
