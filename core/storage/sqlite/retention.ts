import type Database from 'better-sqlite3'
import type { RetentionPolicy } from '../store.ts'
import type { BlockWriter } from './block-writer.ts'
import type { PinnedRows } from './pinned-rows.ts'
import { removeBlock, returnSpace } from './remove-blocks.ts'

const DAY_US = 86_400 * 1e6

export interface RetentionResult {
  spans: number
  logs: number
  bytesFreed: number
  /** Why nothing was deleted by age, or null. */
  paused: string | null
}

/**
 * Removes blocks by time of receipt, unless `paused` says why not, and by size. Rows of pinned traces stay, whatever their
 * age, and do not count towards the size. `nowUs` is the wall clock, µs.
 */
export function applyRetention(
  db: Database.Database,
  policy: RetentionPolicy,
  nowUs: number,
  paused: string | null,
  pinned: { rows: PinnedRows; writer: BlockWriter },
): RetentionResult {
  const result: RetentionResult = { spans: 0, logs: 0, bytesFreed: 0, paused }
  const remove = (signal: 'span' | 'log', id: number): void => {
    const kept = pinned.rows.of(signal, id, pinned.writer)
    if (kept === 'all') return
    const { rows, bytes } = removeBlock(db, signal, id, nowUs, kept === 'nothing' ? undefined : kept.store)
    const gone = rows - (kept === 'nothing' ? 0 : kept.rows)
    if (signal === 'span') result.spans += gone
    else result.logs += gone
    result.bytesFreed += bytes
  }
  if (paused === null) {
    for (const id of olderThan(db, 'span_block', nowUs - policy.tracesDays * DAY_US)) remove('span', id)
    for (const id of olderThan(db, 'log_block', nowUs - policy.logsDays * DAY_US)) remove('log', id)
  }
  let bytes = db.prepare('SELECT coalesce(sum(bytes), 0) FROM span_block').pluck().get() as number
  if (bytes > policy.tracesBytes) {
    const all = db.prepare('SELECT id, bytes FROM span_block ORDER BY max_received, id').all() as {
      id: number
      bytes: number
    }[]
    const blocks = all.filter(({ id }) => pinned.rows.of('span', id, pinned.writer) !== 'all')
    bytes = blocks.reduce((sum, block) => sum + block.bytes, 0)
    for (const block of blocks) {
      if (bytes <= policy.tracesBytes) break
      remove('span', block.id)
      bytes -= block.bytes
    }
  }
  if (result.bytesFreed > 0) returnSpace(db)
  return result
}

/** Moves all receipt times by `byUs`, to `nowUs` at the latest: the clock that they came from was off by so much. */
export function shiftReceipts(db: Database.Database, byUs: number, nowUs: number): void {
  for (const table of ['span_block', 'log_block']) {
    db.prepare(
      `UPDATE ${table} SET min_received = min(min_received + @byUs, @nowUs), max_received = min(max_received + @byUs, @nowUs)`,
    ).run({ byUs, nowUs })
  }
}

/**
 * Removes about a tenth of the data, oldest first, whatever its signal. Never more than half: where one block is that much,
 * there is little to be had by removing it, and most to be lost. Blocks with pinned traces stay whole: a full disk has no
 * room to write what is to be kept of them.
 */
export function removeOldest(
  db: Database.Database,
  nowUs: number,
  pinned: PinnedRows,
): { spans: number; logs: number } {
  const blocks = db
    .prepare(
      `SELECT 'span' AS signal, id, bytes, max_received FROM span_block
       UNION ALL SELECT 'log', id, bytes, max_received FROM log_block ORDER BY max_received, id`,
    )
    .all() as { signal: 'span' | 'log'; id: number; bytes: number }[]
  const total = blocks.reduce((sum, { bytes }) => sum + bytes, 0)
  const removed = { span: 0, log: 0 }
  let bytes = 0
  for (const { signal, id, bytes: size } of blocks) {
    if (bytes >= total / 10 || bytes + size > total / 2) break
    if (pinned.mayBeIn(signal, id)) continue
    const block = removeBlock(db, signal, id, nowUs)
    removed[signal] += block.rows
    bytes += block.bytes
  }
  return { spans: removed.span, logs: removed.log }
}

function olderThan(db: Database.Database, table: 'span_block' | 'log_block', us: number): number[] {
  return db.prepare(`SELECT id FROM ${table} WHERE max_received < ? ORDER BY id`).pluck().all(us) as number[]
}
