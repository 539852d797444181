import type Database from 'better-sqlite3'
import type { StorageStats } from '../store.ts'
import { DAMAGED } from './metrics/tables.ts'

/** What the block tables say of how much is stored. Rows of damaged blocks are not among the rows, their bytes are. */
export function readStats(
  db: Database.Database,
): Pick<StorageStats, 'spans' | 'logs' | 'traces' | 'logsSize' | 'damaged'> {
  const one = (table: string, time: string) =>
    db
      .prepare(
        `SELECT coalesce(sum(rows),0) AS rows, coalesce(sum(bytes),0) AS bytes, count(*) AS blocks, min(min_${time}) AS oldest, max(max_${time}) AS newest FROM ${table}`,
      )
      .get() as { rows: number; bytes: number; blocks: number; oldest: number | null; newest: number | null }
  const { rows: spans, ...traces } = one('span_block', 'start')
  const { rows: logs, ...logsSize } = one('log_block', 'time')
  const aside = db
    .prepare(
      'SELECT signal, count(*) AS blocks, sum(rows) AS rows, max(found_at) AS at FROM damaged_block GROUP BY signal',
    )
    .all() as { signal: 'span' | 'log'; blocks: number; rows: number; at: number }[]
  const rowsOf = (signal: string): number => aside.find((one) => one.signal === signal)?.rows ?? 0
  const samples = db
    .prepare('SELECT count(*) AS blocks, coalesce(sum(samples), 0) AS rows FROM metric_block WHERE kind = ?')
    .get(DAMAGED) as { blocks: number; rows: number }
  const damaged = {
    blocks: aside.reduce((sum, one) => sum + one.blocks, samples.blocks),
    rows: aside.reduce((sum, one) => sum + one.rows, samples.rows),
    at: aside.length > 0 ? Math.max(...aside.map((one) => one.at)) : null,
  }
  return { spans: spans - rowsOf('span'), logs: logs - rowsOf('log'), traces, logsSize, damaged }
}
