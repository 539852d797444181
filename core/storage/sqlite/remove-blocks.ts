import type Database from 'better-sqlite3'

const TABLES = {
  span: ['span_block', 'span_core', 'span_attr', 'span_rest'],
  log: ['log_block', 'log_core', 'log_attr', 'log_body'],
}
const METRICS = ['metric_series', 'metric_block', 'metric_log', 'metric_metadata', 'metric_exemplar']
const KEPT_TOMBSTONES = 2000

/** Deletes one block from all its tables; inside the caller's transaction. */
export function deleteBlock(db: Database.Database, signal: 'span' | 'log', id: number): void {
  for (const table of TABLES[signal]) db.prepare(`DELETE FROM ${table} WHERE id = ?`).run(id)
  db.prepare('DELETE FROM damaged_block WHERE signal = ? AND id = ?').run(signal, id)
}

/** Removes all telemetry, without tombstones. What metrics have in memory is the caller's to forget. */
export function removeAll(db: Database.Database): { spans: number; logs: number } {
  const rows = (signal: string): number =>
    db.prepare(`SELECT coalesce(sum(rows), 0) FROM ${signal}_block`).pluck().get() as number
  const removed = { spans: rows('span'), logs: rows('log') }
  db.transaction(() => {
    for (const table of [...TABLES.span, ...TABLES.log, ...METRICS, 'removed_block']) db.exec(`DELETE FROM ${table}`)
  }).immediate()
  return removed
}

/**
 * Removes a block for good and leaves a tombstone, so that a link to one of its traces can say when it went.
 * @param keep writes what of it is to stay, in the same transaction
 */
export function removeBlock(
  db: Database.Database,
  signal: 'span' | 'log',
  id: number,
  nowUs: number,
  keep?: () => void,
): { rows: number; bytes: number } {
  const block = db.prepare(`SELECT * FROM ${signal}_block WHERE id = ?`).get(id) as
    | {
        rows: number
        bytes: number
        stats: Uint8Array
        min_start?: number
        max_start?: number
        min_time?: number
        max_time?: number
      }
    | undefined
  if (!block) return { rows: 0, bytes: 0 }
  db.transaction(() => {
    db.prepare('INSERT INTO removed_block VALUES (NULL,?,?,?,?,?)').run(
      signal,
      nowUs,
      block.min_start ?? block.min_time,
      block.max_start ?? block.max_time,
      block.stats,
    )
    db.prepare('DELETE FROM removed_block WHERE id <= (SELECT max(id) FROM removed_block) - ?').run(KEPT_TOMBSTONES)
    deleteBlock(db, signal, id)
    keep?.()
  }).immediate()
  return { rows: block.rows, bytes: block.bytes }
}

/** Gives freed pages back to the file system, in steps that stay short. */
export function returnSpace(db: Database.Database, pages = 4096): void {
  db.pragma(`incremental_vacuum(${pages})`)
  db.pragma('wal_checkpoint(TRUNCATE)')
}
