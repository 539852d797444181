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

/** Marks, by index, the wanted traces that lie in several of the blocks. */
export function splitTraces(
  cache: BlockCache,
  guard: QueryGuard,
  { scan, table, flags }: WantedTraces,
  metas: readonly SpanMeta[],
): Uint8Array {
  const blocks = new Uint8Array(table.size)
  for (const meta of metas) {
    guard.check()
    const { n, words, start, end } = cache.partials(meta, scan.asOf)
    for (let t = 0; t < n; t++) {
      const index = end[t] < start[t] ? -1 : table.find(words, t * 4)
      if (index !== -1 && flags[index] === 1 && blocks[index] < 2) blocks[index]++
    }
  }
  return blocks.map((count) => (count > 1 ? 1 : 0))
}

/** Blocks that hold rows of wanted traces, all or those of `metas`. */
export function* wantedRows(
  cache: BlockCache,
  guard: QueryGuard,
  wanted: WantedTraces,
  metas: readonly SpanMeta[] = blocksOf(wanted),
): Generator<WantedRows> {
  const { scan, table, flags } = wanted
  for (const meta of metas) {
    guard.check()
    const partials = cache.partials(meta, scan.asOf)
    const block = cache.spanBlock(meta)
    const { rows } = block
    const seq = meta.lastSeq > scan.asOf ? block.seq : null
    const traceOf = new Int32Array(rows).fill(-1)
    let any = false
    for (let t = 0; t < partials.n; t++) {
      const index = table.find(partials.words, t * 4)
      if (index === -1 || flags[index] === 0) continue
      for (let row = partials.firstRow[t]; row < partials.firstRow[t + 1]; row++)
        if (seq === null || seq[row] <= scan.asOf) traceOf[row] = index
      any = true
    }
    if (any) yield { meta, traceOf }
  }
}
