import type { Histogram, Page } from '../../../model/answers.ts'
import type { LogRecord } from '../../../model/records.ts'
import { matchLogs } from '../../../query/filter-match.ts'
import type { LogQuery } from '../../store.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import type { BlockCache, LogMeta } from './block-cache.ts'
import { BlockSkip } from './block-skip.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { bucketize } from './histogram.ts'
import { keepIds, keepTraced, type LogRow, logRecord, logRow, newestLogFirst, ordinals } from './log-read.ts'
import type { QueryGuard } from './query-guard.ts'

/** Names of the severity bands; a record's is at ceil(severity / 4). */
export const LOG_BANDS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** Rows of one block that the query wants, or null. */
function matchingRows(
  cache: BlockCache,
  query: LogQuery,
  meta: LogMeta,
  asOf: number,
): { rows: number[]; block: ReturnType<BlockCache['logBlock']> } | null {
  const block = cache.logBlock(meta)
  const mask = new Uint8Array(block.rows).fill(1)
  const { timeUs, severity, seq } = block
  const wantedService = query.service === null ? -1 : block.services.indexOf(query.service)
  if (query.service !== null && wantedService === -1) return null
  for (let row = 0; row < block.rows; row++) {
    if (timeUs[row] < query.start || timeUs[row] >= query.end || seq[row] > asOf) mask[row] = 0
    else if (query.severity !== null && severity[row] < query.severity) mask[row] = 0
    else if (wantedService !== -1 && block.service[row] !== wantedService) mask[row] = 0
  }
  if (query.traceId !== null) keepIds(mask, block.traceIds, new Uint8Array(Buffer.from(query.traceId, 'hex')))
  if (query.spanId !== null) keepIds(mask, block.spanIds, new Uint8Array(Buffer.from(query.spanId, 'hex')))
  if (query.traced !== undefined) keepTraced(mask, block.traceIds, query.traced)
  if (query.filter.length > 0 && !matchLogs(query.filter, block, mask)) return null
  const rows: number[] = []
  for (let row = 0; row < block.rows; row++) if (mask[row] !== 0) rows.push(row)
  return rows.length > 0 ? { rows, block } : null
}

function candidates(cache: BlockCache, query: LogQuery, asOf: number): LogMeta[] {
  const skip = new BlockSkip('logs', query.filter, query.service)
  const trace = query.traceId === null ? null : traceHash(new Uint8Array(Buffer.from(query.traceId, 'hex')), 0)
  return cache
    .logMetas()
    .filter(
      (meta) =>
        meta.firstSeq <= asOf &&
        meta.maxTime >= query.start &&
        meta.minTime < query.end &&
        (query.severity === null || meta.maxSeverity >= query.severity) &&
        skip.mayMatch(meta) &&
        (trace === null || bloomHas(meta.traceBloom, trace.hi, trace.lo)),
    )
    .sort((a, b) => b.maxTime - a.maxTime || b.id - a.id)
}

/** One page of log records, newest first. A cursor holds the order of the last one and the write it looked up to. */
export function searchLogs(cache: BlockCache, guard: QueryGuard, query: LogQuery): Page<LogRecord> {
  const after =
    query.cursor === null
      ? null
      : (decodeCursor(query.cursor, ['number', 'number', 'number', 'number', 'number']) as number[])
  const asOf = after ? after[4] : cache.seq()
  const blocks = candidates(cache, query, asOf)
  const wanted = query.limit + 1
  let found: LogRow[] = []
  for (const meta of blocks) {
    guard.check()
    // Nothing in this block or those after it can be newer than what is already held.
    if (found.length >= wanted && found[wanted - 1].time > meta.maxTime) break
    if (after && meta.minTime > after[0]) continue
    const matched = matchingRows(cache, query, meta, asOf)
    if (!matched) continue
    const ordinalOf = ordinals(matched.block)
    for (const row of matched.rows) {
      const candidate = logRow(matched.block, row, ordinalOf[row])
      if (!after || comesAfter(candidate, after)) found.push(candidate)
    }
    found = found.sort(newestLogFirst).slice(0, wanted)
  }
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const more = found.length > query.limit && last
  return {
    items: page.map(logRecord),
    nextCursor: more ? encodeCursor([last.time, last.ns, last.seq, last.ordinal, asOf]) : null,
    partial: null,
  }
}

function comesAfter(row: LogRow, [time, ns, seq, ordinal]: number[]): boolean {
  return newestLogFirst({ ...row, time, ns, seq, ordinal }, row) < 0
}

/** The matching rows of every block that has some, latest block first. */
export function* logMatches(
  cache: BlockCache,
  guard: QueryGuard,
  query: LogQuery,
): Generator<{ rows: number[]; block: ReturnType<BlockCache['logBlock']>; meta: LogMeta }> {
  const asOf = cache.seq()
  for (const meta of candidates(cache, query, asOf)) {
    guard.check()
    const matched = matchingRows(cache, query, meta, asOf)
    if (matched) yield { ...matched, meta }
  }
}

/** Counts log records in buckets by severity band. */
export function logHistogram(cache: BlockCache, guard: QueryGuard, query: LogQuery, buckets: number): Histogram {
  const counts = bucketize(query.start, query.end, buckets, LOG_BANDS)
  for (const { rows, block } of logMatches(cache, guard, query))
    for (const row of rows) counts.add(block.timeUs[row], Math.ceil(block.severity[row] / 4))
  return counts.finish()
}
