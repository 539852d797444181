import { narrowing } from '../../../query/structure-match.ts'
import { SPREAD_US } from '../../spread.ts'
import type { TraceQuery } from '../../store.ts'
import type { TracePartials } from '../blocks/trace-partials.ts'
import type { BlockCache } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import { keepStructured } from './structure-traces.ts'
import { TraceScan } from './trace-scan.ts'
import { TraceTable } from './trace-table.ts'
import type { WantedTraces } from './wanted-rows.ts'

/** Finds all traces of `query`, its cursor and limit aside. */
export function wantedTraces(
  cache: BlockCache,
  guard: QueryGuard,
  query: TraceQuery,
  asOf: number = cache.seq(),
): WantedTraces {
  const { chains = [], filter, service, operation } = query
  if (chains.length === 0) return matchingTraces(cache, guard, query, asOf)
  // A set that every such trace has a span of narrows the search as a filter does.
  const begin = filter.length === 0 && service === null && operation === null ? narrowing(chains) : null
  const found = matchingTraces(cache, guard, begin ? { ...query, filter: begin } : query, asOf)
  return keepStructured(cache, guard, found, chains)
}

function matchingTraces(cache: BlockCache, guard: QueryGuard, query: TraceQuery, asOf: number): WantedTraces {
  const scan = new TraceScan(cache, guard, query, asOf)
  if (!scan.selective) {
    // Blocks around the window, too: a trace that began before it is not of the window, and one may end or fail after it.
    const { start, end } = { start: query.start - SPREAD_US, end: query.end + SPREAD_US }
    const near = scan.metas.filter((meta) => meta.maxEnd >= start && meta.minStart < end)
    const table = scan.join(near)
    if (near.length < scan.metas.length) scan.completeSpread(table)
    return pick(scan, table)
  }
  const table = new TraceTable()
  const found = (partials: TracePartials, t: number): void => {
    const known = table.size
    const index = table.intern(partials.words, t * 4)
    if (index === known) scan.resolve(table, index)
  }
  for (const block of scan.candidates(query.end)) scan.matches(block, found)
  scan.lateMatches(query.end, found)
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
