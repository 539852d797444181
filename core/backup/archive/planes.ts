/** Numbers to byte planes and back (FORMAT.md, "Column encodings"): bytes of equal weight lie together. */

const TWO32 = 4_294_967_296

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** Whole numbers of 0 to 2^53 at the narrowest width: plane k holds byte k of every number. */
export function packPlanes(values: Numbers): { width: number; bytes: Uint8Array } {
  const n = values.length
  let max = 0
  for (let i = 0; i < n; i++) if (values[i] > max) max = values[i]
  let width = 0
  for (let left = max; left >= 1; left /= 256) width++
  const bytes = new Uint8Array(n * width)
  for (let i = 0; i < n; i++) {
    const low = values[i] >>> 0
    const high = width > 4 ? Math.floor(values[i] / TWO32) : 0
    for (let k = 0; k < width; k++) bytes[k * n + i] = k < 4 ? low >>> (8 * k) : high >>> (8 * (k - 4))
  }
  return { width, bytes }
}

/** `count` whole numbers of `width` 0 to 7 bytes. */
export function unpackPlanes(bytes: Uint8Array, width: number, count: number): Float64Array {
  const values = new Float64Array(count)
  let weight = 1
  for (let k = 0; k < width; k++) {
    const at = k * count
    for (let i = 0; i < count; i++) values[i] += bytes[at + i] * weight
    weight *= 256
  }
  return values
}

/** The same for numbers below 2^32. */
export function unpackPlanes32(bytes: Uint8Array, width: number, count: number): Uint32Array {
  const values = new Uint32Array(count)
  for (let k = 0; k < width; k++) {
    const at = k * count
    const shift = 8 * k
    for (let i = 0; i < count; i++) values[i] |= bytes[at + i] << shift
  }
  return values
}

/** Whether every number is whole and inside ±2^51, and none is -0: then zigzag differences are exact. */
export function isWhole(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 51 || Object.is(value, -0)) return false
  }
  return true
}

/** 0, -1, 1, -2, 2 … as 0, 1, 2, 3, 4 …; with `delta` of each number's difference from the one before. */
export function zigzag(values: Float64Array, delta: boolean): Float64Array {
  const out = new Float64Array(values.length)
  let before = 0
  for (let i = 0; i < values.length; i++) {
    const step = delta ? values[i] - before : values[i]
    before = values[i]
    out[i] = step >= 0 ? step * 2 : -step * 2 - 1
  }
  return out
}

export function unzigzag(coded: Float64Array, delta: boolean): Float64Array {
  let before = 0
  for (let i = 0; i < coded.length; i++) {
    const half = Math.floor(coded[i] / 2)
    const step = coded[i] % 2 === 0 ? half : -half - 1
    before = delta ? before + step : step
    coded[i] = before
  }
  return coded
}

/** Doubles as they are (IEEE 754, little endian), each XORed with the one before, as eight planes. */
export function packDoubles(values: Float64Array): Uint8Array {
  const n = values.length
  const words = new Uint32Array(values.buffer, values.byteOffset, n * 2)
  const out = new Uint8Array(n * 8)
  let low = 0
  let high = 0
  for (let i = 0; i < n; i++) {
    const a = words[2 * i] ^ low
    const b = words[2 * i + 1] ^ high
    low = words[2 * i]
    high = words[2 * i + 1]
    for (let k = 0; k < 4; k++) {
      out[k * n + i] = a >>> (8 * k)
      out[(k + 4) * n + i] = b >>> (8 * k)
    }
  }
  return out
}

export function unpackDoubles(bytes: Uint8Array, count: number): Float64Array {
  const words = new Uint32Array(count * 2)
  for (let k = 0; k < 8; k++) {
    const at = k * count
    const shift = 8 * (k % 4)
    const half = k < 4 ? 0 : 1
    for (let i = 0; i < count; i++) words[2 * i + half] |= bytes[at + i] << shift
  }
  for (let i = 2; i < words.length; i++) words[i] ^= words[i - 2]
  return new Float64Array(words.buffer)
}
