import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { GlassboxError } from '../../base/errors.ts'
import { release } from '../../base/release.ts'
import type { ArchiveSecret } from './archive-key.ts'
import { ContainerReader, type Cursor, damaged, type RandomFile } from './container-reader.ts'
import type { PartPlace } from './container-writer.ts'
import { MAX_PART_BYTES } from './limits.ts'
import { type Manifest, type PartEntry, readManifest } from './manifest.ts'

const decompress = promisify(zstdDecompress)
const MAX_PART_HEAD = 4096

/** A local file as the readers of archives want it. */
export async function openArchiveFile(path: string): Promise<RandomFile & { close(): Promise<void> }> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new GlassboxError(
      'archive_not_found',
      code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read: ${message}`,
    )
  }
  const { size } = await handle.stat()
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
      let filled = 0
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled === bytes.length ? bytes : bytes.subarray(0, filled)
    },
    close: () => handle.close(),
  }
}

/** Reads an archive; every byte is checked before it is believed. */
export class ArchiveReader {
  readonly manifest: Manifest
  readonly encrypted: boolean
  #container: ContainerReader
  #manifestPlace: PartPlace

  private constructor(container: ContainerReader, manifest: Manifest, place: PartPlace) {
    this.#container = container
    this.manifest = manifest
    this.encrypted = container.header.encryption !== null
    this.#manifestPlace = place
  }

  /**
   * Reads the manifest only.
   * @throws GlassboxError `archive_damaged`, `archive_password`, `archive_version`
   */
  static async open(file: RandomFile, secret: ArchiveSecret | null): Promise<ArchiveReader> {
    const container = await ContainerReader.open(file)
    await container.unlock(secret)
    const place = await container.manifestPlace()
    const { kind, body } = await readPart(container, { ...place, ended: false })
    if (kind !== 'manifest') throw damaged('the archive has no manifest where it should be')
    const manifest = readManifest(Buffer.from(body).toString('utf8'))
    if (manifest.archive !== container.header.archive) throw damaged('the manifest belongs to another archive')
    return new ArchiveReader(container, manifest, place)
  }

  /** The body of one part. @throws GlassboxError `archive_damaged` */
  async part(entry: PartEntry): Promise<Uint8Array> {
    return this.#read(entry, { offset: entry.offset, chunk: entry.chunk, ended: false })
  }

  async #read(entry: PartEntry, cursor: Cursor): Promise<Uint8Array> {
    const { kind, rows, body } = await readPart(this.#container, cursor)
    const fits = kind === entry.kind && rows === entry.rows && body.length === entry.raw
    if (!fits || createHash('sha256').update(body).digest('hex') !== entry.sha256)
      throw damaged(`a part of ${entry.kind} is not the one that the manifest names`)
    return body
  }

  /**
   * Every part in order, checking that they and nothing else make up the file. Whoever takes all of them has verified
   * the archive by checksum.
   */
  async *all(): AsyncGenerator<{ entry: PartEntry; body: Uint8Array }> {
    const cursor = this.#container.begin()
    for (const entry of this.manifest.parts) {
      if (entry.offset !== cursor.offset || entry.chunk !== cursor.chunk)
        throw damaged('the parts of the archive do not follow each other as the manifest says')
      yield { entry, body: await this.#read(entry, cursor) }
    }
    if (cursor.offset !== this.#manifestPlace.offset || cursor.chunk !== this.#manifestPlace.chunk)
      throw damaged('the archive holds something that its manifest does not name')
    await readPart(this.#container, cursor)
    await this.#container.checkEnd(cursor, this.#manifestPlace)
  }
}

/** The part that begins at the cursor, which ends behind it. */
async function readPart(
  container: ContainerReader,
  cursor: Cursor,
): Promise<{ kind: string; rows: number; body: Uint8Array }> {
  const first = Buffer.from(await container.chunk(cursor))
  const length = first.length >= 4 ? first.readUInt32LE(0) : MAX_PART_HEAD + 1
  if (length > MAX_PART_HEAD || first.length < 4 + length) throw damaged('a part of the archive has no head')
  const { kind, rows, raw, stored } = partHead(first.subarray(4, 4 + length))
  const packed = Buffer.alloc(stored)
  let filled = 0
  for (let piece: Uint8Array = first.subarray(4 + length); ; piece = await container.chunk(cursor)) {
    if (filled + piece.length > stored) throw damaged('a part of the archive is longer than it says')
    packed.set(piece, filled)
    filled += piece.length
    if (filled === stored) break
  }
  const body = await unpack(packed, raw)
  release(packed)
  return { kind, rows, body }
}

async function unpack(packed: Uint8Array, raw: number): Promise<Uint8Array> {
  let body: Uint8Array
  try {
    // Never more than was declared, whatever the frame says.
    body = await decompress(packed, { maxOutputLength: Math.max(raw, 1) })
  } catch {
    throw damaged('a part of the archive cannot be unpacked')
  }
  if (body.length !== raw) throw damaged('a part of the archive is not as large as it says')
  return body
}

function partHead(json: Uint8Array): { kind: string; rows: number; raw: number; stored: number } {
  try {
    const { kind, rows, raw, stored } = JSON.parse(Buffer.from(json).toString('utf8')) as Record<string, unknown>
    const sizes = [rows, raw, stored].every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
    if (typeof kind === 'string' && sizes && (raw as number) <= MAX_PART_BYTES && (stored as number) <= MAX_PART_BYTES)
      return { kind, rows: rows as number, raw: raw as number, stored: stored as number }
  } catch {
    // Said below.
  }
  throw damaged('a part of the archive has no head')
}

/** The rows of a part of JSON lines. @throws GlassboxError `archive_damaged` */
export function readLines(body: Uint8Array): unknown[] {
  try {
    const text = Buffer.from(body).toString('utf8')
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
  } catch {
    throw damaged('a part of JSON lines cannot be read')
  }
}
