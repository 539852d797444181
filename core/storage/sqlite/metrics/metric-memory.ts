import { GlassboxError } from '../../../base/errors.ts'
import { defaultSettings } from '../../../config/settings.ts'
import type { NativeHistogram } from '../../../model/native-histogram.ts'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { PackedSeries } from '../../../model/packed-series.ts'
import type { Exemplar, Matcher, MetricMetadata } from '../../../model/series.ts'
import { labelOfKey, labelsOfKey, packKeys } from '../../../model/series-key.ts'
import type { MetricLimits, MetricStats, MetricWriteResult } from '../../metric-store.ts'
import { HeadSeries, lowerBound } from './head-series.ts'
import { mergeSamples } from './merge-samples.ts'
import type { ReadSamples, Samples } from './sample-block.ts'
import { PendingSamples } from './sample-log.ts'
import { SeriesIndex } from './series-index.ts'

/** Samples of the head for series found, as they are handed to a reading thread. */
export interface HeadSamples extends PackedSeries {
  ids: Uint32Array
  /** Blocks may hold more of the range. */
  more: boolean
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

/** Samples may be this far ahead of the wall clock (Prometheus: 10 minutes). */
const AHEAD_MS = 600_000
/** More than this cannot wait in memory for a disk that takes nothing. */
const MOST_PENDING = 500_000
const MOST_REFUSED_NAMES = 100
/** Metrics and labels that `stats` counts. */
const MOST_METRICS = 10_000
const MOST_LABELS = 100

/** What came since the last time it was taken; an engine writes it in one transaction. */
export interface Unsaved {
  series: { id: number; key: string }[]
  metadata: MetricMetadata[]
  exemplars: { id: number; exemplar: Exemplar }[]
  samples: PendingSamples
}

/**
 * Metrics in memory, of either engine: the index of all series, recent samples, and what of them is not saved yet. Touches
 * no disk.
 */
export class MetricMemory {
  readonly #nowMs: () => number
  limits: MetricLimits
  readonly index = new SeriesIndex()
  readonly byKey = new Map<string, HeadSeries>()
  readonly byId = new Map<number, HeadSeries>()
  readonly #metadata = new Map<string, MetricMetadata>()
  readonly #refused = new Map<string, number>()
  readonly #lastExemplar = new Map<number, string>()
  /** Recent samples of a series that others received; of an engine that one host alone writes to there are none. */
  others: (id: number) => HeadSeries[] = () => []
  #nextId = 1
  #pending = new PendingSamples()
  #newSeries: { id: number; key: string }[] = []
  #newMetadata = new Set<string>()
  #newExemplars: { id: number; exemplar: Exemplar }[] = []

  constructor(nowMs: () => number, limits: MetricLimits = defaultSettings.metrics) {
    this.#nowMs = nowMs
    this.limits = limits
  }

  /** A series that is saved already. `first` and `last` are the ms of its oldest and newest sample, where known. */
  know(id: number, key: string, first?: number, last?: number): HeadSeries {
    const series = new HeadSeries(id, first, last)
    this.byKey.set(key, series)
    this.byId.set(id, series)
    this.index.add(id, key)
    this.#nextId = Math.max(this.#nextId, id + 1)
    return series
  }

  /** A number that no series has. */
  get nextId(): number {
    return this.#nextId
  }

  knowMetadata(metadata: MetricMetadata): void {
    this.#metadata.set(metadata.metric, metadata)
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
      const of = series[at] ?? this.byKey.get(batch.keys[at])
      if (of && this.#isNewExemplar(of.id, exemplar)) this.#newExemplars.push({ id: of.id, exemplar })
    }
    return result
  }

  #seriesFor(key: string): HeadSeries | null {
    const known = this.byKey.get(key)
    if (known) return known
    if (this.byKey.size >= this.limits.maxSeries) return null
    const metric = metricOfKey(key)
    if (this.index.countOf('__name__', metric) >= this.limits.maxSeriesPerMetric) return null
    const id = this.#nextId
    this.#newSeries.push({ id, key })
    return this.know(id, key)
  }

  /** A request that comes again, or a sender that repeats its last exemplar, adds none. */
  #isNewExemplar(id: number, exemplar: Exemplar): boolean {
    const text = JSON.stringify(exemplar)
    if (this.#lastExemplar.get(id) === text) return false
    this.#lastExemplar.set(id, text)
    return true
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

  /** Samples that are not saved yet. */
  get pending(): number {
    return this.#pending.count
  }

  get dirty(): boolean {
    return this.#pending.count + this.#newSeries.length + this.#newMetadata.size + this.#newExemplars.length > 0
  }

  /** What is to be saved; stays until `saved`. */
  get unsaved(): Unsaved {
    return {
      series: this.#newSeries,
      metadata: [...this.#newMetadata].flatMap((name) => this.#metadata.get(name) ?? []),
      exemplars: this.#newExemplars,
      samples: this.#pending,
    }
  }

  /** What `unsaved` gave out is saved. Nothing may have come between. */
  saved(): void {
    this.#pending = new PendingSamples()
    this.#newSeries = []
    this.#newMetadata = new Set()
    this.#newExemplars = []
  }

  /** Finds series; of each, the samples in memory within the range. */
  select({ matchers, start, end, maxSeries }: HeadQuery): HeadSamples {
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
      const series = this.byId.get(id)
      return series !== undefined && series.firstTime <= end && series.lastTime >= start
    })
  }

  /** What is in memory of a series. */
  #recent(id: number): Samples {
    const own = this.byId.get(id) as HeadSeries
    const others = this.others(id)
    if (others.length === 0) return own
    return mergeSamples([own, ...others].filter(({ times }) => times.length > 0).map(columns))
  }

  #samplesOf(ids: number[], start: number, end: number): HeadSamples {
    const counts = new Uint32Array(ids.length)
    const froms = new Uint32Array(ids.length)
    const recent: Samples[] = []
    let total = 0
    let mixed = false
    for (let i = 0; i < ids.length; i++) {
      const series = this.#recent(ids[i])
      recent.push(series)
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
      const series = recent[i]
      for (let k = froms[i]; k < froms[i] + counts[i]; k++, at++) {
        times[at] = series.times[k]
        values[at] = series.values[k]
        if (kinds && series.kinds) kinds[at] = series.kinds[k]
        const histogram = series.histograms?.[k]
        if (histogram) histograms.push([at, histogram])
      }
    }
    const keys = packKeys(ids.map((id) => this.index.key(id)))
    const more = ids.some((id) => (this.byId.get(id) as HeadSeries).blocksUntil >= start)
    return { ids: Uint32Array.from(ids), more, keys, counts, times, values, kinds, histograms }
  }

  /** Ids of series that any of the selectors takes (no selector: all) with a sample in the range. */
  findAny(selectors: readonly Matcher[][], start: number, end: number): number[] {
    const found =
      selectors.length === 0
        ? this.index.find([])
        : [...new Set(selectors.flatMap((matchers) => this.index.find(matchers)))]
    return this.#inRange(found, start, end)
  }

  /** Ids and keys of the series found. */
  series({ selectors, start, end, limit }: SeriesQuery): { ids: number[]; labels: [string, string][][] } {
    const ids = this.findAny(selectors, start, end).slice(0, limit)
    return { ids, labels: ids.map((id) => this.index.labels(id) as [string, string][]) }
  }

  /** Whether the range holds whatever is stored, so that no series needs to be looked at. */
  #isAllTime(start: number, end: number): boolean {
    return start <= 0 && end >= this.#nowMs() + AHEAD_MS
  }

  labelNames({ selectors, start, end, limit }: SeriesQuery): string[] {
    const names = new Set<string>()
    if (selectors.length === 0 && this.#isAllTime(start, end)) for (const name of this.index.names()) names.add(name)
    else
      for (const id of this.findAny(selectors, start, end)) for (const [name] of this.index.labels(id)) names.add(name)
    return [...names].sort().slice(0, limit)
  }

  labelValues({ name, selectors, start, end, limit }: SeriesQuery & { name: string }): string[] {
    const values = new Set<string>()
    if (selectors.length === 0 && this.#isAllTime(start, end))
      for (const value of this.index.values(name)) values.add(value)
    else
      for (const id of this.findAny(selectors, start, end)) {
        const value = labelOfKey(this.index.key(id), name)
        if (value !== '') values.add(value)
      }
    return [...values].sort().slice(0, limit)
  }

  metadata({ metric, limit }: { metric: string | null; limit: number }): MetricMetadata[] {
    if (metric !== null) {
      const one = this.#metadata.get(metric)
      return one ? [one] : []
    }
    return [...this.#metadata.values()].sort((a, b) => (a.metric < b.metric ? -1 : 1)).slice(0, limit)
  }

  /** Forgets series that have no sample left anywhere. */
  forget(gone: ReadonlySet<number>): void {
    for (const id of gone) {
      this.byKey.delete(this.index.key(id))
      this.byId.delete(id)
      this.#lastExemplar.delete(id)
    }
    this.index.remove(gone)
  }

  /** ms of the oldest and newest sample in memory. */
  headRange(): { first: number; last: number } | null {
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    for (const { times } of this.byId.values()) {
      if (times.length === 0) continue
      if (times[0] < first) first = times[0]
      if (times[times.length - 1] > last) last = times[times.length - 1]
    }
    return last >= first ? { first, last } : null
  }

  /** Ids of series without a sample in memory. */
  quietIds(): number[] {
    return [...this.byId.values()].filter((series) => series.times.length === 0).map((series) => series.id)
  }

  stats(): MetricStats {
    let headSamples = 0
    let firstTime = Number.POSITIVE_INFINITY
    let lastTime = Number.NEGATIVE_INFINITY
    for (const series of this.byId.values()) {
      headSamples += series.times.length
      if (series.firstTime < firstTime) firstTime = series.firstTime
      if (series.lastTime > lastTime) lastTime = series.lastTime
    }
    return {
      series: this.byKey.size,
      headSamples,
      ...(lastTime >= firstTime ? { firstTime, lastTime } : {}),
      refusedSeries: [...this.#refused].map(([metric, samples]) => ({ metric, samples })),
      topMetrics: this.index.countsByMetric(MOST_METRICS),
      ...this.index.cardinality(MOST_LABELS),
      limits: this.limits,
    }
  }
}

function columns({ times, values, kinds, histograms }: HeadSeries): ReadSamples {
  return {
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    kinds: kinds && Uint8Array.from(kinds),
    histograms,
  }
}

function metricOfKey(key: string): string {
  return labelOfKey(key, '__name__')
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
