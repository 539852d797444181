import { statSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import type { EngineUsage } from '../usage.ts'
import { freeBytesOf } from './reserve-file.ts'
import { readStats } from './storage-stats.ts'

/** Where the bytes of auxiliary.db are. */
export function storageUsage(db: Database.Database, dataDir: string): EngineUsage {
  const number = (sql: string): number => db.prepare(sql).pluck().get() as number
  const { spans, logs, traces, logsSize } = readStats(db)
  const pageBytes = number('PRAGMA page_size')
  const walBytes = statSync(join(dataDir, 'auxiliary.db-wal'), { throwIfNoEntry: false })?.size ?? 0
  const index = (signal: string): number => number(`SELECT coalesce(sum(length(stats)), 0) FROM ${signal}_block`)
  const indexOf = { traces: index('span'), logs: index('log') }
  const samples = db
    .prepare(
      `SELECT coalesce(sum(samples), 0) AS rows, coalesce(sum(bytes), 0) AS bytes, min(start) AS oldest, max(end) AS newest
       FROM (SELECT samples, bytes, start, end FROM metric_block
         UNION ALL SELECT samples, length(data), NULL, NULL FROM metric_log)`,
    )
    .get() as { rows: number; bytes: number; oldest: number | null; newest: number | null }
  const us = (ms: number | null): number | null => (ms === null ? null : ms * 1000)
  return {
    engine: 'sqlite',
    signals: [
      {
        signal: 'traces',
        rows: spans,
        bytes: traces.bytes - indexOf.traces,
        oldest: traces.oldest,
        newest: traces.newest,
      },
      {
        signal: 'logs',
        rows: logs,
        bytes: logsSize.bytes - indexOf.logs,
        oldest: logsSize.oldest,
        newest: logsSize.newest,
      },
      {
        signal: 'metrics',
        rows: samples.rows,
        bytes: samples.bytes,
        oldest: us(samples.oldest),
        newest: us(samples.newest),
      },
    ],
    days: [...days(db, 'span', 'traces'), ...days(db, 'log', 'logs')],
    indexBytes:
      indexOf.traces +
      indexOf.logs +
      number('SELECT coalesce(sum(length(stats)), 0) FROM removed_block') +
      number('SELECT coalesce(sum(length(labels)), 0) FROM metric_series'),
    walBytes,
    wasteBytes: number('PRAGMA freelist_count') * pageBytes,
    totalBytes: number('PRAGMA page_count') * pageBytes + walBytes,
    freeBytes: freeBytesOf(dataDir),
  }
}

function days(db: Database.Database, table: 'span' | 'log', signal: 'traces' | 'logs'): EngineUsage['days'] {
  const rows = db
    .prepare(
      `SELECT CAST(max_received / 86400e6 AS INTEGER) AS day, sum(rows) AS rows, sum(bytes) AS bytes FROM ${table}_block
       GROUP BY 1 ORDER BY 1`,
    )
    .all() as { day: number; rows: number; bytes: number }[]
  return rows.map((row) => ({ signal, ...row }))
}
