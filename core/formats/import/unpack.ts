import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GlassboxError } from '../../base/errors.ts'

type Bytes = AsyncIterable<Uint8Array>

/** The chunks again, with at least `least` bytes (or all there are) in the first. */
async function peek(chunks: Bytes, least: number): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]()
  const parts: Uint8Array[] = []
  let size = 0
  while (size < least) {
    const next = await iterator.next()
    if (next.done) break
    parts.push(next.value)
    size += next.value.length
  }
  const head = parts.length === 1 ? parts[0] : Buffer.concat(parts)
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { head, all: all() }
}

/**
 * The bytes inside a gzip or zstd file, told by their first bytes; any other file as it is. Streams: what one chunk
 * unpacks to is held, no more. Several members in a row are one file.
 * @throws GlassboxError `malformed_body` where the compressed data is cut or damaged, after what came before it
 */
export async function* unpack(chunks: Bytes): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(chunks, 4)
  const kind = head[0] === 0x1f && head[1] === 0x8b ? 'gzip' : isZstd(head) ? 'zstd' : null
  if (!kind) {
    yield* all
    return
  }
  const inflate = kind === 'gzip' ? createGunzip() : createZstdDecompress()
  const out = new PassThrough()
  let sourceFailed: unknown = null
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* all
    } catch (error) {
      sourceFailed = error
      throw error
    }
  }
  const running = pipeline(Readable.from(source(), { objectMode: false }), inflate, out).catch(() => undefined)
  let size = 0
  try {
    for await (const chunk of out as AsyncIterable<Uint8Array>) {
      size += chunk.length
      yield chunk
    }
  } catch (error) {
    if (sourceFailed) throw sourceFailed
    throw new GlassboxError(
      'malformed_body',
      `the ${kind} data is cut or damaged after ${size} unpacked bytes: ${(error as Error).message}`,
      'Get the whole file again; what came before the damage was taken.',
    )
  } finally {
    out.destroy()
    await running
  }
}

function isZstd(head: Uint8Array): boolean {
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
}
