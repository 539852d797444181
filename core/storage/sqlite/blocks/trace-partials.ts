import { joinParts, packFloats, packUints, splitParts, unpackFloats, unpackUints } from './pack.ts'

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

/** The columns of a block that partials are made of. */
interface PartialColumns {
  rows: number
  traceIndex: ArrayLike<number>
  traceIds: Uint8Array
  startUs: Float64Array
  durUs: Float64Array
  status: ArrayLike<number>
}

/** The ids as words, in memory of their own, as the stored bytes need not be aligned. */
function wordsOf(traceIds: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(traceIds).buffer)
}

/** Works the partials out row by row. Rows whose `seq` is above `asOf` do not count; without `seq` all do. */
export function makePartials(block: PartialColumns, seq: ArrayLike<number> | null, asOf: number): TracePartials {
  const { rows, traceIndex, startUs, durUs, status } = block
  const words = wordsOf(block.traceIds)
  const n = words.length / 4
  const start = new Float64Array(n).fill(Number.POSITIVE_INFINITY)
  const end = new Float64Array(n).fill(Number.NEGATIVE_INFINITY)
  const failed = new Uint8Array(n)
  const firstRow = new Uint32Array(n + 1).fill(rows)
  for (let row = rows - 1; row >= 0; row--) {
    const t = traceIndex[row]
    firstRow[t] = row
    if (seq !== null && seq[row] > asOf) continue
    if (startUs[row] < start[t]) start[t] = startUs[row]
    const stop = startUs[row] + durUs[row]
    if (stop > end[t]) end[t] = stop
    if (status[row] === 2) failed[t] = 1
  }
  return { n, words, start, end, failed, firstRow }
}

/** The partials of all rows as one section, so that a search need not open the columns they were made from. */
export function encodePartials(block: PartialColumns): Uint8Array {
  const { n, start, end, failed, firstRow } = makePartials(block, null, 0)
  const counts = new Uint32Array(n)
  const dur = new Float64Array(n)
  for (let t = 0; t < n; t++) {
    counts[t] = firstRow[t + 1] - firstRow[t]
    dur[t] = end[t] - start[t]
  }
  return joinParts([packFloats(start, true), packFloats(dur, false), packUints(failed), packUints(counts)])
}

export function decodePartials(section: Uint8Array, traceIds: Uint8Array): TracePartials {
  const [starts, durs, fails, counts] = splitParts(section)
  const words = wordsOf(traceIds)
  const n = words.length / 4
  const start = unpackFloats(starts, n)
  const end = unpackFloats(durs, n)
  const rows = unpackUints(counts, n)
  const firstRow = new Uint32Array(n + 1)
  for (let t = 0; t < n; t++) {
    end[t] += start[t]
    firstRow[t + 1] = firstRow[t] + rows[t]
  }
  return { n, words, start, end, failed: new Uint8Array(unpackUints(fails, n)), firstRow }
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
