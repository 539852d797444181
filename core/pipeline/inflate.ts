import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { GlassboxError } from '../base/errors.ts'
import { snappyInflate } from '../formats/remote-write/snappy-body.ts'

const MIN_CHUNK = 1024
/** A body may claim any size; more than this times its own is not set aside on its word. */
const MOST_RATIO = 40

/**
 * The body as it was before compression; `identity` comes back as it is.
 * @param maxBytes limit after inflation.
 * @throws GlassboxError `too_large` past the limit, `malformed_body` when the bytes are not what the encoding says.
 */
export function inflateBody(
  bytes: Uint8Array,
  encoding: 'identity' | 'gzip' | 'deflate' | 'snappy',
  maxBytes: number,
): Uint8Array {
  if (encoding === 'identity') {
    if (bytes.length > maxBytes) throw tooLarge(maxBytes)
    return bytes
  }
  // An empty body is a valid, empty request whatever its encoding says.
  if (bytes.length === 0) return bytes
  if (encoding === 'snappy') return snappyInflate(bytes, maxBytes)
  const options = { maxOutputLength: maxBytes, chunkSize: outputGuess(bytes, encoding, maxBytes) }
  try {
    if (encoding === 'gzip') return gunzipSync(bytes, options)
    // HTTP's "deflate" is zlib's format, yet some clients send the raw stream.
    return (bytes[0] & 0x0f) === 8 && (bytes[0] * 256 + bytes[1]) % 31 === 0
      ? inflateSync(bytes, options)
      : inflateRawSync(bytes, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw new GlassboxError(
      'malformed_body',
      `the body is not valid ${encoding}: ${(error as Error).message}`,
      `Send the body ${encoding} compressed, or leave the Content-Encoding header out.`,
    )
  }
}

/** Room for the whole output at once, where the body says its size or a usual ratio does: growing piece by piece copies. */
function outputGuess(bytes: Uint8Array, encoding: 'gzip' | 'deflate', maxBytes: number): number {
  const end = bytes.length
  const claimed =
    encoding === 'gzip' && end >= 18
      ? (bytes[end - 4] | (bytes[end - 3] << 8) | (bytes[end - 2] << 16) | (bytes[end - 1] << 24)) >>> 0
      : end * 8
  // One byte more than the output, or inflating asks for another piece to see that there is none.
  return Math.max(MIN_CHUNK, Math.min(claimed + 1, maxBytes + 1, end * MOST_RATIO))
}

function tooLarge(maxBytes: number): GlassboxError {
  return new GlassboxError(
    'too_large',
    `the body is larger than ${maxBytes} bytes after inflation`,
    'Send smaller batches or raise receivers.maxInflatedBytes.',
  )
}
