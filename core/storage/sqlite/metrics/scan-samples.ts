import type Database from 'better-sqlite3'
import type { MetricMetadata, SeriesExemplars, SeriesSamples } from '../../../model/series.ts'
import { labelsOfKey } from '../../../model/series-key.ts'
import { clip, mergeSamples } from './merge-samples.ts'
import { Part, type ReadSamples, readBlock } from './sample-block.ts'
import { readLogRow } from './sample-log.ts'
import { GROUP_BITS } from './tables.ts'

/**
 * Every series with its samples within the range (ms, both ends inclusive), for backups and moves. Of days of which only
 * 5-minute aggregates are left, the samples that stand for them. The log is read first and blocks group by group after
 * it, as a sample that moves from one to the other meanwhile is then met twice, never missed, and merged once: no long
 * transaction is needed. What is in the writer's memory only is not seen; it is flushed every 250 ms.
 */
export function* scanSamples(db: Database.Database, start: number, end: number): Generator<SeriesSamples> {
  const recent = readLog(db)
  const series = db.prepare('SELECT id, labels FROM metric_series ORDER BY id').all() as {
    id: number
    labels: string
  }[]
  const blocks = db.prepare(
    'SELECT data FROM metric_block WHERE grp = ? AND start <= ? AND end >= ? ORDER BY start, id',
  )
  let group = -1
  let stored = new Map<number, ReadSamples[]>()
  for (const { id, labels } of series) {
    if (id >>> GROUP_BITS !== group) {
      group = id >>> GROUP_BITS
      stored = readGroup(blocks.pluck().all(group, end, start) as Uint8Array[])
    }
    const parts = stored.get(id) ?? []
    const log = recent.get(id)
    if (log) parts.push(log.samples())
    const within = parts.length > 0 ? clip(mergeSamples(parts), start, end) : null
    if (within) yield { labels: labelsOfKey((JSON.parse(labels) as string[]).join('\0')), ...within }
  }
}

function readGroup(blocks: Uint8Array[]): Map<number, ReadSamples[]> {
  const found = new Map<number, ReadSamples[]>()
  for (const data of blocks) {
    readBlock(
      data,
      (_id, part) => part === Part.samples,
      (id, _part, samples) => {
        const known = found.get(id)
        if (known) known.push(samples)
        else found.set(id, [samples])
      },
    )
  }
  return found
}

/** Samples of one series as the log has them, in order of writing. */
class Logged {
  #times: number[] = []
  #values: number[] = []
  #kinds: number[] = []
  #histograms: ReadSamples['histograms'] = null

  add(time: number, value: number, kind: number, histogram: NonNullable<ReadSamples['histograms']>[number]): void {
    if (histogram && !this.#histograms) this.#histograms = new Array(this.#times.length).fill(null)
    this.#times.push(time)
    this.#values.push(value)
    this.#kinds.push(kind)
    this.#histograms?.push(histogram)
  }

  samples(): ReadSamples {
    const one = {
      times: Float64Array.from(this.#times),
      values: Float64Array.from(this.#values),
      kinds: this.#kinds.some((kind) => kind !== 0) ? Uint8Array.from(this.#kinds) : null,
      histograms: this.#histograms,
    }
    // Late samples stand behind newer ones: each on its own, merging puts them in order.
    return one.times.every((time, i) => i === 0 || time > one.times[i - 1]) ? one : mergeSamples(single(one))
  }
}

function single(samples: ReadSamples): ReadSamples[] {
  return Array.from(samples.times, (_, i) => ({
    times: samples.times.subarray(i, i + 1),
    values: samples.values.subarray(i, i + 1),
    kinds: samples.kinds?.subarray(i, i + 1) ?? null,
    histograms: samples.histograms?.slice(i, i + 1) ?? null,
  }))
}

function readLog(db: Database.Database): Map<number, Logged> {
  const found = new Map<number, Logged>()
  for (const data of db.prepare('SELECT data FROM metric_log ORDER BY id').pluck().iterate() as Iterable<Uint8Array>) {
    readLogRow(data, (id, time, value, kind, histogram) => {
      let series = found.get(id)
      if (!series) {
        series = new Logged()
        found.set(id, series)
      }
      series.add(time, value, kind, histogram)
    })
  }
  return found
}

export function scanMetadata(db: Database.Database): MetricMetadata[] {
  return db.prepare('SELECT metric, type, unit, help FROM metric_metadata ORDER BY metric').all() as MetricMetadata[]
}

export function* scanExemplars(db: Database.Database): Generator<SeriesExemplars> {
  const rows = db
    .prepare(
      'SELECT s.labels AS series, e.time, e.value, e.labels FROM metric_exemplar e JOIN metric_series s ON s.id = e.series ORDER BY e.series, e.time, e.id',
    )
    .iterate() as Iterable<{ series: string; time: number; value: number; labels: string }>
  for (const { series, time, value, labels } of rows) {
    const exemplar = { time, value, labels: JSON.parse(labels) as [string, string][] }
    yield { series: labelsOfKey((JSON.parse(series) as string[]).join('\0')), exemplars: [exemplar] }
  }
}
