import { uncompressSync } from 'snappy'
import { GlassboxError } from '../../base/errors.ts'

/**
 * Undoes snappy's block format. Its first varint is the length of the result, looked at before anything is allocated.
 * @throws GlassboxError `too_large`, `malformed_body`
 */
export function snappyInflate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  let length = 0
  let scale = 1
  for (let i = 0; ; i++) {
    if (i >= bytes.length || i > 4) throw damaged('it has no length')
    length += (bytes[i] & 127) * scale
    scale *= 128
    if (bytes[i] < 128) break
  }
  if (length > maxBytes)
    throw new GlassboxError('too_large', `the body is ${length} bytes after inflation, more than ${maxBytes}`)
  try {
    return uncompressSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { asBuffer: true }) as Buffer
  } catch (error) {
    throw damaged((error as Error).message)
  }
}

function damaged(why: string): GlassboxError {
  return new GlassboxError('malformed_body', `the body is not snappy in block format: ${why}`)
}
