import type { TraceQuery } from '../store.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import { BEYOND_US, TraceScan } from './trace-scan.ts'
import { TraceTable } from './trace-table.ts'

/** Every trace that a search finds, whole: joined from typed columns, no summary is made. */
export interface WantedTraces {
  scan: TraceScan
  table: TraceTable
  /** Indexes into `table`, in no order. */
  indexes: number[]
  /** By index: 1 for those in `indexes`. */
  flags: Uint8Array
}

/** Finds all traces of `query`, its cursor and limit aside. */
export function wantedTraces(
  cache: BlockCache,
  guard: QueryGuard,
  query: TraceQuery,
  asOf: number = cache.seq(),
): WantedTraces {
  const scan = new TraceScan(cache, guard, query, asOf)
  if (!scan.selective) {
    // Blocks around the window, too: a trace that began before it is not of the window, and one may end or fail after it.
    const { start, end } = { start: query.start - BEYOND_US, end: query.end + BEYOND_US }
    return pick(scan, scan.join(scan.metas.filter((meta) => meta.maxEnd >= start && meta.minStart < end)))
  }
  const table = new TraceTable()
  for (const block of scan.candidates(query.end)) {
    scan.matches(block, (partials, t) => {
      const known = table.size
      const index = table.intern(partials.words, t * 4)
      if (index === known) scan.resolve(table, index)
    })
  }
  return pick(scan, table)
}

function pick(scan: TraceScan, table: TraceTable): WantedTraces {
  const indexes: number[] = []
  const flags = new Uint8Array(table.size)
  for (let index = 0; index < table.size; index++) {
    if (!scan.wanted(table, index)) continue
    flags[index] = 1
    indexes.push(index)
  }
  return { scan, table, indexes, flags }
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
