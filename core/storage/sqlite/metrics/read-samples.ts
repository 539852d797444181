import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import { type KeyedSamples, packedRuns, SeriesPacker } from '../../../model/packed-series.ts'
import { type Labels, SampleKind, type SeriesExemplars } from '../../../model/series.ts'
import { labelsOfKey } from '../../../model/series-key.ts'
import type { PackedResult } from '../../metric-store.ts'
import type { QueryGuard } from '../read/query-guard.ts'
import { clip } from './merge-samples.ts'
import type { HeadSamples } from './metric-memory.ts'
import { Part, type ReadSamples, readBlock, reusedRoom } from './sample-block.ts'
import { SampleRun } from './sample-run.ts'
import { DAMAGED, GROUP_BITS } from './tables.ts'

/** The 5-minute aggregate that stands in for samples under a function; others get the last sample of each bucket. */
const AGGREGATE_OF: Record<string, Part> = {
  min_over_time: Part.min,
  max_over_time: Part.max,
  sum_over_time: Part.sum,
  avg_over_time: Part.sum,
  count_over_time: Part.count,
}

export interface SamplesQuery {
  /** What the writer found in memory; names the series. */
  head: HeadSamples
  start: number
  end: number
  func: string | null
  maxSamples: number
}

/** @throws GlassboxError `query_too_large` */
export function checkSamples(samples: number, most: number): void {
  if (samples > most) throw new GlassboxError('query_too_large', `the query would read more than ${most} samples`)
}

/** Puts together what the head holds and what blocks bring. @throws GlassboxError `query_too_large` */
export class SampleGatherer {
  readonly #query: SamplesQuery
  /** Of the series still to come, null as long as no block had any of it. */
  readonly #runs = new Map<number, SampleRun | null>()
  /** Of series that are settled, for others to use. */
  readonly #free: SampleRun[] = []
  readonly #room = reusedRoom()
  readonly #recent: Generator<KeyedSamples, void>
  readonly #packer: SeriesPacker
  #settled = 0
  #total: number
  #downsampled = false
  #damagedBlocks = 0

  constructor(query: SamplesQuery) {
    this.#query = query
    for (const id of query.head.ids) this.#runs.set(id, null)
    this.#recent = packedRuns(query.head)
    this.#packer = new SeriesPacker(query.head.times.length)
    this.#total = 0
    this.#spend(query.head.times.length)
  }

  /** Values say how many samples each stands for. */
  get #counted(): boolean {
    return this.#query.func === 'count_over_time'
  }

  #spend(samples: number): void {
    this.#total += samples
    checkSamples(this.#total, this.#query.maxSamples)
  }

  #take(id: number, samples: ReadSamples): boolean {
    const clipped = clip(samples, this.#query.start, this.#query.end)
    if (!clipped) return false
    this.#spend(clipped.times.length)
    this.#runOf(id).append(clipped)
    return true
  }

  #runOf(id: number): SampleRun {
    const known = this.#runs.get(id)
    if (known) return known
    const run = this.#free.pop() ?? new SampleRun()
    this.#runs.set(id, run)
    return run
  }

  /** Blocks come in the order of their start; a damaged one costs its own samples. @param only the series that the block is of, where its entries do not say */
  add(kind: number, data: Uint8Array, only?: number): void {
    if (kind === DAMAGED) {
      this.#damagedBlocks++
      return
    }
    try {
      this.#addSound(kind, data, only)
    } catch (error) {
      if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
      this.#damagedBlocks++
    }
  }

  #addSound(kind: number, data: Uint8Array, only?: number): void {
    const idOf = (id: number): number => only ?? id
    const wanted = (id: number): boolean => this.#runs.has(idOf(id))
    if (kind === 0)
      readBlock(
        data,
        wanted,
        (id, _part, samples) => this.#take(idOf(id), this.#counted ? ones(samples) : samples),
        this.#room,
      )
    else {
      const { func } = this.#query
      const aggregate = func === null ? undefined : AGGREGATE_OF[func]
      for (const [id, samples] of readAggregates(data, wanted, aggregate, func))
        if (this.#take(idOf(id), samples)) this.#downsampled = true
    }
  }

  /**
   * No more blocks come of series before `id`: what was read of them goes into the answer, so that no more than one group
   * of series lies in memory twice. Ids ascend.
   */
  settle(before: number): void {
    const { ids } = this.#query.head
    for (; this.#settled < ids.length && ids[this.#settled] < before; this.#settled++) {
      const id = ids[this.#settled]
      const { key, ...recent } = this.#recent.next().value as KeyedSamples
      const run = this.#runs.get(id) ?? null
      this.#runs.delete(id)
      if (!run && recent.times.length === 0) continue
      const whole = run ?? this.#free.pop() ?? new SampleRun()
      whole.append(this.#counted ? ones(recent) : recent)
      this.#packer.add({ key, ...whole.samples() })
      whole.clear()
      this.#free.push(whole)
    }
  }

  finish(): PackedResult {
    this.settle(Number.POSITIVE_INFINITY)
    const damagedBlocks = this.#damagedBlocks
    return {
      series: this.#packer.finish(),
      downsampled: this.#downsampled,
      ...(this.#counted && { counted: true }),
      ...(damagedBlocks > 0 && { damagedBlocks }),
    }
  }
}

/** Reads the blocks of the series that the head names and puts both together. Runs in a reading thread. */
export function readSamples(db: Database.Database, guard: QueryGuard, query: SamplesQuery): PackedResult {
  const gatherer = new SampleGatherer(query)
  const blocks = db.prepare(
    'SELECT kind, data FROM metric_block WHERE grp = ? AND start <= ? AND end >= ? ORDER BY start, id',
  )
  for (const group of new Set(query.head.ids.map((id) => id >>> GROUP_BITS))) {
    guard.check()
    for (const { kind, data } of blocks.iterate(group, query.end, query.start) as Iterable<{
      kind: number
      data: Uint8Array
    }>)
      gatherer.add(kind, data)
    gatherer.settle((group + 1) << GROUP_BITS)
  }
  return gatherer.finish()
}

function readAggregates(
  data: Uint8Array,
  wanted: (id: number) => boolean,
  aggregate: Part | undefined,
  func: string | null,
): Map<number, ReadSamples> {
  const average = func === 'avg_over_time'
  const found = new Map<number, ReadSamples>()
  readBlock(
    data,
    (id, part) => wanted(id) && (part === Part.samples || part === aggregate || (average && part === Part.count)),
    (id, part, samples) => {
      // A series of histograms has no counts of its own: each of its samples counts once.
      if (func === 'count_over_time') found.set(id, part === Part.count ? samples : ones(samples))
      else if (part !== Part.count) found.set(id, samples)
      else {
        const sum = found.get(id)
        if (sum) sum.values = sum.values.map((value, i) => value / samples.values[i])
      }
    },
  )
  return found
}

/** Each sample as the number of samples that it stands for, stale markers left out. */
function ones({ times, kinds }: ReadSamples): ReadSamples {
  const kept = kinds ? times.filter((_, i) => kinds[i] !== SampleKind.stale) : times
  return { times: kept, values: new Float64Array(kept.length).fill(1), kinds: null, histograms: null }
}

/** Prometheus' order of label sets: name by name, value by value; the one that ends first comes first. */
export function compareLabels(a: Labels, b: Labels): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    if (a[i][0] !== b[i][0]) return a[i][0] < b[i][0] ? -1 : 1
    if (a[i][1] !== b[i][1]) return a[i][1] < b[i][1] ? -1 : 1
  }
  return a.length - b.length
}

export interface ExemplarsQuery {
  ids: number[]
  keys: string[]
  start: number
  end: number
}

/** The exemplars of the series named, by series and time. */
export function readExemplars(db: Database.Database, guard: QueryGuard, query: ExemplarsQuery): SeriesExemplars[] {
  const rows = db.prepare(
    'SELECT time, value, labels FROM metric_exemplar WHERE series = ? AND time BETWEEN ? AND ? ORDER BY time, id',
  )
  const found: SeriesExemplars[] = []
  for (let i = 0; i < query.ids.length; i++) {
    if (i % 1000 === 0) guard.check()
    const exemplars = (
      rows.all(query.ids[i], query.start, query.end) as { time: number; value: number; labels: string }[]
    ).map((row) => ({ time: row.time, value: row.value, labels: JSON.parse(row.labels) as [string, string][] }))
    if (exemplars.length > 0) found.push({ series: labelsOfKey(query.keys[i]), exemplars })
  }
  return found.sort((a, b) => compareLabels(a.series, b.series))
}
