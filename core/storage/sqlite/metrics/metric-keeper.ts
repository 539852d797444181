import type Database from 'better-sqlite3'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { Matcher, MetricMetadata } from '../../../model/series.ts'
import type { MetricStats, MetricWriteResult } from '../../metric-store.ts'
import { type HeadSamples, MetricHead, type MetricLimits } from './metric-head.ts'
import { downsampleMetricBlocks, mergeMetricBlocks, removeOldMetrics } from './metric-upkeep.ts'

const FLUSH_MS = 250
const STEP_MS = 5

export interface KeeperHost {
  db(): Database.Database
  nowMs(): number
  /** Runs work that touches the disk; trouble of the disk is handled there and answered as null. */
  attempt<T>(work: () => T): T | null
}

export interface HeadQuery {
  matchers: Matcher[]
  start: number
  end: number
  maxSeries: number
}

export interface SeriesQuery {
  selectors: Matcher[][]
  start: number
  end: number
  limit: number
}

/** Metrics in the writer's thread: the head, when it is flushed and what is done in quiet moments. */
export class MetricKeeper {
  #host: KeeperHost
  #head: MetricHead
  #timer: NodeJS.Timeout | null = null
  /** Merging and downsampling are looked for once a checkpoint or retention was run. */
  #tidy = false

  constructor(host: KeeperHost, limits?: MetricLimits) {
    this.#host = host
    this.#head = new MetricHead(host.db, host.nowMs, limits)
  }

  /** Rows of the log of samples that the start found damaged and passed over. */
  get damagedLogRows(): number {
    return this.#head.damagedLogRows
  }

  /** The file is another one: what was in memory only is logged there anew by the senders. */
  renew(): void {
    this.#head = new MetricHead(this.#host.db, this.#host.nowMs, this.#head.limits)
  }

  write(batch: PackedSamples): MetricWriteResult {
    const result = this.#head.write(batch)
    this.#schedule(FLUSH_MS)
    return result
  }

  setLimits(limits: MetricLimits): void {
    this.#head.limits = limits
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
    if (!this.#tidy) return false
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

  retention(days: number): void {
    this.#head.forget(removeOldMetrics(this.#host.db(), this.#host.nowMs(), days, this.#head.quietIds()))
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

  select({ matchers, start, end, maxSeries }: HeadQuery): HeadSamples {
    return this.#head.select(matchers, start, end, maxSeries)
  }

  /** Ids and keys of the series found. */
  series({ selectors, start, end, limit }: SeriesQuery): { ids: number[]; labels: [string, string][][] } {
    const ids = this.#head.findAny(selectors, start, end).slice(0, limit)
    return { ids, labels: ids.map((id) => this.#head.index.labels(id) as [string, string][]) }
  }

  labelNames({ selectors, start, end, limit }: SeriesQuery): string[] {
    const names = new Set<string>()
    if (selectors.length === 0 && start <= 0) for (const name of this.#head.index.names()) names.add(name)
    else
      for (const id of this.#head.findAny(selectors, start, end))
        for (const [name] of this.#head.index.labels(id)) names.add(name)
    return [...names].sort().slice(0, limit)
  }

  labelValues({ name, selectors, start, end, limit }: SeriesQuery & { name: string }): string[] {
    const values = new Set<string>()
    if (selectors.length === 0 && start <= 0) for (const value of this.#head.index.values(name)) values.add(value)
    else
      for (const id of this.#head.findAny(selectors, start, end)) {
        const pair = this.#head.index.labels(id).find((one) => one[0] === name)
        if (pair) values.add(pair[1])
      }
    return [...values].sort().slice(0, limit)
  }

  metadata({ metric, limit }: { metric: string | null; limit: number }): MetricMetadata[] {
    return this.#head.metadata(metric, limit)
  }

  stats(): MetricStats {
    return this.#head.stats()
  }
}
