import type { SpanBatch } from '../../model/columns.ts'

const GENERATION = 500_000
const SLOTS = 1 << 20
const MASK = SLOTS - 1

class Generation {
  readonly hi = new Uint32Array(SLOTS)
  readonly lo = new Uint32Array(SLOTS)
  size = 0

  #slot(hi: number, lo: number): number {
    let slot = hi & MASK
    while ((this.hi[slot] !== 0 || this.lo[slot] !== 0) && (this.hi[slot] !== hi || this.lo[slot] !== lo))
      slot = (slot + 1) & MASK
    return slot
  }
  has(hi: number, lo: number): boolean {
    const slot = this.#slot(hi, lo)
    return this.hi[slot] === hi && this.lo[slot] === lo
  }
  add(hi: number, lo: number): void {
    const slot = this.#slot(hi, lo)
    this.hi[slot] = hi
    this.lo[slot] = lo
    this.size++
  }
}

/** Knows the last 500,000 to 1,000,000 spans by a 64-bit hash of their identity, so that a retried export is not stored twice. */
export class RecentSpans {
  #young = new Generation()
  #old = new Generation()
  #pending: number[] = []

  /** The rows of `batch` not seen before. They count as seen only after `commit`. */
  freshRows(batch: SpanBatch): Uint32Array {
    const fresh = new Uint32Array(batch.n)
    let n = 0
    for (let row = 0; row < batch.n; row++) {
      const { hi, lo } = identity(batch, row)
      if (this.#young.has(hi, lo) || this.#old.has(hi, lo)) continue
      this.#add(hi, lo)
      this.#pending.push(hi, lo)
      fresh[n++] = row
    }
    return fresh.subarray(0, n)
  }

  #add(hi: number, lo: number): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Generation()
    }
    this.#young.add(hi, lo)
  }

  commit(): void {
    this.#pending = []
  }

  /** The write failed: what it named is unknown again. Forgetting everything is safe, the sender sends it again. */
  rollback(): void {
    if (this.#pending.length === 0) return
    this.#pending = []
    this.#young = new Generation()
    this.#old = new Generation()
  }
}

function identity(batch: SpanBatch, row: number): { hi: number; lo: number } {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  const step = (byte: number): void => {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b ^ byte, 0x5bd1e995)
    b ^= b >>> 13
  }
  for (let i = row * 16; i < row * 16 + 16; i++) step(batch.traceId[i])
  for (let i = row * 8; i < row * 8 + 8; i++) step(batch.spanId[i])
  step(batch.kind[row])
  const { bytes, offsets } = batch.dictionary
  for (let i = offsets[batch.name[row]]; i < offsets[batch.name[row] + 1]; i++) step(bytes[i])
  const { service } = batch.resources[batch.resource[row]]
  for (let i = 0; i < service.length; i++) step(service.charCodeAt(i))
  const start = batch.startUs[row]
  step(start % 4_294_967_296)
  step(start / 4_294_967_296)
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
  a ^= a >>> 13
  return { hi: a >>> 0, lo: (b | 1) >>> 0 }
}
