import { pipeline, Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GlassboxError } from '../../base/errors.ts'

/** Reads until at least `wanted` bytes are there, and gives back a stream that begins with them. */
async function peek(
  chunks: AsyncIterable<Uint8Array>,
  wanted: number,
): Promise<{ head: Uint8Array; all: AsyncGenerator<Uint8Array> }> {
  const source = chunks[Symbol.asyncIterator]()
  const parts: Uint8Array[] = []
  let size = 0
  while (size < wanted) {
    const { value, done } = await source.next()
    if (done) break
    parts.push(value)
    size += value.length
  }
  const head = Buffer.concat(parts)
  async function* all(): AsyncGenerator<Uint8Array> {
    yield head
    for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
  }
  return { head, all: all() }
}

/**
 * The bytes of a file without its gzip or zstd, as a stream. What comes before a fault is given out first.
 * @throws GlassboxError `malformed_body` when the compressed data is cut or damaged
 */
export async function* unpack(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(chunks, 4)
  const gzip = head[0] === 0x1f && head[1] === 0x8b
  const zstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
  if (!gzip && !zstd) {
    yield* all
    return
  }
  const inflate = gzip ? createGunzip() : createZstdDecompress()
  // The error comes out of the loop below; the callback only keeps it from being thrown twice.
  pipeline(Readable.from(all), inflate, () => {})
  let given = 0
  try {
    for await (const chunk of inflate) {
      given += (chunk as Buffer).length
      yield chunk as Buffer
    }
  } catch (error) {
    throw new GlassboxError(
      'malformed_body',
      `the ${gzip ? 'gzip' : 'zstd'} data is cut or damaged after ${given} bytes of content: ${(error as Error).message}`,
    )
  }
}
