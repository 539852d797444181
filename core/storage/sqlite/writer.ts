import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import { defaultSettings } from '../../config/settings.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../metric-move.ts'
import type { MetricLimits } from '../metric-store.ts'
import type { RetentionPolicy, StorageStats, WriteResult } from '../store.ts'
import { type EngineUsage, withHeadTimes } from '../usage.ts'
import { BlockWriter } from './block-writer.ts'
import type { BlockName } from './blocks/damaged-block.ts'
import { setBlockAside } from './check-blocks.ts'
import { ClockGuard } from './clock-guard.ts'
import type { MachineClock } from './machine-clock.ts'
import { mergeOnce } from './merge.ts'
import { MetricKeeper } from './metrics/metric-keeper.ts'
import { forgetMove, noteMove, readMove, undoMove } from './moved-rows.ts'
import { heldReadOnly, type OpenedDatabase, type OpenFile, openDatabase } from './open-database.ts'
import { PinnedRows } from './pinned-rows.ts'
import { RecentSpans } from './recent-spans.ts'
import { removeAll, returnSpace } from './remove-blocks.ts'
import { replaceTelemetryFile } from './replace-file.ts'
import { freeBytesOf, ReserveFile } from './reserve-file.ts'
import { applyRetention, type RetentionResult, removeOldest, shiftReceipts } from './retention.ts'
import { StorageMode } from './storage-mode.ts'
import { readStats } from './storage-stats.ts'
import { type Trouble, troubleOf, unavailable } from './storage-trouble.ts'
import { storageUsage } from './storage-usage.ts'
import { forgetClean, readWitness, rememberClean, rememberSpread, rememberWitness } from './writer-memory.ts'

export interface WriterOptions {
  dataDir: string
  reserveBytes: number
  open?: OpenFile
  /** Those of the default settings when absent. */
  metricLimits?: MetricLimits
  /** Ids of traces that retention leaves alone; none when absent. */
  pinned?: readonly string[]
}

/** What the writing thread tells the host unasked. */
export type WriterEvent =
  | { method: 'written'; argument: { seq: number } }
  | { method: 'problem'; argument: string }
  /** The file was moved aside, deleted by somebody or opened when it could only be read: readers must open it anew. */
  | { method: 'replaced'; argument: { quarantined: string | null } }

/** Merging waits until no write has come for this long. */
const QUIET_MS = 150
/** More small blocks than this are merged even while writes keep coming. */
const TOO_MANY_BLOCKS = 400
/** On a full disk old data is removed at most so often: what fills the disk may be somebody else's. */
const CLEANUP_MS = 60_000
const RESERVE_MS = 5000
/** How often it is looked whether the file is still there: a deleted one takes writes that nobody will ever read. */
const LOOK_MS = 1000
const HOUR_US = 3600e6

/** Owns the writing connection: writes, merging in quiet moments, retention, and what to do when the disk gives trouble. */
export class Writer {
  #options: WriterOptions
  #clock: MachineClock
  #notify: (event: WriterEvent) => void
  #db: Database.Database
  #blocks: BlockWriter
  #recent = new RecentSpans()
  #reserve: ReserveFile
  #quarantined: string | null
  #mode: StorageMode
  #retentionPaused: string | null = null
  #clockGuard: ClockGuard
  readonly metrics: MetricKeeper
  #timer: NodeJS.Timeout | null = null
  #writesSinceMerge = 0
  #unreadable = { span: new Set<number>(), log: new Set<number>() }
  #cleanedMs = Number.NEGATIVE_INFINITY
  #lookedMs = Number.NEGATIVE_INFINITY
  #reserveTriedMs = Number.NEGATIVE_INFINITY
  #lastStats: StorageStats | null = null
  #pinned: readonly string[]

  constructor(options: WriterOptions, clock: MachineClock, notify: (event: WriterEvent) => void) {
    this.#options = options
    this.#clock = clock
    this.#pinned = options.pinned ?? []
    this.#notify = notify
    this.#mode = new StorageMode(clock)
    this.#reserve = new ReserveFile(options.dataDir, options.reserveBytes)
    const { db, quarantined } = this.#openOnAnyDisk()
    this.#db = db
    this.#quarantined = quarantined
    this.#blocks = this.#prepare(db)
    this.#clockGuard = new ClockGuard(readWitness(db), clock.witness())
    this.#try(() => {
      rememberWitness(this.#db, this.#clockGuard.witness(clock.witness()))
      forgetClean(this.#db)
    })
    // An I/O error just now closed the file; if it cannot be opened again, the asker is told that storage is not to be had.
    if (!this.#db.open) this.#reopen()
    if (this.#mode.name === 'normal') this.#reserve.make()
    this.metrics = new MetricKeeper(
      {
        db: () => this.#db,
        nowMs: () => clock.nowUs() / 1000,
        attempt: (work) => this.#try(work),
      },
      options.metricLimits ?? defaultSettings.metrics,
    )
    const { damagedLogRows } = this.metrics
    if (damagedLogRows > 0) this.#problem(`${damagedLogRows} rows of the newest metric samples are damaged and lost`)
  }

  /** A disk that is full already gets the reserve back first. */
  #openOnAnyDisk(): OpenedDatabase {
    try {
      return this.#open()
    } catch (error) {
      if (troubleOf(error) !== 'full' || !this.#reserve.release()) throw error
      this.#mode.set('disk-full', (error as Error).message)
      return this.#open()
    }
  }

  #open(): OpenedDatabase {
    const { dataDir, open } = this.#options
    try {
      return openDatabase(dataDir, this.#clock.nowUs(), open)
    } catch (error) {
      if (heldReadOnly(error, dataDir)) this.#notify({ method: 'replaced', argument: { quarantined: null } })
      throw error
    }
  }

  /** Keeps the WAL well below the reserve: a full disk is cleaned by moving the WAL into the file, which needs its size. */
  #prepare(db: Database.Database): BlockWriter {
    const pages = Math.floor(this.#options.reserveBytes / 4 / 16_384)
    db.pragma(`wal_autocheckpoint = ${Math.min(1000, Math.max(64, pages))}`)
    return new BlockWriter(db)
  }

  /** What was found at the start. */
  opened(): { quarantined: string | null } {
    return { quarantined: this.#quarantined }
  }

  /** @throws GlassboxError `storage_unavailable` while the disk takes nothing; other errors are about the rows */
  write(spans: SpanBatch[], logs: LogBatch[]): WriteResult {
    this.#correctReceipt([...spans, ...logs])
    let result: WriteResult
    try {
      this.#reopenIfLost()
      result = this.#blocks.write(spans, logs, this.#recent)
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble === null) throw error
      result = this.#writeInTrouble(spans, logs, trouble, error)
    }
    this.#recover()
    this.#notify({ method: 'written', argument: { seq: result.seq } })
    if (++this.#writesSinceMerge >= TOO_MANY_BLOCKS) this.#mergeStep()
    this.#schedule()
    return result
  }

  /** Rows that were stored elsewhere before; see TelemetryWriter. @throws GlassboxError `storage_unavailable` */
  writeMoved(spans: SpanBatch[], logs: LogBatch[], { move, cursor }: { move: string; cursor: string }): WriteResult {
    const now = this.#clockGuard.receiptUs(this.#clock.witness())
    for (const batch of [...spans, ...logs]) batch.receivedUs = Math.min(batch.receivedUs, now)
    return this.#plainly(() => {
      const result = this.#blocks.write(spans, logs, null, (seq) => noteMove(this.#db, move, cursor, seq))
      this.#notify({ method: 'written', argument: { seq: result.seq } })
      if (++this.#writesSinceMerge >= TOO_MANY_BLOCKS) this.#mergeStep()
      this.#schedule()
      return result
    })
  }

  movedTo(move: string): string | null {
    return this.#plainly(() => readMove(this.#db, move)?.cursor ?? null)
  }

  endMove(move: string, undo: boolean): { spans: number; logs: number } {
    return this.#plainly(() => {
      if (undo) {
        const removed = undoMove(this.#db, this.#blocks, move)
        returnSpace(this.#db, 1_000_000)
        return removed
      }
      forgetMove(this.#db, move)
      return { spans: 0, logs: 0 }
    })
  }

  /** Moves all samples into blocks; the place after them. */
  metricMark(): string {
    return this.#plainly(() => this.metrics.mark())
  }

  writeMovedMetrics(samples: MovedSamples[], step: MetricStep): void {
    this.#plainly(() => this.metrics.writeMoved(samples, step))
  }

  writeMetricExtras(extras: MetricExtras): void {
    this.#plainly(() => this.metrics.writeExtras(extras))
  }

  endMetricMove(move: string, undo: boolean): void {
    this.#plainly(() => this.metrics.endMove(move, undo))
  }

  /** @throws GlassboxError `storage_unavailable` */
  usage(): EngineUsage {
    return this.#plainly(() =>
      withHeadTimes(storageUsage(this.#db, this.#options.dataDir), this.metrics.memory.headRange()),
    )
  }

  clear(): { spans: number; logs: number } {
    return this.#plainly(() => {
      const removed = removeAll(this.#db)
      this.metrics.renew()
      this.#recent = new RecentSpans()
      returnSpace(this.#db, 1_000_000)
      return removed
    })
  }

  /** Work whose asker is told of trouble with the disk. */
  #plainly<T>(work: () => T): T {
    try {
      this.#reopenIfLost()
      return work()
    } catch (error) {
      const trouble = troubleOf(error)
      throw trouble === null ? error : unavailable(trouble, error)
    }
  }

  /** Age is counted from receipt, so a clock that jumped must not date it. */
  #correctReceipt(batches: (SpanBatch | LogBatch)[]): void {
    const receivedUs = this.#clockGuard.receiptUs(this.#clock.witness())
    for (const batch of batches) {
      if (Math.abs(batch.receivedUs - receivedUs) > HOUR_US) batch.receivedUs = receivedUs
    }
  }

  #writeInTrouble(spans: SpanBatch[], logs: LogBatch[], trouble: Trouble, cause: unknown): WriteResult {
    this.#mode.set(trouble === 'full' ? 'disk-full' : 'read-only', unavailable(trouble, cause).message)
    try {
      if (trouble === 'full') this.#makeRoom()
      else if (trouble === 'busy') throw cause
      else this.#reopen()
      return this.#blocks.write(spans, logs, this.#recent)
    } catch (error) {
      const again = troubleOf(error)
      if (again === null) throw error
      if (again !== 'full' && again !== 'busy') this.#close()
      throw unavailable(again, error)
    }
  }

  /** Releases the reserve, truncates the WAL and, once a minute, drops the oldest tenth of the data. */
  #makeRoom(): void {
    this.#reserve.release()
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
    if (this.#clock.monotonicMs() - this.#cleanedMs < CLEANUP_MS) return
    this.#cleanedMs = this.#clock.monotonicMs()
    const { spans, logs } = removeOldest(this.#db, this.#clock.nowUs(), new PinnedRows(this.#db, this.#pinned))
    returnSpace(this.#db)
    this.#problem(`the disk is full: the oldest ${spans} spans and ${logs} log records were removed`)
  }

  /** A write went well: the mode ends, for a full disk once there is room for the reserve again. */
  #recover(): void {
    if (this.#mode.name === 'read-only') this.#mode.set('normal', null)
    if (this.#mode.name !== 'disk-full') return
    if (this.#clock.monotonicMs() - this.#reserveTriedMs < RESERVE_MS) return
    this.#reserveTriedMs = this.#clock.monotonicMs()
    if (this.#reserve.make()) this.#mode.set('normal', null)
  }

  /**
   * Puts `folder/auxiliary.db` in place of the file in use, which goes to `folder/old`; see replaceTelemetryFile.
   * @throws GlassboxError `storage_unavailable`
   */
  replaceFile(folder: string): void {
    this.#try(() => this.metrics.flush())
    if (this.#db.open) this.#try(() => this.#db.pragma('wal_checkpoint(TRUNCATE)'))
    this.#close()
    try {
      replaceTelemetryFile(this.#options.dataDir, folder)
    } finally {
      this.#reopen(true)
    }
  }

  /** After an I/O error what the connection holds in memory need not be what is on the disk: it is read anew. */
  #reopen(replaced = false): void {
    this.#close()
    const gone = !existsSync(join(this.#options.dataDir, 'auxiliary.db'))
    const { db, quarantined } = this.#open()
    this.#db = db
    try {
      const { seq, mergedAway } = this.#blocks
      this.#blocks = this.#prepare(db)
      // Whoever follows the numbers of writes must not see them go back.
      this.#blocks.seq = Math.max(this.#blocks.seq, seq)
      this.#blocks.mergedAway = mergedAway
      forgetClean(db)
    } catch (error) {
      this.#close()
      throw error
    }
    if (!replaced) {
      this.#problem(
        gone
          ? 'the telemetry file is gone: a new one was made'
          : 'the telemetry file was closed and opened again after an error of its disk',
      )
    }
    if (!quarantined && !gone && !replaced) return
    this.#recent = new RecentSpans()
    // Absent while the first opening is still under way.
    this.metrics?.renew()
    this.#notify({ method: 'replaced', argument: { quarantined } })
  }

  #close(): void {
    try {
      this.#db.close()
    } catch (error) {
      this.#problem(`the telemetry file did not close cleanly: ${(error as Error).message}`)
    }
  }

  #reopenIfLost(): void {
    const now = this.#clock.monotonicMs()
    const look = now - this.#lookedMs > LOOK_MS
    if (look) this.#lookedMs = now
    if (!this.#db.open || (look && !existsSync(join(this.#options.dataDir, 'auxiliary.db')))) this.#reopen()
  }

  #problem(sentence: string): void {
    this.#notify({ method: 'problem', argument: sentence })
  }

  /** Work that nobody waits for: trouble sets the mode instead of being thrown. */
  #try<T>(work: () => T): T | null {
    try {
      this.#reopenIfLost()
      return work()
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble === null) {
        this.#problem(`upkeep of the telemetry file failed: ${(error as Error).message}`)
        return null
      }
      this.#mode.set(trouble === 'full' ? 'disk-full' : 'read-only', unavailable(trouble, error).message)
      if (trouble === 'io' || trouble === 'damaged') this.#close()
      return null
    }
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
    // A merge first needs room for what it makes; what it leaves in the WAL must stay below the reserve.
    if (freeBytesOf(this.#options.dataDir) < this.#options.reserveBytes * 2) return false
    return (
      this.#try(() => mergeOnce(this.#db, this.#blocks, eager, this.#unreadable, (block) => this.setAside(block))) ??
      false
    )
  }

  /** A reader, or merging, found this block damaged: it is looked at, and marked if it is so. */
  setAside(block: BlockName): void {
    const why = this.#try(() => setBlockAside(this.#db, block, this.#clock.nowUs()))
    if (why !== null) this.#problem(`block ${block.id} of ${block.signal}s is damaged and left out of answers: ${why}`)
  }

  /** What a reader found of spread traces; see SpreadTraces. */
  keepSpread(packed: Uint8Array): void {
    this.#try(() => rememberSpread(this.#db, packed))
  }

  /** Merges until nothing is left to merge, then gives the space back. */
  compact(): void {
    while (this.compactStep()) {
      // Each step is one transaction.
    }
  }

  /** One step of it; answers whether there are more. */
  compactStep(): boolean {
    if (this.#mergeStep(true)) return true
    this.#try(() => this.metrics.compact())
    this.#try(() => returnSpace(this.#db, 1_000_000))
    return false
  }

  /** See TelemetryStore.setPinned. */
  setPinned(traceIds: readonly string[]): void {
    this.#pinned = traceIds
  }

  /** @throws GlassboxError `storage_unavailable` */
  retention(policy: RetentionPolicy): RetentionResult {
    const now = this.#clock.witness()
    const { paused, nowUs, shiftUs } = this.#clockGuard.judge(now)
    this.#retentionPaused = paused
    return this.#plainly(() => {
      if (shiftUs !== 0) shiftReceipts(this.#db, shiftUs, nowUs)
      rememberWitness(this.#db, this.#clockGuard.witness(now))
      if (paused === null) this.metrics.retention(policy.metricsDays ?? 30)
      const pinned = { rows: new PinnedRows(this.#db, this.#pinned), writer: this.#blocks }
      return applyRetention(this.#db, policy, nowUs, paused, pinned)
    })
  }

  stats(): StorageStats {
    const { dataDir } = this.#options
    const path = join(dataDir, 'auxiliary.db')
    const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    const counted = this.#try(() => readStats(this.#db)) ?? this.#lastStats ?? emptyStats
    this.#lastStats = {
      ...counted,
      engine: 'sqlite',
      fileBytes: (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + walBytes,
      walBytes,
      freeBytes: freeBytesOf(dataDir),
      mode: this.#mode.name,
      modeSince: this.#mode.since,
      modeReason: this.#mode.reason,
      retentionPaused: this.#retentionPaused,
    }
    return this.#lastStats
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.metrics.stop()
    if (!this.#db.open) return
    this.#try(() => this.metrics.flush())
    this.#try(() => {
      rememberWitness(this.#db, this.#clockGuard.witness(this.#clock.witness()))
      rememberClean(this.#db)
      this.#db.pragma('wal_checkpoint(TRUNCATE)')
    })
    this.#close()
  }
}

const nothing = { bytes: 0, blocks: 0, oldest: null, newest: null }
const emptyStats = { spans: 0, logs: 0, traces: nothing, logsSize: nothing }
