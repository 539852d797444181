import type { SpanBatch } from '../model/columns.ts'

const highestRate = 1024

/** Spread of a trace id over 0 .. 2^32-1; the same for every span of a trace, on every host. */
function traceHash(traceId: Uint8Array, row: number): number {
  let hash = 0x9e3779b9
  const start = row * 16
  for (let at = start; at < start + 16; at += 4) {
    const word = traceId[at] | (traceId[at + 1] << 8) | (traceId[at + 2] << 16) | (traceId[at + 3] << 24)
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash ^= hash >>> 13
  }
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * Which rows stay at one in `rate`, and null when all do. Failed and slow spans always stay, and so does what this
 * batch holds of their traces. Writes `sampleRate` of each row: `rate` where the hash decided, 1 where it had no say.
 * @param slowUs spans at least this long are slow, µs.
 */
export function sampleRows(batch: SpanBatch, rate: number, slowUs: number): Uint8Array | null {
  if (rate <= 1) return null
  const hashes = new Uint32Array(batch.n)
  const alwaysKept = new Set<number>()
  for (let row = 0; row < batch.n; row++) {
    hashes[row] = traceHash(batch.traceId, row)
    if (batch.status[row] === 2 || batch.durUs[row] >= slowUs) alwaysKept.add(hashes[row])
  }
  const limit = 2 ** 32 / rate
  const keep = new Uint8Array(batch.n)
  let kept = 0
  for (let row = 0; row < batch.n; row++) {
    const always = alwaysKept.has(hashes[row])
    if (!always && hashes[row] >= limit) continue
    keep[row] = 1
    kept++
    batch.sampleRate[row] = always ? 1 : rate
  }
  return kept === batch.n ? null : keep
}

/** The one-in-N that follows the load in steps of two, one step a second, slow to come down. */
export class AdaptiveRate {
  #rate = 1

  get rate(): number {
    return this.#rate
  }

  /** Told once a second how many spans came in; answers the rate from now on. */
  observe(spansPerSecond: number, targetSpansPerSecond: number, enabled: boolean): number {
    const needed = spansPerSecond / targetSpansPerSecond
    if (!enabled) this.#rate = 1
    else if (needed > this.#rate) this.#rate = Math.min(highestRate, this.#rate * 2)
    else if (needed < this.#rate * 0.4) this.#rate = Math.max(1, this.#rate / 2)
    return this.#rate
  }
}
