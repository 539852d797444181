import type { ByteReader, ByteWriter } from './byte-stream.ts'

/** How the values of one run of samples are written; the first that fits and is smallest. */
const MODE = { constant: 0, delta: 1, deltaOfDelta: 2, xor: 3 } as const

const MOST_DIGITS = 9
const POWERS = Array.from({ length: MOST_DIGITS + 1 }, (_, digits) => 10 ** digits)
/** Differences of whole numbers below it stay exact, also doubled. */
const MOST_WHOLE = 2 ** 50

const bits = new Float64Array(2)
const words = new Uint32Array(bits.buffer)

/**
 * Writes doubles, bit for bit except for the payload of NaN. Decimal numbers of few digits become whole numbers (a
 * division gives exactly the same double back) and are written as differences; others as XOR with the one before.
 */
export function writeValues(out: ByteWriter, values: ArrayLike<number>): void {
  const count = values.length
  if (count === 0) return
  if (allSame(values)) {
    out.u8(MODE.constant)
    out.f64(values[0])
    return
  }
  const whole = new Float64Array(count)
  const digits = wholeNumbers(values, whole)
  if (digits < 0) {
    out.u8(MODE.xor)
    writeXor(out, values)
    return
  }
  const second = secondIsSmaller(whole)
  out.u8(second ? MODE.deltaOfDelta : MODE.delta)
  out.u8(digits)
  let last = 0
  let lastDelta = 0
  for (let i = 0; i < count; i++) {
    const delta = whole[i] - last
    out.zigzag(second && i > 1 ? delta - lastDelta : delta)
    last = whole[i]
    lastDelta = delta
  }
}

/** Reads `count` values into `into` from `at` on. */
export function readValues(from: ByteReader, count: number, into: Float64Array, at: number): void {
  if (count === 0) return
  const mode = from.u8()
  if (mode === MODE.constant) {
    into.fill(from.f64(), at, at + count)
    return
  }
  if (mode === MODE.xor) {
    readXor(from, count, into, at)
    return
  }
  const power = POWERS[from.u8()]
  const second = mode === MODE.deltaOfDelta
  let last = 0
  let delta = 0
  for (let i = 0; i < count; i++) {
    const read = from.zigzag()
    delta = second && i > 1 ? delta + read : read
    last += delta
    into[at + i] = last / power
  }
}

function allSame(values: ArrayLike<number>): boolean {
  const first = values[0]
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], first)) return false
  return true
}

/** Answers the digits behind the point that all values need, or -1. */
function wholeNumbers(values: ArrayLike<number>, whole: Float64Array): number {
  let digits = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!Number.isFinite(value) || Object.is(value, -0)) return -1
    let scaled = Math.round(value * POWERS[digits])
    if (scaled / POWERS[digits] !== value) {
      do {
        if (++digits > MOST_DIGITS) return -1
        scaled = Math.round(value * POWERS[digits])
      } while (scaled / POWERS[digits] !== value)
      i = -1
      continue
    }
    if (Math.abs(scaled) > MOST_WHOLE || Object.is(scaled, -0)) return -1
    whole[i] = scaled
  }
  return digits
}

function secondIsSmaller(whole: Float64Array): boolean {
  let first = 0
  let second = 0
  for (let i = 2; i < whole.length; i++) {
    const delta = whole[i] - whole[i - 1]
    const change = delta - (whole[i - 1] - whole[i - 2])
    if (Math.abs(change) > MOST_WHOLE) return false
    first += Math.log2(1 + Math.abs(delta))
    second += Math.log2(1 + Math.abs(change))
  }
  return second < first
}

/** A control byte a value: leading zero bytes and how many follow; 0 = the same as before. */
function writeXor(out: ByteWriter, values: ArrayLike<number>): void {
  let low = 0
  let high = 0
  for (let i = 0; i < values.length; i++) {
    bits[0] = values[i]
    const xorLow = (words[0] ^ low) >>> 0
    const xorHigh = (words[1] ^ high) >>> 0
    low = words[0]
    high = words[1]
    if (xorLow === 0 && xorHigh === 0) {
      out.u8(0)
      continue
    }
    const leading = xorHigh !== 0 ? Math.clz32(xorHigh) >>> 3 : 4 + (Math.clz32(xorLow) >>> 3)
    const trailing = xorLow !== 0 ? zeroBytesBelow(xorLow) : 4 + zeroBytesBelow(xorHigh)
    const length = 8 - leading - trailing
    out.u8((leading << 4) | length)
    for (let byte = 7 - leading; byte >= trailing; byte--) {
      out.u8(byte > 3 ? (xorHigh >>> ((byte - 4) * 8)) & 255 : (xorLow >>> (byte * 8)) & 255)
    }
  }
}

function zeroBytesBelow(word: number): number {
  return (31 - Math.clz32(word & -word)) >>> 3
}

function readXor(from: ByteReader, count: number, into: Float64Array, at: number): void {
  let low = 0
  let high = 0
  for (let i = 0; i < count; i++) {
    const control = from.u8()
    if (control !== 0) {
      let byte = 7 - (control >>> 4)
      const stop = byte - (control & 15)
      for (; byte > stop; byte--) {
        const value = from.u8()
        if (byte > 3) high ^= value << ((byte - 4) * 8)
        else low ^= value << (byte * 8)
      }
    }
    words[0] = low
    words[1] = high
    into[at + i] = bits[0]
  }
}
