import type { SpanBatch } from '../../model/columns.ts'

/** Open addressing over two 32-bit halves of a span's identity. */
export class HashSet {
  readonly capacity: number
  #table = new Uint32Array(0)
  #mask = 0
  size = 0

  /** @param capacity a power of two; twice as many entries can be held at most */
  constructor(capacity: number) {
    this.capacity = capacity
    this.#table = new Uint32Array(capacity * 4)
    this.#mask = capacity * 2 - 1
  }

  /** False when it was there already. */
  add(a: number, b: number): boolean {
    const high = a === 0 && b === 0 ? 1 : a
    let slot = a & this.#mask
    for (;;) {
      const at = slot * 2
      const x = this.#table[at]
      const y = this.#table[at + 1]
      if (x === 0 && y === 0) {
        this.#table[at] = high
        this.#table[at + 1] = b
        this.size++
        return true
      }
      if (x === high && y === b) return false
      slot = (slot + 1) & this.#mask
    }
  }

  /** The same entries in a table of twice the size. */
  grown(): HashSet {
    const larger = new HashSet(this.capacity * 2)
    for (let at = 0; at < this.#table.length; at += 2) {
      if (this.#table[at] !== 0 || this.#table[at + 1] !== 0) larger.add(this.#table[at], this.#table[at + 1])
    }
    return larger
  }

  has(a: number, b: number): boolean {
    const high = a === 0 && b === 0 ? 1 : a
    let slot = a & this.#mask
    for (;;) {
      const at = slot * 2
      const x = this.#table[at]
      const y = this.#table[at + 1]
      if (x === 0 && y === 0) return false
      if (x === high && y === b) return true
      slot = (slot + 1) & this.#mask
    }
  }
}

/** Delivery is at least once (OTLP 1.11): the spans of the recent past, so that a retried export is not stored twice. */
export class RecentSpans {
  #generation: number
  #young: HashSet
  #old: HashSet
  /** Identities of the write under way, two words each; they count once it is committed. */
  #pending: number[] = []
  #pendingSet: HashSet | null = null

  /** @param generation spans a generation; the window is one to two of them. A power of two. */
  constructor(generation = 262_144) {
    this.#generation = generation
    this.#young = new HashSet(1024)
    this.#old = new HashSet(1024)
  }

  /** Begins a write of at most `rows` spans; forgets what an earlier one that failed had brought. */
  begin(rows: number): void {
    let capacity = 64
    while (capacity < rows) capacity *= 2
    this.#pending = []
    this.#pendingSet = new HashSet(capacity)
  }

  /** Rows of the batch that were not seen before, nor earlier in this write; null = all of them. */
  fresh(batch: SpanBatch): Uint8Array | null {
    const pending = this.#pendingSet as HashSet
    const serviceHashes = batch.resources.map((resource) => textHash(resource.service))
    let keep: Uint8Array | null = null
    for (let row = 0; row < batch.n; row++) {
      const [a, b] = identity(batch, row, serviceHashes[batch.resource[row]])
      if (this.#old.has(a, b) || this.#young.has(a, b) || !pending.add(a, b)) {
        keep ??= new Uint8Array(batch.n).fill(1)
        keep[row] = 0
      } else this.#pending.push(a, b)
    }
    return keep
  }

  /** The write succeeded: its spans are known from now on. */
  commit(): void {
    const pending = this.#pending
    for (let i = 0; i < pending.length; i += 2) {
      if (this.#young.size >= this.#young.capacity) {
        if (this.#young.capacity < this.#generation) this.#young = this.#young.grown()
        else {
          this.#old = this.#young
          this.#young = new HashSet(this.#generation)
        }
      }
      this.#young.add(pending[i], pending[i + 1])
    }
    this.#pending = []
    this.#pendingSet = null
  }
}

/** Which spans of a batch are the first of their kind in it; null = all of them. For merging, rows in order of receipt. */
export function firstOfTheirKind(batch: SpanBatch, seen: HashSet): Uint8Array | null {
  const serviceHashes = batch.resources.map((resource) => textHash(resource.service))
  let keep: Uint8Array | null = null
  for (let row = 0; row < batch.n; row++) {
    const [a, b] = identity(batch, row, serviceHashes[batch.resource[row]])
    if (seen.add(a, b)) continue
    keep ??= new Uint8Array(batch.n).fill(1)
    keep[row] = 0
  }
  return keep
}

function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

const pair: [number, number] = [0, 0]

/** Trace, span id, service, kind, name and times: a later update of the same span differs in its duration and is kept. */
function identity(batch: SpanBatch, row: number, service: number): [number, number] {
  let a = 0x811c9dc5 ^ service
  let b = 0x9747b28c + service
  for (let i = row * 16; i < row * 16 + 16; i++) {
    a = Math.imul(a ^ batch.traceId[i], 0x01000193)
    b = Math.imul(b + batch.traceId[i], 0x5bd1e995)
  }
  for (let i = row * 8; i < row * 8 + 8; i++) {
    a = Math.imul(a ^ batch.spanId[i], 0x01000193)
    b = Math.imul(b + batch.spanId[i], 0x5bd1e995)
  }
  const { bytes, offsets } = batch.dictionary
  const name = batch.name[row]
  for (let i = offsets[name]; i < offsets[name + 1]; i++) {
    a = Math.imul(a ^ bytes[i], 0x01000193)
    b = Math.imul(b + bytes[i], 0x5bd1e995)
  }
  for (const part of [
    batch.kind[row],
    batch.startUs[row] % 4_294_967_291,
    batch.durUs[row] % 4_294_967_291,
    batch.status[row],
  ]) {
    a = Math.imul(a ^ part, 0x01000193)
    b = Math.imul(b + part, 0x5bd1e995)
  }
  a ^= a >>> 15
  b ^= b >>> 13
  pair[0] = a >>> 0
  pair[1] = b >>> 0
  return pair
}
