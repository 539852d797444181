import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import { addAggregates } from './downsample.ts'
import { mergeSamples } from './merge-samples.ts'
import { BlockEncoder, Part, type ReadSamples, readBlock } from './sample-block.ts'
import { DAMAGED, GROUP_BITS } from './tables.ts'

const DAY_MS = 86_400_000
/** From this age on samples are kept as 5-minute aggregates only. */
const RAW_DAYS = 2

interface BlockRow {
  id: number
  grp: number
  received: number
  data: Uint8Array
}

/** Writes one group's blocks of one past day as one block; answers whether there was any. One transaction. */
export function mergeMetricBlocks(db: Database.Database, nowMs: number): boolean {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS
  const found = db
    .prepare(
      `SELECT grp, CAST(start / ${DAY_MS} AS INTEGER) AS day FROM metric_block WHERE kind = 0 AND end < ?
       GROUP BY grp, day HAVING count(*) > 1 LIMIT 1`,
    )
    .get(today) as { grp: number; day: number } | undefined
  if (!found) return false
  const rows = db
    .prepare(
      `SELECT id, grp, received, data FROM metric_block
       WHERE grp = ? AND kind = 0 AND end < ? AND CAST(start / ${DAY_MS} AS INTEGER) = ? ORDER BY start, id`,
    )
    .all(found.grp, today, found.day) as BlockRow[]
  replaceBlocks(db, rows, 0, (encoder, id, samples) => encoder.add(id, Part.samples, samples))
  return true
}

/** Turns one group's day older than RAW_DAYS into aggregates; answers whether there was any. One transaction. */
export function downsampleMetricBlocks(db: Database.Database, nowMs: number): boolean {
  const before = nowMs - RAW_DAYS * DAY_MS
  const found = db
    .prepare(
      `SELECT grp, CAST(start / ${DAY_MS} AS INTEGER) AS day FROM metric_block WHERE kind = 0 AND end < ? AND received < ? LIMIT 1`,
    )
    .get(before, before) as { grp: number; day: number } | undefined
  if (!found) return false
  const rows = db
    .prepare(
      `SELECT id, grp, received, data FROM metric_block
       WHERE grp = ? AND kind = 0 AND end < ? AND received < ? AND CAST(start / ${DAY_MS} AS INTEGER) = ? ORDER BY start, id`,
    )
    .all(found.grp, before, before, found.day) as BlockRow[]
  replaceBlocks(db, rows, 1, addAggregates)
  return true
}

function replaceBlocks(
  db: Database.Database,
  rows: BlockRow[],
  kind: 0 | 1,
  add: (encoder: BlockEncoder, id: number, samples: ReadSamples) => void,
): void {
  const parts = new Map<number, ReadSamples[]>()
  const readable = rows.filter(({ id: block, data }) => {
    try {
      readBlock(
        data,
        () => true,
        (id, _part, samples) => {
          const known = parts.get(id)
          if (known) known.push(samples)
          else parts.set(id, [samples])
        },
      )
      return true
    } catch (error) {
      if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
      db.prepare('UPDATE metric_block SET kind = ? WHERE id = ?').run(DAMAGED, block)
      return false
    }
  })
  const encoder = new BlockEncoder()
  for (const id of [...parts.keys()].sort((a, b) => a - b)) add(encoder, id, mergeSamples(parts.get(id) ?? []))
  const received = Math.max(...rows.map((row) => row.received))
  db.transaction(() => {
    const remove = db.prepare('DELETE FROM metric_block WHERE id = ?')
    for (const { id } of readable) remove.run(id)
    if (encoder.empty) return
    const data = encoder.finish()
    db.prepare(
      'INSERT INTO metric_block (grp, kind, start, end, samples, received, bytes, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ).run(rows[0].grp, kind, encoder.start, encoder.end, encoder.samples, received, data.length, data)
  })()
}

/**
 * Removes blocks received more than `days` ago, and the series of which nothing is left.
 * @param quiet series without samples in memory
 * @returns the series removed
 */
export function removeOldMetrics(db: Database.Database, nowMs: number, days: number, quiet: number[]): Set<number> {
  const before = nowMs - days * DAY_MS
  const gone = new Set<number>()
  db.transaction(() => {
    const { changes } = db.prepare('DELETE FROM metric_block WHERE received < ?').run(before)
    db.prepare('DELETE FROM metric_exemplar WHERE time < ?').run(before)
    if (changes === 0) return
    const live = new Set(db.prepare('SELECT DISTINCT grp FROM metric_block').pluck().all() as number[])
    const remove = db.prepare('DELETE FROM metric_series WHERE id = ?')
    for (const id of quiet) {
      if (live.has(id >>> GROUP_BITS)) continue
      gone.add(id)
      remove.run(id)
    }
  })()
  return gone
}
