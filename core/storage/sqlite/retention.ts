import type Database from 'better-sqlite3'
import type { RetentionPolicy } from '../store.ts'
import { removeBlock, returnSpace } from './remove-blocks.ts'

const DAY_US = 86_400 * 1e6

export interface RetentionResult {
  spans: number
  logs: number
  bytesFreed: number
  /** Why nothing was deleted by age, or null. */
  paused: string | null
}

/** Removes blocks by time of receipt, unless `paused` says why not, and by size. `nowUs` is the wall clock, µs. */
export function applyRetention(
  db: Database.Database,
  policy: RetentionPolicy,
  nowUs: number,
  paused: string | null,
): RetentionResult {
  const result: RetentionResult = { spans: 0, logs: 0, bytesFreed: 0, paused }
  const remove = (signal: 'span' | 'log', id: number): void => {
    const { rows, bytes } = removeBlock(db, signal, id, nowUs)
    if (signal === 'span') result.spans += rows
    else result.logs += rows
    result.bytesFreed += bytes
  }
  if (paused === null) {
    for (const id of olderThan(db, 'span_block', nowUs - policy.tracesDays * DAY_US)) remove('span', id)
    for (const id of olderThan(db, 'log_block', nowUs - policy.logsDays * DAY_US)) remove('log', id)
  }
  let bytes = db.prepare('SELECT coalesce(sum(bytes), 0) FROM span_block').pluck().get() as number
  if (bytes > policy.tracesBytes) {
    for (const block of db.prepare('SELECT id, bytes FROM span_block ORDER BY max_received, id').all() as {
      id: number
      bytes: number
    }[]) {
      if (bytes <= policy.tracesBytes) break
      remove('span', block.id)
      bytes -= block.bytes
    }
  }
  if (result.bytesFreed > 0) returnSpace(db)
  return result
}

function olderThan(db: Database.Database, table: 'span_block' | 'log_block', us: number): number[] {
  return db.prepare(`SELECT id FROM ${table} WHERE max_received < ? ORDER BY id`).pluck().all(us) as number[]
}
