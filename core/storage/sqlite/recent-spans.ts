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
  #pending = new Uint32Array(0)
  #pendingWords = 0
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
    this.#pending = new Uint32Array(rows * 2)
    this.#pendingWords = 0
    this.#pendingSet = new HashSet(capacity)
  }

  /** Rows of the batch that were not seen before, nor earlier in this write; null = all of them. */
  fresh(batch: SpanBatch): Uint8Array | null {
    const pending = this.#pendingSet as HashSet
    const old = this.#old
    const young = this.#young
    const identities = identitiesOf(batch)
    let keep: Uint8Array | null = null
    for (let row = 0; row < batch.n; row++) {
      const a = identities[row * 2]
      const b = identities[row * 2 + 1]
      if (old.has(a, b) || young.has(a, b) || !pending.add(a, b)) {
        keep ??= new Uint8Array(batch.n).fill(1)
        keep[row] = 0
      } else {
        this.#pending[this.#pendingWords++] = a
        this.#pending[this.#pendingWords++] = b
      }
    }
    return keep
  }

  /** The write succeeded: its spans are known from now on. */
  commit(): void {
    const pending = this.#pending
    for (let i = 0; i < this.#pendingWords; i += 2) {
      if (this.#young.size >= this.#young.capacity) {
        if (this.#young.capacity < this.#generation) this.#young = this.#young.grown()
        else {
          this.#old = this.#young
          this.#young = new HashSet(this.#generation)
        }
      }
      this.#young.add(pending[i], pending[i + 1])
    }
    this.#pending = new Uint32Array(0)
    this.#pendingWords = 0
    this.#pendingSet = null
  }
}

/** Which spans of a batch are the first of their kind in it; null = all of them. For merging, rows in order of receipt. */
export function firstOfTheirKind(batch: SpanBatch, seen: HashSet): Uint8Array | null {
  const identities = identitiesOf(batch)
  let keep: Uint8Array | null = null
  for (let row = 0; row < batch.n; row++) {
    if (seen.add(identities[row * 2], identities[row * 2 + 1])) continue
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

/** Ids of `bytes` a word at a time; copied (a Buffer's slice is no copy) only where they do not lie on a word's bound. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2)
}

const TWO32 = 4_294_967_296

/**
 * Two words a row: a hash of trace, span id, service, kind, name and times. A later update of the same span differs in
 * its duration and is kept. Each word goes through the mixing step of MurmurHash3, with other constants in either half.
 */
function identitiesOf(batch: SpanBatch): Uint32Array {
  const { n, startUs, durUs, kind, status, name, resource } = batch
  const traces = wordsOf(batch.traceId)
  const spans = wordsOf(batch.spanId)
  const services = batch.resources.map(({ service }) => textHash(service))
  const names = nameHashes(batch)
  const out = new Uint32Array(n * 2)
  const words = new Int32Array(11)
  for (let row = 0; row < n; row++) {
    words[0] = traces[row * 4]
    words[1] = traces[row * 4 + 1]
    words[2] = traces[row * 4 + 2]
    words[3] = traces[row * 4 + 3]
    words[4] = spans[row * 2]
    words[5] = spans[row * 2 + 1]
    words[6] = services[resource[row]]
    words[7] = names[name[row]]
    const dur = durUs[row]
    const start = startUs[row]
    words[8] = kind[row] | (status[row] << 8) | (Math.floor(start / TWO32) << 12)
    words[9] = start - Math.floor(start / TWO32) * TWO32
    words[10] = dur - Math.floor(dur / TWO32) * TWO32 + Math.imul(Math.floor(dur / TWO32), 0x9e3779b1)
    let a = 0x811c9dc5
    let b = 0x9747b28c
    for (let i = 0; i < 11; i++) {
      const word = words[i]
      const k = Math.imul(word, 0xcc9e2d51)
      a ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593)
      a = Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64
      const m = Math.imul(word, 0x239b961b)
      b ^= Math.imul((m << 16) | (m >>> 16), 0xab0e9789)
      b = Math.imul((b << 17) | (b >>> 15), 5) + 0x38b34ae5
    }
    out[row * 2] = finished(a)
    out[row * 2 + 1] = finished(b)
  }
  return out
}

function finished(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** By dictionary entry; only those that are names are filled in. */
function nameHashes({ dictionary, name, n }: SpanBatch): Int32Array {
  const { bytes, offsets, size } = dictionary
  const hashes = new Int32Array(size)
  for (let row = 0; row < n; row++) {
    const entry = name[row]
    if (hashes[entry] !== 0) continue
    let hash = 0x811c9dc5 ^ (offsets[entry + 1] - offsets[entry])
    for (let i = offsets[entry]; i < offsets[entry + 1]; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193)
    hashes[entry] = hash | 0 || 1
  }
  return hashes
}
