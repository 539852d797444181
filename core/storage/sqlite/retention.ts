import type Database from 'better-sqlite3'
import type { RetentionPolicy } from '../store.ts'
import { removeBlock, returnSpace } from './remove-blocks.ts'

const DAY_US = 86_400 * 1e6

/** What the wall clock said and how long this process ran then; a jump shows as a difference between the two. */
export interface ClockWitness {
  wallUs: number
  monotonicMs: number
}

export interface RetentionResult {
  spans: number
  logs: number
  bytesFreed: number
  /** Why nothing was deleted by age, or null. */
  paused: string | null
}

/**
 * Removes blocks by time of receipt and by size. A wall clock that ran ahead of real elapsed time by more than a day
 * pauses deletion by age: data must not vanish because a clock was set wrong.
 */
export function applyRetention(
  db: Database.Database,
  policy: RetentionPolicy,
  now: ClockWitness,
  before: ClockWitness,
): RetentionResult {
  const result: RetentionResult = { spans: 0, logs: 0, bytesFreed: 0, paused: clockJump(now, before) }
  const remove = (signal: 'span' | 'log', id: number): void => {
    const { rows, bytes } = removeBlock(db, signal, id, now.wallUs)
    if (signal === 'span') result.spans += rows
    else result.logs += rows
    result.bytesFreed += bytes
  }
  if (result.paused === null) {
    for (const id of olderThan(db, 'span_block', now.wallUs - policy.tracesDays * DAY_US)) remove('span', id)
    for (const id of olderThan(db, 'log_block', now.wallUs - policy.logsDays * DAY_US)) remove('log', id)
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

function clockJump(now: ClockWitness, before: ClockWitness): string | null {
  const elapsedUs = (now.monotonicMs - before.monotonicMs) * 1000
  if (elapsedUs >= DAY_US) return null
  const ahead = now.wallUs - before.wallUs - elapsedUs
  if (ahead <= DAY_US) return null
  return `the clock jumped ahead by ${(ahead / DAY_US).toFixed(1)} days: nothing is deleted by age until it has run on for a day`
}
