const encoder = new TextEncoder()

/** Two independent 32-bit hashes of one item. */
export interface BloomHash {
  hi: number
  lo: number
}

/** Bits of an item. */
export const PROBES = 5

/** For filters over trace ids: 2 in 10,000 false positives, as each costs a look into the block, and there are many. */
export const TRACE_BITS = 24

/** An empty filter for `items` distinct items, about 1.5 % false positives; never larger than 64 KiB. */
export function newBloom(items: number, bitsPerItem = 9): Uint8Array {
  return new Uint8Array(Math.min(65_536, Math.max(8, Math.ceil((items * bitsPerItem) / 64) * 8)))
}

export function bloomAdd(bloom: Uint8Array, hi: number, lo: number): void {
  const bits = bloom.length * 8
  let at = hi >>> 0
  for (let i = 0; i < PROBES; i++) {
    const bit = at % bits
    bloom[bit >>> 3] |= 1 << (bit & 7)
    at = (at + lo) >>> 0
  }
}

/** False = certainly not in the block; true = probably. */
export function bloomHas(bloom: Uint8Array, hashHi: number, hashLo: number): boolean {
  const bits = bloom.length * 8
  let at = hashHi >>> 0
  for (let i = 0; i < PROBES; i++) {
    const bit = at % bits
    if ((bloom[bit >>> 3] & (1 << (bit & 7))) === 0) return false
    at = (at + hashLo) >>> 0
  }
  return true
}

function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Hash of the 16-byte trace id at `offset`; not the raw bytes, as ids need not be random. */
export function traceHash(bytes: Uint8Array, offset: number): BloomHash {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = offset; i < offset + 16; i++) {
    a = Math.imul(a ^ bytes[i], 0x01000193)
    b = Math.imul(b ^ bytes[i], 0x5bd1e995)
    b ^= b >>> 13
  }
  return { hi: mix(a), lo: mix(b) | 1 }
}

/** Continues a key's hash over a value's bytes; the key alone stands for "has this key". */
export class AttrHasher {
  #a: number
  #b: number

  constructor(key: Uint8Array) {
    this.#a = 0x811c9dc5
    this.#b = 0x9747b28c
    for (const byte of key) this.#step(byte)
  }

  #step(byte: number): void {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193)
    this.#b = Math.imul(this.#b ^ byte, 0x5bd1e995)
    this.#b ^= this.#b >>> 13
  }

  addKey(bloom: Uint8Array): void {
    bloomAdd(bloom, mix(this.#a), mix(this.#b) | 1)
  }

  addValue(bloom: Uint8Array, value: Uint8Array, start: number, end: number): void {
    const { hi, lo } = this.hash(value, start, end)
    bloomAdd(bloom, hi, lo)
  }

  hash(value: Uint8Array, start: number, end: number): BloomHash {
    let a = Math.imul(this.#a ^ 0x100, 0x01000193)
    let b = Math.imul(this.#b ^ 0x100, 0x5bd1e995)
    b ^= b >>> 13
    for (let i = start; i < end; i++) {
      a = Math.imul(a ^ value[i], 0x01000193)
      b = Math.imul(b ^ value[i], 0x5bd1e995)
      b ^= b >>> 13
    }
    return { hi: mix(a), lo: mix(b) | 1 }
  }

  keyHash(): BloomHash {
    return { hi: mix(this.#a), lo: mix(this.#b) | 1 }
  }
}

/** Hash of `key=value` in its text form, or of the key's presence when no value is given. */
export function attrHash(key: string, value?: string): BloomHash {
  const hasher = new AttrHasher(encoder.encode(key))
  if (value === undefined) return hasher.keyHash()
  const bytes = encoder.encode(value)
  return hasher.hash(bytes, 0, bytes.length)
}
