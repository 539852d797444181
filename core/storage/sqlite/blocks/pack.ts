/** Numbers to bytes and back, shaped so that zstd finds their structure: bytes of equal weight lie together. */

type Uints = Uint8Array | Uint16Array | Uint32Array

function shuffle(source: Uint8Array, width: number, out: Uint8Array, at: number): void {
  const count = source.length / width
  for (let plane = 0; plane < width; plane++) {
    const base = at + plane * count
    for (let i = 0, from = plane; i < count; i++, from += width) out[base + i] = source[from]
  }
}

function unshuffle(source: Uint8Array, at: number, width: number, count: number): Uint8Array {
  const out = new Uint8Array(count * width)
  for (let plane = 0; plane < width; plane++) {
    const base = at + plane * count
    for (let i = 0, to = plane; i < count; i++, to += width) out[to] = source[base + i]
  }
  return out
}

/** Unsigned numbers at the narrowest width; all zero = no bytes at all. First byte is the width. */
export function packUints(values: Uints): Uint8Array {
  let max = 0
  for (let i = 0; i < values.length; i++) if (values[i] > max) max = values[i]
  if (max === 0) return new Uint8Array(0)
  const width = max < 256 ? 1 : max < 65_536 ? 2 : 4
  const narrow = width === 1 ? new Uint8Array(values) : width === 2 ? new Uint16Array(values) : new Uint32Array(values)
  const out = new Uint8Array(1 + values.length * width)
  out[0] = width
  const bytes = new Uint8Array(narrow.buffer, narrow.byteOffset, narrow.byteLength)
  if (width === 1) out.set(bytes, 1)
  else shuffle(bytes, width, out, 1)
  return out
}

/** Whole numbers from 0 in as few bytes each as the largest needs. */
export type NarrowUints = Uint8Array | Uint16Array | Uint32Array

/**
 * As unpackUints, in as little memory as the numbers were packed in.
 * @param count how many numbers were packed
 */
export function unpackNarrow(bytes: Uint8Array, count: number): NarrowUints {
  if (bytes.length === 0) return new Uint8Array(count)
  const width = bytes[0]
  if (width === 1) return bytes.slice(1, 1 + count)
  if (width !== 2) return unpackUints(bytes, count)
  const out = new Uint16Array(count)
  const second = 1 + count
  for (let i = 0; i < count; i++) out[i] = bytes[1 + i] | (bytes[second + i] << 8)
  return out
}

/**
 * @param count how many numbers were packed
 * @param first the first of them that is wanted
 * @param stop the one before which to stop
 */
export function unpackUints(bytes: Uint8Array, count: number, first = 0, stop = count): Uint32Array {
  const wanted = stop - first
  if (bytes.length === 0) return new Uint32Array(wanted)
  const width = bytes[0]
  const plane = 1 + first
  if (width === 1) return new Uint32Array(bytes.subarray(plane, 1 + stop))
  const out = new Uint32Array(wanted)
  const second = plane + count
  if (width === 2) {
    for (let i = 0; i < wanted; i++) out[i] = bytes[plane + i] | (bytes[second + i] << 8)
    return out
  }
  const third = second + count
  const fourth = third + count
  for (let i = 0; i < wanted; i++)
    out[i] = bytes[plane + i] | (bytes[second + i] << 8) | (bytes[third + i] << 16) | (bytes[fourth + i] << 24)
  return out
}

const PLAIN = 0
const WHOLE = 1
const DELTA = 2
const TWO32 = 4_294_967_296
const TWO31 = 2_147_483_648

/** Doubles; whole numbers inside ±2^52 as two halves, with `delta` as differences from the one before. */
export function packFloats(values: Float64Array, delta: boolean): Uint8Array {
  const n = values.length
  let whole = true
  for (let i = 0; i < n && whole; i++)
    whole = Number.isInteger(values[i]) && Math.abs(values[i]) < 2 ** 51 && !Object.is(values[i], -0)
  if (!whole) {
    const out = new Uint8Array(1 + n * 8)
    out[0] = PLAIN
    shuffle(new Uint8Array(values.buffer, values.byteOffset, n * 8), 8, out, 1)
    return out
  }
  const low = new Uint32Array(n)
  const high = new Uint32Array(n)
  let before = 0
  for (let i = 0; i < n; i++) {
    const step = delta ? values[i] - before : values[i]
    before = values[i]
    const zigzag = step >= 0 ? step * 2 : -step * 2 - 1
    high[i] = zigzag / TWO32
    low[i] = zigzag - high[i] * TWO32
  }
  const lowBytes = packUints(low)
  const highBytes = packUints(high)
  const out = new Uint8Array(5 + lowBytes.length + highBytes.length)
  out[0] = delta ? DELTA : WHOLE
  new DataView(out.buffer).setUint32(1, lowBytes.length, true)
  out.set(lowBytes, 5)
  out.set(highBytes, 5 + lowBytes.length)
  return out
}

/** Parameters as unpackUints. */
export function unpackFloats(bytes: Uint8Array, count: number, first = 0, stop = count): Float64Array {
  if (bytes.length === 0) return new Float64Array(stop - first)
  if (bytes[0] === PLAIN) return new Float64Array(unshuffle(bytes, 1, 8, count).buffer).subarray(first, stop)
  const delta = bytes[0] === DELTA
  // A sum needs every step from the first one on.
  const from = delta ? 0 : first
  const lowLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true)
  const low = unpackUints(bytes.subarray(5, 5 + lowLength), count, from, stop)
  const high = unpackUints(bytes.subarray(5 + lowLength), count, from, stop)
  const out = new Float64Array(stop - first)
  let before = 0
  for (let i = 0; i < low.length; i++) {
    const half = high[i] * TWO31 + (low[i] >>> 1)
    const step = (low[i] & 1) === 0 ? half : -half - 1
    before = delta ? before + step : step
    const at = i + from - first
    if (at >= 0) out[at] = before
  }
  return out
}

/** Byte strings end to end behind one length each. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  let size = 4
  for (const part of parts) size += 4 + part.length
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  view.setUint32(0, parts.length, true)
  let at = 4
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    out.set(part, at + 4)
    at += 4 + part.length
  }
  return out
}

export function splitParts(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  let at = 4
  for (let left = view.getUint32(0, true); left > 0; left--) {
    const length = view.getUint32(at, true)
    parts.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return parts
}
