import type { SpanBlock } from './span-block.ts'

/** What one block knows of each of its traces. Rows of a trace lie together: firstRow[t] .. firstRow[t + 1]. */
export interface TracePartials {
  n: number
  /** The 16 bytes of each trace id as four words. */
  words: Uint32Array
  /** µs; Infinity when no row counts. */
  start: Float64Array
  end: Float64Array
  failed: Uint8Array
  firstRow: Uint32Array
}

/** @param asOf rows written later do not count */
export function readPartials(block: SpanBlock, asOf: number): TracePartials {
  const { rows, traceIndex, startUs, durUs, status, seq } = block
  // A copy of its own, as the stored bytes need not be aligned to words.
  const words = new Uint32Array(new Uint8Array(block.traceIds).buffer)
  const n = words.length / 4
  const start = new Float64Array(n).fill(Number.POSITIVE_INFINITY)
  const end = new Float64Array(n).fill(Number.NEGATIVE_INFINITY)
  const failed = new Uint8Array(n)
  const firstRow = new Uint32Array(n + 1).fill(rows)
  for (let row = rows - 1; row >= 0; row--) {
    const t = traceIndex[row]
    firstRow[t] = row
    if (seq[row] > asOf) continue
    if (startUs[row] < start[t]) start[t] = startUs[row]
    const stop = startUs[row] + durUs[row]
    if (stop > end[t]) end[t] = stop
    if (status[row] === 2) failed[t] = 1
  }
  return { n, words, start, end, failed, firstRow }
}

/** Index of the trace whose id stands at words[at], or -1. */
export function findPartial(partials: TracePartials, words: Uint32Array, at: number): number {
  const [a, b, c, d] = [words[at], words[at + 1], words[at + 2], words[at + 3]]
  const own = partials.words
  for (let i = 0; i < own.length; i += 4) {
    if (own[i] === a && own[i + 1] === b && own[i + 2] === c && own[i + 3] === d) return i / 4
  }
  return -1
}
