import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import { release } from '../../../base/release.ts'
import type { LogBatch, SpanBatch, TelemetryBatch } from '../../../model/columns.ts'
import { selectRows } from '../../../model/select-rows.ts'
import { ContentSums } from '../../content-sum.ts'
import { SCAN_ROWS, type ScanPart, type ScanRequest, SUMS_ROWS, type SumsPart, type SumsRequest } from '../../scan.ts'
import { readMove } from '../moved-rows.ts'
import { openLogBlock, openSpanBlock } from '../open-block.ts'
import type { BlockCache } from './block-cache.ts'
import { withoutDamaged } from './missing-blocks.ts'
import type { QueryGuard } from './query-guard.ts'

interface BlockPlace {
  signal: 'span' | 'log'
  id: number
  rows: number
  firstSeq: number
  lastSeq: number
  maxReceived: number
}

/** The number of the last write is the place: rows keep the number of their write when blocks are merged. */
export function scanMark(db: Database.Database): string {
  const seq = db.prepare("SELECT value FROM meta WHERE key = 'seq'").pluck().get() as number | undefined
  return String(seq ?? 0)
}

function place(cursor: string | null): number {
  if (cursor === null) return 0
  if (!/^\d{1,15}$/.test(cursor)) throw new GlassboxError('bad_cursor', 'The cursor was not made by a scan.')
  return Number(cursor)
}

/** Rows of the writes after `request.after`, about 20,000 of them, but for damaged blocks. Runs in the caller's read transaction. */
export function scan(db: Database.Database, cache: BlockCache, guard: QueryGuard, request: ScanRequest): ScanPart {
  const after = place(request.after)
  const upTo = place(request.upTo)
  const aside = { span: idsAside(cache, 'span'), log: idsAside(cache, 'log') }
  const blocks = blocksBetween(db, after, upTo).filter(({ signal, id }) => !aside[signal].has(id))
  const end = windowEnd(blocks, after, upTo)
  const writes = request.moved ? (readMove(db, request.moved)?.writes ?? []) : null
  const part: ScanPart = { spans: [], logs: [], cursor: String(end), done: end >= upTo }
  for (const block of blocks) {
    if (block.firstSeq > end) continue
    if (writes && !writes.some(([first, last]) => first <= block.lastSeq && last >= block.firstSeq)) continue
    guard.check()
    const { batch, seqs } = readBlock(db, block)
    const rows = wantedRows(batch, seqs, { after, end, since: request.since, writes })
    for (const column of [...Object.values(batch), ...Object.values(batch.attributes)])
      if (ArrayBuffer.isView(column)) release(column)
    if (rows.n === 0) continue
    if (rows.signal === 'traces') part.spans.push(rows as SpanBatch)
    else part.logs.push(rows as LogBatch)
  }
  return part
}

function idsAside(cache: BlockCache, signal: 'span' | 'log'): Set<number> {
  return new Set(cache.setAside(signal).map(({ id }) => id))
}

/** In the order of writing. */
function blocksBetween(db: Database.Database, after: number, upTo: number): BlockPlace[] {
  const of = (signal: 'span' | 'log'): BlockPlace[] =>
    db
      .prepare(
        `SELECT '${signal}' AS signal, id, rows, first_seq AS firstSeq, last_seq AS lastSeq, max_received AS maxReceived
         FROM ${signal}_block WHERE last_seq > ? AND first_seq <= ?`,
      )
      .all(after, upTo) as BlockPlace[]
  return [...of('span'), ...of('log')].sort((a, b) => a.firstSeq - b.firstSeq || a.id - b.id)
}

/** The last write of the part: whole blocks as long as they are not too many rows, and always one at least. */
function windowEnd(blocks: BlockPlace[], after: number, upTo: number): number {
  let rows = 0
  let end = after
  for (const block of blocks.toSorted((a, b) => a.lastSeq - b.lastSeq)) {
    rows += block.rows
    if (end > after && rows > SCAN_ROWS && block.lastSeq > end) return Math.min(end, upTo)
    end = block.lastSeq
  }
  return upTo
}

function readBlock(db: Database.Database, { signal, id, maxReceived }: BlockPlace) {
  const { batch, seqs } = signal === 'span' ? openSpanBlock(db, id).toBatch() : openLogBlock(db, id).toBatch()
  return { batch: { ...batch, receivedUs: maxReceived } as TelemetryBatch, seqs }
}

/** A copy, so that its buffers are nobody else's. */
function wantedRows(
  batch: TelemetryBatch,
  seqs: Uint32Array,
  wanted: { after: number; end: number; since: number | null; writes: [number, number][] | null },
): TelemetryBatch {
  const times = batch.signal === 'traces' ? batch.startUs : batch.timeUs
  const { after, end, since, writes } = wanted
  const keep = new Uint8Array(batch.n)
  for (let row = 0; row < batch.n; row++) {
    const seq = seqs[row]
    if (seq <= after || seq > end || (since !== null && times[row] < since)) continue
    if (writes === null || writes.some(([first, last]) => seq >= first && seq <= last)) keep[row] = 1
  }
  return selectRows(batch, keep)
}

/** Adds up what a scan would bring, a short read transaction a step. */
export function contentSums(
  db: Database.Database,
  cache: BlockCache,
  guard: QueryGuard,
  request: SumsRequest,
): SumsPart {
  const sums = new ContentSums(request.distinct)
  const only = request.days && new Set(request.days)
  let after = request.after
  let rows = 0
  for (;;) {
    db.exec('BEGIN')
    let part: ScanPart
    try {
      part = withoutDamaged(cache, () => scan(db, cache, guard, { ...request, after }))
    } finally {
      db.exec('COMMIT')
    }
    for (const batch of [...part.spans, ...part.logs]) {
      guard.check()
      sums.add(batch, only)
      rows += batch.n
    }
    after = part.cursor
    if (part.done || (!request.distinct && rows >= SUMS_ROWS)) {
      return { sums: sums.days(), rows, cursor: part.cursor, done: part.done }
    }
  }
}
