import { statSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { RetentionPolicy, StorageStats, WriteResult } from '../store.ts'
import { BlockWriter } from './block-writer.ts'
import { ClockGuard, type ClockWitness } from './clock-guard.ts'
import { mergeOnce } from './merge.ts'
import { isDiskFull, openDatabase } from './open-database.ts'
import { RecentSpans } from './recent-spans.ts'
import { removeBlock, returnSpace } from './remove-blocks.ts'
import { ReserveFile } from './reserve-file.ts'
import { applyRetention, type RetentionResult } from './retention.ts'

export interface WriterOptions {
  dataDir: string
  reserveBytes: number
}

/** Merging waits until no write has come for this long. */
const QUIET_MS = 150
/** More small blocks than this are merged even while writes keep coming. */
const TOO_MANY_BLOCKS = 400

/** Owns the writing connection: writes, merging in quiet moments, retention, and what to do when the disk is full. */
export class Writer {
  #options: WriterOptions
  #clock: Clock
  #notify: (event: { method: string; argument: unknown }) => void
  #db: Database.Database
  #blocks: BlockWriter
  #recent = new RecentSpans()
  #reserve: ReserveFile
  #quarantined: string | null
  #mode: StorageStats['mode'] = 'normal'
  #modeSince: number | null = null
  #modeReason: string | null = null
  #retentionPaused: string | null = null
  #clockGuard: ClockGuard
  #timer: NodeJS.Timeout | null = null
  #writesSinceMerge = 0

  constructor(options: WriterOptions, clock: Clock, notify: (event: { method: string; argument: unknown }) => void) {
    this.#options = options
    this.#clock = clock
    this.#notify = notify
    const { db, quarantined } = openDatabase(options.dataDir, clock.nowUs())
    this.#db = db
    this.#quarantined = quarantined
    this.#blocks = new BlockWriter(db)
    this.#reserve = new ReserveFile(options.dataDir, options.reserveBytes)
    this.#clockGuard = this.#openClockGuard()
    this.#remember('clean', 0)
    this.#reserve.make()
  }

  /** What was found at the start. */
  opened(): { quarantined: string | null } {
    return { quarantined: this.#quarantined }
  }

  /** @throws GlassboxError `storage_unavailable` while the disk takes nothing */
  write(spans: SpanBatch[], logs: LogBatch[]): WriteResult {
    let result: WriteResult
    try {
      result = this.#blocks.write(spans, logs, this.#recent)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      result = this.#writeOnFullDisk(spans, logs, error as Error)
    }
    if (this.#mode === 'disk-full' && this.#reserve.make()) this.#setMode('normal', null)
    this.#notify({ method: 'written', argument: { seq: result.seq } })
    if (++this.#writesSinceMerge >= TOO_MANY_BLOCKS) this.#mergeStep()
    this.#schedule()
    return result
  }

  /** Releases the reserve, truncates the WAL, drops the oldest tenth of the data and tries again. */
  #writeOnFullDisk(spans: SpanBatch[], logs: LogBatch[], cause: Error): WriteResult {
    this.#setMode('disk-full', cause.message)
    this.#reserve.release()
    try {
      this.#db.pragma('wal_checkpoint(TRUNCATE)')
      this.#dropOldest()
      return this.#blocks.write(spans, logs, this.#recent)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      throw new GlassboxError(
        'storage_unavailable',
        `the disk is full: ${(error as Error).message}`,
        'Free space on the disk of the data directory.',
      )
    }
  }

  #dropOldest(): void {
    const ids = this.#db.prepare('SELECT id FROM span_block ORDER BY max_received, id').pluck().all() as number[]
    for (const id of ids.slice(0, Math.ceil(ids.length / 10))) removeBlock(this.#db, 'span', id, this.#clock.nowUs())
    returnSpace(this.#db)
  }

  #setMode(mode: StorageStats['mode'], reason: string | null): void {
    if (this.#mode === mode) return
    this.#mode = mode
    this.#modeReason = reason
    this.#modeSince = mode === 'normal' ? null : this.#clock.nowUs()
  }

  #schedule(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      if (this.#mergeStep()) this.#schedule()
    }, QUIET_MS)
  }

  #mergeStep(eager = false): boolean {
    this.#writesSinceMerge = 0
    try {
      return mergeOnce(this.#db, this.#blocks, eager)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      this.#setMode('disk-full', (error as Error).message)
      return false
    }
  }

  /** Merges until nothing is left to merge, then gives the space back. */
  compact(): void {
    while (this.#mergeStep(true)) {
      // Each step is one transaction.
    }
    returnSpace(this.#db, 1_000_000)
  }

  retention(policy: RetentionPolicy): RetentionResult {
    const now = this.#witness()
    const paused = this.#clockGuard.judge(now)
    this.#retentionPaused = paused
    this.#remember('wall', this.#clockGuard.trustedUs(now))
    return applyRetention(this.#db, policy, now.wallUs, paused)
  }

  #witness(): ClockWitness {
    return { wallUs: this.#clock.nowUs(), monotonicMs: this.#clock.monotonicMs() }
  }

  /** The stored time counts as "no time has passed since": a stop of more than a day looks like a jump for one day. */
  #openClockGuard(): ClockGuard {
    const stored = this.#db.prepare("SELECT value FROM meta WHERE key = 'wall'").pluck().get() as number | undefined
    const now = this.#witness()
    const wallUs = Math.min(now.wallUs, stored ?? now.wallUs)
    this.#remember('wall', wallUs)
    return new ClockGuard({ ...now, wallUs })
  }

  #remember(key: string, value: number): void {
    this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (?,?)').run(key, value)
  }

  stats(): StorageStats {
    const one = (table: string, time: string) =>
      this.#db
        .prepare(
          `SELECT coalesce(sum(rows),0) AS rows, coalesce(sum(bytes),0) AS bytes, count(*) AS blocks, min(min_${time}) AS oldest, max(max_${time}) AS newest FROM ${table}`,
        )
        .get() as { rows: number; bytes: number; blocks: number; oldest: number | null; newest: number | null }
    const { rows: spans, ...traces } = one('span_block', 'start')
    const { rows: logs, ...logsSize } = one('log_block', 'time')
    const path = join(this.#options.dataDir, 'auxiliary.db')
    const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    const pages = this.#db.pragma('freelist_count', { simple: true }) as number
    return {
      engine: 'sqlite',
      spans,
      logs,
      traces,
      logsSize,
      fileBytes: (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + walBytes,
      walBytes,
      freeBytes: pages * 16_384,
      mode: this.#mode,
      modeSince: this.#modeSince,
      modeReason: this.#modeReason,
      retentionPaused: this.#retentionPaused,
    }
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#remember('wall', this.#clockGuard.trustedUs(this.#witness()))
    this.#remember('clean', 1)
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
    this.#db.close()
  }
}
