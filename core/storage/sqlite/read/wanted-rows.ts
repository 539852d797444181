import type { BlockCache, SpanMeta } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import type { TraceScan } from './trace-scan.ts'
import type { TraceTable } from './trace-table.ts'

/** Every trace that a search finds, whole: joined from typed columns, no summary is made. */
export interface WantedTraces {
  scan: TraceScan
  table: TraceTable
  /** Indexes into `table`, in no order. */
  indexes: number[]
  /** By index: 1 for those in `indexes`. */
  flags: Uint8Array
}

/** Where the rows of wanted traces lie in one block: of each row the trace's index in the table, or -1. */
export interface WantedRows {
  meta: SpanMeta
  traceOf: Int32Array
}

/** Blocks that can hold rows of wanted traces, by their times. */
export function blocksOf({ scan, table, indexes }: WantedTraces): SpanMeta[] {
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const index of indexes) {
    first = Math.min(first, table.start[index])
    last = Math.max(last, table.end[index])
  }
  return scan.metas.filter((meta) => meta.maxStart >= first && meta.minStart <= last)
}

/** The wanted traces of one block: of each trace that lies in it the index in the table, or -1. */
export interface BlockTraces {
  meta: SpanMeta
  indexes: Int32Array
}

/** Finds the wanted traces in blocks, in all that can hold some or in `metas`. */
export function tracesOfBlocks(
  cache: BlockCache,
  guard: QueryGuard,
  wanted: WantedTraces,
  metas: readonly SpanMeta[] = blocksOf(wanted),
): BlockTraces[] {
  const { scan, table, flags } = wanted
  return metas.map((meta) => {
    guard.check()
    const { n, words, start, end } = cache.partials(meta, scan.asOf)
    const indexes = new Int32Array(n).fill(-1)
    for (let t = 0; t < n; t++) {
      const index = end[t] < start[t] ? -1 : table.find(words, t * 4)
      if (index !== -1 && flags[index] === 1) indexes[t] = index
    }
    return { meta, indexes }
  })
}

/** Marks, by index, the traces that lie in several of the blocks. */
export function splitTraces({ table }: WantedTraces, blocks: readonly BlockTraces[]): Uint8Array {
  const counts = new Uint8Array(table.size)
  for (const { indexes } of blocks)
    for (let t = 0; t < indexes.length; t++) {
      const index = indexes[t]
      if (index !== -1 && counts[index] < 2) counts[index]++
    }
  return counts.map((count) => (count > 1 ? 1 : 0))
}

/** The rows of wanted traces, block by block; blocks without any are left out. */
export function* wantedRows(
  cache: BlockCache,
  guard: QueryGuard,
  { scan }: WantedTraces,
  blocks: readonly BlockTraces[],
): Generator<WantedRows> {
  for (const { meta, indexes } of blocks) {
    guard.check()
    if (!indexes.some((index) => index !== -1)) continue
    const { firstRow } = cache.partials(meta, scan.asOf)
    const block = cache.spanBlock(meta)
    const seq = meta.lastSeq > scan.asOf ? block.seq : null
    const traceOf = new Int32Array(block.rows).fill(-1)
    for (let t = 0; t < indexes.length; t++) {
      if (indexes[t] === -1) continue
      for (let row = firstRow[t]; row < firstRow[t + 1]; row++)
        if (seq === null || seq[row] <= scan.asOf) traceOf[row] = indexes[t]
    }
    yield { meta, traceOf }
  }
}
