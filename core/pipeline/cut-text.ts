import { utf8 } from '../base/utf8.ts'

/** Text of at most `most` bytes, ending at a whole character, with the mark of how much was cut. */
export function cutBytes(bytes: Uint8Array, most: number): string {
  let end = most
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--
  return `${utf8.decode(bytes.subarray(0, end))}`
}

/** The mark a cut value ends with. */
export function cutMark(cut: number): string {
  return `…[cut ${cut} bytes]`
}

const encoder = new TextEncoder()

/**
 * JSON text with each string value in it cut to `most` bytes, or null when none is longer. The JSON is of our own
 * making (an OTLP AnyValue, events, links), so reading and writing it again loses nothing.
 */
export function cutJsonStrings(json: string, most: number): string | null {
  let cut = false
  const changed = JSON.stringify(JSON.parse(json), (_key, value: unknown) => {
    if (typeof value !== 'string' || value.length * 3 <= most) return value
    const bytes = encoder.encode(value)
    if (bytes.length <= most) return value
    cut = true
    const kept = cutBytes(bytes, most)
    return kept + cutMark(bytes.length - encoder.encode(kept).length)
  })
  return cut ? changed : null
}
