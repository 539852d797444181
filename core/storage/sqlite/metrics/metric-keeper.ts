import type Database from 'better-sqlite3'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../../metric-move.ts'
import type { MetricLimits, MetricWriteResult } from '../../metric-store.ts'
import { MetricHead } from './metric-head.ts'
import type { MetricMemory } from './metric-memory.ts'
import { downsampleMetricBlocks, mergeMetricBlocks, removeOldMetrics } from './metric-upkeep.ts'
import { blockMark, endMetricMove, writeBlocks, writeExtras } from './move-metrics.ts'

const FLUSH_MS = 250
const STEP_MS = 5
const FLUSH_SAMPLES = 100_000

export interface KeeperHost {
  db(): Database.Database
  nowMs(): number
  /** Runs work that touches the disk; trouble of the disk is handled there and answered as null. */
  attempt<T>(work: () => T): T | null
}

/** Metrics in the writer's thread: the head, when it is flushed and what is done in quiet moments. */
export class MetricKeeper {
  #host: KeeperHost
  #head: MetricHead
  #timer: NodeJS.Timeout | null = null
  /** Merging and downsampling are looked for once a checkpoint or retention was run. */
  #tidy = false
  #moving = false

  constructor(host: KeeperHost, limits?: MetricLimits) {
    this.#host = host
    this.#head = new MetricHead(host.db, host.nowMs, limits)
  }

  get memory(): MetricMemory {
    return this.#head.memory
  }

  /** Rows of the log of samples that the start found damaged and passed over. */
  get damagedLogRows(): number {
    return this.#head.damagedLogRows
  }

  /** The file is another one: what was in memory only is logged there anew by the senders. */
  renew(): void {
    this.#head = new MetricHead(this.#host.db, this.#host.nowMs, this.#head.memory.limits)
  }

  write(batch: PackedSamples): MetricWriteResult {
    // A flood leaves the timer no turn: what is written before it is then written here, before it is too much.
    if (this.#head.memory.pending > FLUSH_SAMPLES) this.#host.attempt(() => this.#head.flush())
    const result = this.#head.write(batch)
    this.#schedule(FLUSH_MS)
    return result
  }

  #schedule(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      const more = this.#host.attempt(() => this.#step())
      if (more === null) this.#schedule(FLUSH_MS * 4)
      else if (more) this.#schedule(STEP_MS)
      else if (this.#head.dirty) this.#schedule(FLUSH_MS)
    }, afterMs)
    this.#timer.unref()
  }

  /** One transaction's worth of work; answers whether there is more. */
  #step(): boolean {
    this.#head.flush()
    if (this.#head.checkpointDue) {
      if (!this.#head.checkpointStep()) this.#tidy = true
      return true
    }
    if (!this.#tidy || this.#moving) return false
    const now = this.#host.nowMs()
    this.#tidy = mergeMetricBlocks(this.#host.db(), now) || downsampleMetricBlocks(this.#host.db(), now)
    return this.#tidy
  }

  /** Writes all that is in memory into blocks and merges and downsamples what is due, at once. */
  compact(): void {
    while (this.#head.checkpointStep()) {
      // Each step is one transaction.
    }
    const now = this.#host.nowMs()
    while (mergeMetricBlocks(this.#host.db(), now) || downsampleMetricBlocks(this.#host.db(), now)) {
      // Likewise.
    }
  }

  /** Writes all that is in memory into blocks. @returns the place after them */
  mark(): string {
    while (this.#head.checkpointStep()) {
      // Each step is one transaction.
    }
    return blockMark(this.#host.db())
  }

  /** Samples of a move; until its end blocks stay as they are, so that it can be undone. */
  writeMoved(samples: MovedSamples[], step: MetricStep): void {
    this.#moving = true
    writeBlocks(this.#host.db(), this.#head.memory, samples, step, this.#host.nowMs())
  }

  writeExtras(extras: MetricExtras): void {
    writeExtras(this.#host.db(), this.#head.memory, extras)
  }

  endMove(move: string, undo: boolean): void {
    endMetricMove(this.#host.db(), this.#head.memory, move, undo)
    this.#moving = false
    this.#tidy = true
    this.#schedule(STEP_MS)
  }

  retention(days: number): void {
    this.#head.memory.forget(removeOldMetrics(this.#host.db(), this.#host.nowMs(), days, this.#head.memory.quietIds()))
    this.#tidy = true
    this.#schedule(STEP_MS)
  }

  flush(): void {
    this.#head.flush()
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}
