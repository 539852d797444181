import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { NativeHistogram } from '../../../model/native-histogram.ts'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { Exemplar, Matcher, MetricMetadata } from '../../../model/series.ts'
import { labelsOfKey, seriesKey } from '../../../model/series-key.ts'
import type { MetricStats, MetricWriteResult } from '../../metric-store.ts'
import { HeadSeries, lowerBound } from './head-series.ts'
import { BlockEncoder, Part } from './sample-block.ts'
import { PendingSamples, readLogRow } from './sample-log.ts'
import { SeriesIndex } from './series-index.ts'
import { GROUP_BITS } from './tables.ts'

export interface MetricLimits {
  maxSeries: number
  maxSeriesPerMetric: number
  /** How far behind the newest sample of its series another may come, ms. */
  outOfOrderMs: number
}

export const DEFAULT_METRIC_LIMITS: MetricLimits = {
  maxSeries: 500_000,
  maxSeriesPerMetric: 200_000,
  outOfOrderMs: 3_600_000,
}

/** Samples of the head for series found, as they are handed to a reading thread. */
export interface HeadSamples {
  ids: Uint32Array
  keys: string[]
  counts: Uint32Array
  times: Float64Array
  values: Float64Array
  kinds: Uint8Array | null
  histograms: [number, NativeHistogram][]
}

/** Samples may be this far ahead of the wall clock (Prometheus: 10 minutes). */
const AHEAD_MS = 600_000
/** The log is written into blocks when it holds so many samples, or its oldest is so old. */
const LOG_SAMPLES = 4_000_000
const LOG_AGE_MS = 3_600_000
const GROUPS_A_STEP = 64
/** More than this cannot wait in memory for a disk that takes nothing. */
const MOST_PENDING = 500_000
const MOST_EXEMPLARS = 100_000
const MOST_REFUSED_NAMES = 100
/** Metrics and labels that `stats` counts. */
const MOST_METRICS = 10_000
const MOST_LABELS = 100

/**
 * The writing side of metrics, in the writer's thread: the index of all series, recent samples in memory and a log of
 * them in the database, from which full stretches go into blocks. Nothing but `flush`, `checkpointStep` and the
 * constructor touches the disk.
 */
export class MetricHead {
  #db: () => Database.Database
  #nowMs: () => number
  limits: MetricLimits
  readonly index = new SeriesIndex()
  /** Rows of the log that the start found damaged. */
  damagedLogRows = 0
  #byKey = new Map<string, HeadSeries>()
  #byId = new Map<number, HeadSeries>()
  #nextId = 1
  #pending = new PendingSamples()
  #newSeries: { id: number; key: string }[] = []
  #metadata = new Map<string, MetricMetadata>()
  #newMetadata = new Set<string>()
  #newExemplars: { id: number; exemplar: Exemplar }[] = []
  #exemplarsSincePrune = 0
  #refused = new Map<string, number>()
  #logSamples = 0
  #logSinceMs: number | null = null
  /** Set while a checkpoint is under way. */
  #checkpoint: { logId: number; groups: number[] } | null = null

  constructor(db: () => Database.Database, nowMs: () => number, limits: MetricLimits = DEFAULT_METRIC_LIMITS) {
    this.#db = db
    this.#nowMs = nowMs
    this.limits = limits
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
      this.#addSeries(id, (JSON.parse(labels) as string[]).join('\0'), range?.first, range?.last)
      this.#nextId = id + 1
    }
    for (const row of db.prepare('SELECT metric, type, unit, help FROM metric_metadata').all() as MetricMetadata[])
      this.#metadata.set(row.metric, row)
    for (const { data } of db.prepare('SELECT data FROM metric_log ORDER BY id').iterate() as Iterable<{
      data: Uint8Array
    }>) {
      try {
        readLogRow(data, (id, time, value, kind, histogram) => {
          this.#byId.get(id)?.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
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

  #addSeries(id: number, key: string, first?: number, last?: number): HeadSeries {
    const labels = labelsOfKey(key)
    const metric = labels.find(([name]) => name === '__name__')?.[1] ?? ''
    const series = new HeadSeries(id, metric, first, last)
    this.#byKey.set(key, series)
    this.#byId.set(id, series)
    this.index.add(id, labels)
    return series
  }

  /**
   * Takes what it can into memory; the log follows within `flush`.
   * @throws GlassboxError `storage_unavailable` when the disk has taken nothing for too long
   */
  write(batch: PackedSamples): MetricWriteResult {
    if (this.#pending.count > MOST_PENDING)
      throw new GlassboxError(
        'storage_unavailable',
        `${this.#pending.count} samples wait for a disk that takes nothing`,
      )
    const result: MetricWriteResult = { stored: 0, duplicates: 0, rejected: [], fates: null }
    const latest = this.#nowMs() + AHEAD_MS
    const series: (HeadSeries | null | undefined)[] = new Array(batch.keys.length)
    const histograms = batch.histograms.length > 0 ? new Map(batch.histograms) : null
    const { outOfOrderMs } = this.limits
    const { seriesOf, times, values, kinds } = batch
    for (let i = 0; i < seriesOf.length; i++) {
      const time = times[i]
      const at = seriesOf[i]
      if (time > latest) {
        reject(result, 'too_far_ahead', batch, i)
        continue
      }
      let of = series[at]
      if (of === undefined) of = series[at] = this.#seriesFor(batch.keys[at])
      if (of === null) {
        reject(result, 'series_limit', batch, i)
        this.#countRefused(batch.keys[at])
        continue
      }
      const histogram = histograms?.get(i) ?? null
      const became = of.append(time, values[i], kinds[i], histogram, outOfOrderMs)
      if (became === 'stored') {
        result.stored++
        this.#pending.add(of.id, time, values[i], kinds[i], histogram)
      } else if (became === 'duplicate') {
        result.duplicates++
        result.fates ??= new Uint16Array(seriesOf.length)
        result.fates[i] = 1
      } else reject(result, became, batch, i)
    }
    for (const metadata of batch.metadata) this.#takeMetadata(metadata)
    for (const { seriesOf: at, exemplar } of batch.exemplars) {
      const of = series[at] ?? this.#byKey.get(batch.keys[at])
      if (of) this.#newExemplars.push({ id: of.id, exemplar })
    }
    return result
  }

  #seriesFor(key: string): HeadSeries | null {
    const known = this.#byKey.get(key)
    if (known) return known
    if (this.#byKey.size >= this.limits.maxSeries) return null
    const metric = metricOfKey(key)
    if (this.index.countOf('__name__', metric) >= this.limits.maxSeriesPerMetric) return null
    const id = this.#nextId++
    this.#newSeries.push({ id, key })
    return this.#addSeries(id, key)
  }

  #countRefused(key: string): void {
    const metric = metricOfKey(key)
    const known = this.#refused.get(metric)
    if (known !== undefined || this.#refused.size < MOST_REFUSED_NAMES) this.#refused.set(metric, (known ?? 0) + 1)
  }

  #takeMetadata(metadata: MetricMetadata): void {
    const known = this.#metadata.get(metadata.metric)
    if (known && known.type === metadata.type && known.help === metadata.help && known.unit === metadata.unit) return
    if (!known && this.#metadata.size >= this.limits.maxSeries) return
    this.#metadata.set(metadata.metric, metadata)
    this.#newMetadata.add(metadata.metric)
  }

  get dirty(): boolean {
    return this.#pending.count + this.#newSeries.length + this.#newMetadata.size + this.#newExemplars.length > 0
  }

  /** Writes what came since the last time to the log, in one transaction. Throws what SQLite throws; nothing is lost then. */
  flush(): void {
    if (!this.dirty) return
    const db = this.#db()
    const pending = this.#pending
    db.transaction(() => {
      const series = db.prepare('INSERT OR REPLACE INTO metric_series (id, labels) VALUES (?, ?)')
      for (const { id, key } of this.#newSeries) series.run(id, JSON.stringify(key.split('\0')))
      const meta = db.prepare('INSERT OR REPLACE INTO metric_metadata (metric, type, unit, help) VALUES (?, ?, ?, ?)')
      for (const name of this.#newMetadata) {
        const known = this.#metadata.get(name)
        if (known) meta.run(name, known.type, known.unit, known.help)
      }
      const exemplar = db.prepare('INSERT INTO metric_exemplar (series, time, value, labels) VALUES (?, ?, ?, ?)')
      for (const { id, exemplar: one } of this.#newExemplars)
        exemplar.run(id, one.time, one.value, JSON.stringify(one.labels))
      this.#exemplarsSincePrune += this.#newExemplars.length
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
    this.#pending = new PendingSamples()
    this.#newSeries = []
    this.#newMetadata.clear()
    this.#newExemplars = []
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
      for (const [id, series] of this.#byId) if (series.times.length > 0) groups.add(id >>> GROUP_BITS)
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
          const series = this.#byId.get(id)
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

  /** Finds series; of each, the samples in memory within the range. */
  select(matchers: readonly Matcher[], start: number, end: number, maxSeries: number): HeadSamples {
    const ids = this.#inRange(this.index.find(matchers), start, end)
    if (ids.length > maxSeries) {
      throw new GlassboxError(
        'query_too_large',
        `the selector finds ${ids.length} series, more than the ${maxSeries} that one query may read`,
        'Add a matcher.',
      )
    }
    return this.#samplesOf(ids, start, end)
  }

  #inRange(ids: number[], start: number, end: number): number[] {
    return ids.filter((id) => {
      const series = this.#byId.get(id)
      return series !== undefined && series.firstTime <= end && series.lastTime >= start
    })
  }

  #samplesOf(ids: number[], start: number, end: number): HeadSamples {
    const counts = new Uint32Array(ids.length)
    const froms = new Uint32Array(ids.length)
    let total = 0
    let mixed = false
    for (let i = 0; i < ids.length; i++) {
      const series = this.#byId.get(ids[i]) as HeadSeries
      froms[i] = lowerBound(series.times, start)
      counts[i] = Math.max(0, lowerBound(series.times, end + 1) - froms[i])
      total += counts[i]
      if (series.kinds) mixed = true
    }
    const times = new Float64Array(total)
    const values = new Float64Array(total)
    const kinds = mixed ? new Uint8Array(total) : null
    const histograms: [number, NativeHistogram][] = []
    let at = 0
    for (let i = 0; i < ids.length; i++) {
      const series = this.#byId.get(ids[i]) as HeadSeries
      for (let k = froms[i]; k < froms[i] + counts[i]; k++, at++) {
        times[at] = series.times[k]
        values[at] = series.values[k]
        if (kinds && series.kinds) kinds[at] = series.kinds[k]
        const histogram = series.histograms?.[k]
        if (histogram) histograms.push([at, histogram])
      }
    }
    const keys = ids.map((id) => seriesKey(this.index.labels(id)))
    return { ids: Uint32Array.from(ids), keys, counts, times, values, kinds, histograms }
  }

  /** Ids of series that any of the selectors takes (no selector: all) with a sample in the range. */
  findAny(selectors: readonly Matcher[][], start: number, end: number): number[] {
    const found =
      selectors.length === 0
        ? this.index.find([])
        : [...new Set(selectors.flatMap((matchers) => this.index.find(matchers)))]
    return this.#inRange(found, start, end)
  }

  metadata(metric: string | null, limit: number): MetricMetadata[] {
    if (metric !== null) {
      const one = this.#metadata.get(metric)
      return one ? [one] : []
    }
    return [...this.#metadata.values()].sort((a, b) => (a.metric < b.metric ? -1 : 1)).slice(0, limit)
  }

  /** Forgets series that have no sample left anywhere. */
  forget(gone: ReadonlySet<number>): void {
    for (const id of gone) {
      this.#byKey.delete(seriesKey(this.index.labels(id)))
      this.#byId.delete(id)
    }
    this.index.remove(gone)
  }

  /** Ids of series without a sample in memory. */
  quietIds(): number[] {
    return [...this.#byId.values()].filter((series) => series.times.length === 0).map((series) => series.id)
  }

  stats(): MetricStats {
    let headSamples = 0
    for (const series of this.#byId.values()) headSamples += series.times.length
    return {
      series: this.#byKey.size,
      headSamples,
      refusedSeries: [...this.#refused].map(([metric, samples]) => ({ metric, samples })),
      topMetrics: this.index.countsByMetric(MOST_METRICS),
      ...this.index.cardinality(MOST_LABELS),
    }
  }
}

function metricOfKey(key: string): string {
  return labelsOfKey(key).find(([name]) => name === '__name__')?.[1] ?? ''
}

function reject(result: MetricWriteResult, reason: string, batch: PackedSamples, sample: number): void {
  let at = result.rejected.findIndex((one) => one.reason === reason)
  if (at < 0) {
    at = result.rejected.length
    result.rejected.push({ reason, count: 0, example: seriesText(batch.keys[batch.seriesOf[sample]]) })
  }
  result.rejected[at].count++
  result.fates ??= new Uint16Array(batch.seriesOf.length)
  result.fates[sample] = 2 + at
}

function seriesText(key: string): string {
  const labels = labelsOfKey(key)
  const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
  const rest = labels
    .filter(([label]) => label !== '__name__')
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return `${name}{${rest.join(', ')}}`.slice(0, 200)
}
