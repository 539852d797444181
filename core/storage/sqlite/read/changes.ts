import type { Changes } from '../../store.ts'
import type { BlockCache } from './block-cache.ts'
import { type LogRow, logRecord, logRow, newestLogFirst, ordinals } from './log-read.ts'
import type { QueryGuard } from './query-guard.ts'
import { summaryOf } from './trace-read.ts'

/** What arrived after write `seq`, newest first, at most `limit` of each; the rest is counted. A limit of 0 only asks for the newest seq. */
export function changesSince(cache: BlockCache, guard: QueryGuard, seq: number, limit: number): Changes {
  const now = cache.seq()
  if (limit === 0) return { seq: now, traces: [], logs: [], skippedTraces: 0, skippedLogs: 0 }
  const traces = new Map<string, { id: Uint8Array; start: number }>()
  const metas = cache.spanMetas()
  for (const meta of metas) {
    if (meta.lastSeq <= seq) continue
    guard.check()
    const block = cache.spanBlock(meta)
    for (let row = 0; row < block.rows; row++) {
      if (block.seq[row] <= seq) continue
      const at = block.traceIndex[row] * 16
      const id = block.traceIds.subarray(at, at + 16)
      traces.set(Buffer.from(id).toString('hex'), { id, start: block.startUs[row] })
    }
  }
  const logs: LogRow[] = []
  for (const meta of cache.logMetas()) {
    if (meta.lastSeq <= seq) continue
    guard.check()
    const block = cache.logBlock(meta)
    const ordinalOf = ordinals(block)
    for (let row = 0; row < block.rows; row++) if (block.seq[row] > seq) logs.push(logRow(block, row, ordinalOf[row]))
  }
  const newest = [...traces.values()].sort((a, b) => b.start - a.start).slice(0, limit)
  return {
    seq: now,
    traces: newest.map(({ id }) => summaryOf(cache, metas, new Uint8Array(id), now)).sort((a, b) => b.start - a.start),
    logs: logs.sort(newestLogFirst).slice(0, limit).map(logRecord),
    skippedTraces: traces.size - newest.length,
    skippedLogs: Math.max(0, logs.length - limit),
  }
}
