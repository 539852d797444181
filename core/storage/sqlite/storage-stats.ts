import type Database from 'better-sqlite3'
import type { StorageStats } from '../store.ts'

/** What the block tables say of how much is stored. */
export function readStats(db: Database.Database): Pick<StorageStats, 'spans' | 'logs' | 'traces' | 'logsSize'> {
  const one = (table: string, time: string) =>
    db
      .prepare(
        `SELECT coalesce(sum(rows),0) AS rows, coalesce(sum(bytes),0) AS bytes, count(*) AS blocks, min(min_${time}) AS oldest, max(max_${time}) AS newest FROM ${table}`,
      )
      .get() as { rows: number; bytes: number; blocks: number; oldest: number | null; newest: number | null }
  const { rows: spans, ...traces } = one('span_block', 'start')
  const { rows: logs, ...logsSize } = one('log_block', 'time')
  return { spans, logs, traces, logsSize }
}
