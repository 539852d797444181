import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { MetricMetadata } from '../../../model/series.ts'
import type { MetricLimits, MetricWriteResult } from '../../metric-store.ts'
import type { HeadSeries } from './head-series.ts'
import { MetricMemory } from './metric-memory.ts'
import { BlockEncoder, Part } from './sample-block.ts'
import { readLogRow } from './sample-log.ts'
import { GROUP_BITS } from './tables.ts'

/** The log is written into blocks when it holds so many samples, or its oldest is so old. */
const LOG_SAMPLES = 4_000_000
const LOG_AGE_MS = 3_600_000
const GROUPS_A_STEP = 64
const MOST_EXEMPLARS = 100_000

/**
 * The writing side of metrics, in the writer's thread: what is in memory, and a log of it in the database, from which full
 * stretches go into blocks. Nothing but `flush`, `checkpointStep` and the constructor touches the disk.
 */
export class MetricHead {
  #db: () => Database.Database
  #nowMs: () => number
  readonly memory: MetricMemory
  /** Rows of the log that the start found damaged. */
  damagedLogRows = 0
  #exemplarsSincePrune = 0
  #logSamples = 0
  #logSinceMs: number | null = null
  /** Set while a checkpoint is under way. */
  #checkpoint: { logId: number; groups: number[] } | null = null

  constructor(db: () => Database.Database, nowMs: () => number, limits?: MetricLimits) {
    this.#db = db
    this.#nowMs = nowMs
    this.memory = new MetricMemory(nowMs, limits)
    this.#recover()
  }

  #recover(): void {
    const db = this.#db()
    const ranges = new Map(
      (
        db.prepare('SELECT grp, min(start) AS first, max(end) AS last FROM metric_block GROUP BY grp').all() as {
          grp: number
          first: number
          last: number
        }[]
      ).map((row) => [row.grp, row]),
    )
    for (const { id, labels } of db.prepare('SELECT id, labels FROM metric_series ORDER BY id').iterate() as Iterable<{
      id: number
      labels: string
    }>) {
      const range = ranges.get(id >>> GROUP_BITS)
      this.memory.know(id, (JSON.parse(labels) as string[]).join('\0'), range?.first, range?.last)
    }
    for (const row of db.prepare('SELECT metric, type, unit, help FROM metric_metadata').all() as MetricMetadata[])
      this.memory.knowMetadata(row)
    for (const { data } of db.prepare('SELECT data FROM metric_log ORDER BY id').iterate() as Iterable<{
      data: Uint8Array
    }>) {
      try {
        readLogRow(data, (id, time, value, kind, histogram) => {
          this.memory.byId.get(id)?.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
          this.#logSamples++
        })
      } catch (error) {
        // A damaged row costs its own samples, not the start.
        if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
        this.damagedLogRows++
      }
    }
    if (this.#logSamples > 0) this.#logSinceMs = this.#nowMs()
  }

  /** As MetricMemory.write; the log follows within `flush`. */
  write(batch: PackedSamples): MetricWriteResult {
    return this.memory.write(batch)
  }

  get dirty(): boolean {
    return this.memory.dirty
  }

  /** Writes what came since the last time to the log, in one transaction. Throws what SQLite throws; nothing is lost then. */
  flush(): void {
    if (!this.dirty) return
    const db = this.#db()
    const { series: newSeries, metadata, exemplars, samples: pending } = this.memory.unsaved
    db.transaction(() => {
      const series = db.prepare('INSERT OR REPLACE INTO metric_series (id, labels) VALUES (?, ?)')
      for (const { id, key } of newSeries) series.run(id, JSON.stringify(key.split('\0')))
      const meta = db.prepare('INSERT OR REPLACE INTO metric_metadata (metric, type, unit, help) VALUES (?, ?, ?, ?)')
      for (const { metric, type, unit, help } of metadata) meta.run(metric, type, unit, help)
      const exemplar = db.prepare('INSERT INTO metric_exemplar (series, time, value, labels) VALUES (?, ?, ?, ?)')
      for (const { id, exemplar: one } of exemplars) exemplar.run(id, one.time, one.value, JSON.stringify(one.labels))
      this.#exemplarsSincePrune += exemplars.length
      if (this.#exemplarsSincePrune > MOST_EXEMPLARS / 10) {
        db.prepare('DELETE FROM metric_exemplar WHERE id <= (SELECT max(id) FROM metric_exemplar) - ?').run(
          MOST_EXEMPLARS,
        )
        this.#exemplarsSincePrune = 0
      }
      if (pending.count > 0)
        db.prepare('INSERT INTO metric_log (samples, data) VALUES (?, ?)').run(pending.count, pending.encode())
    })()
    this.#logSamples += pending.count
    this.#logSinceMs ??= this.#nowMs()
    this.memory.saved()
  }

  /** Whether the log is to be written into blocks. */
  get checkpointDue(): boolean {
    if (this.#checkpoint) return true
    if (this.#logSinceMs === null) return false
    return this.#logSamples >= LOG_SAMPLES || this.#nowMs() - this.#logSinceMs >= LOG_AGE_MS
  }

  /** One step of moving samples from memory into blocks; answers whether more is to do. Throws what SQLite throws. */
  checkpointStep(): boolean {
    const db = this.#db()
    if (!this.#checkpoint) {
      this.flush()
      const logId = db.prepare('SELECT coalesce(max(id), 0) FROM metric_log').pluck().get() as number
      const groups = new Set<number>()
      for (const [id, series] of this.memory.byId) if (series.times.length > 0) groups.add(id >>> GROUP_BITS)
      this.#checkpoint = { logId, groups: [...groups].sort((a, b) => b - a) }
      this.#logSamples = 0
      this.#logSinceMs = null
    }
    const { groups, logId } = this.#checkpoint
    const step = groups.slice(-GROUPS_A_STEP).reverse()
    const written: HeadSeries[] = []
    db.transaction(() => {
      const insert = db.prepare(
        'INSERT INTO metric_block (grp, kind, start, end, samples, received, bytes, data) VALUES (?, 0, ?, ?, ?, ?, ?, ?)',
      )
      for (const group of step) {
        const encoder = new BlockEncoder()
        for (let id = group << GROUP_BITS; id < (group + 1) << GROUP_BITS; id++) {
          const series = this.memory.byId.get(id)
          if (!series || series.times.length === 0) continue
          encoder.add(id, Part.samples, series)
          written.push(series)
        }
        if (encoder.empty) continue
        const data = encoder.finish()
        insert.run(group, encoder.start, encoder.end, encoder.samples, this.#nowMs(), data.length, data)
      }
      if (groups.length <= GROUPS_A_STEP) db.prepare('DELETE FROM metric_log WHERE id <= ?').run(logId)
    })()
    // Samples that came while the steps ran are in the log after `logId` too, so a restart finds them either way.
    for (const series of written) series.clear()
    groups.length = Math.max(0, groups.length - GROUPS_A_STEP)
    if (groups.length > 0) return true
    this.#checkpoint = null
    return false
  }
}
