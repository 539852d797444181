import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import { SampleKind } from '../../../model/series.ts'
import { labelsOfKey } from '../../../model/series-key.ts'
import type { QueryGuard } from '../read/query-guard.ts'
import { HeadSeries } from './head-series.ts'
import { clip, mergeSamples } from './merge-samples.ts'
import { Part, type ReadSamples, readBlock } from './sample-block.ts'
import { readLogRow } from './sample-log.ts'
import type { MetricBounds } from './sql-bounds.ts'
import { DAMAGED, GROUP_BITS } from './tables.ts'

/** Columns of `_metrics`: `time` in µs; of a native histogram `value` is null and `histogram` JSON. */
export const METRIC_COLUMNS = ['metric', 'labels', 'time', 'value', 'type', 'histogram'] as const

export type MetricRow = [string, string, number, number | null, string | null, string | null]

/** What is the same in all rows of a series. */
export interface NamedSeries {
  metric: string
  labels: string
  type: string | null
}

const CHECK_EVERY = 4096
/** Of a classic histogram or summary, whose metadata stand under the name without them. */
const SUFFIX = /_(bucket|sum|count)$/

/**
 * The samples within `bounds` as rows, series by series in order of time: blocks and what the log holds. Beyond two days
 * that is the last sample of each five minutes. Stale markers are no rows.
 */
export function* metricRows(db: Database.Database, guard: QueryGuard, bounds: MetricBounds): Generator<MetricRow> {
  const series = seriesIn(db, bounds)
  if (series.size === 0) return
  const recent = recentSamples(db, guard, bounds, series)
  const blocks = db.prepare(
    'SELECT kind, data FROM metric_block WHERE grp = ? AND start <= ? AND end >= ? ORDER BY start, id',
  )
  const { startMs, endMs } = bounds
  let rows = 0
  for (const group of new Set([...series.keys()].map((id) => id >>> GROUP_BITS))) {
    guard.check()
    const parts = new Map<number, ReadSamples[]>()
    const add = (id: number, samples: ReadSamples): void => {
      const clipped = clip(samples, startMs, endMs)
      if (!clipped) return
      const known = parts.get(id)
      if (known) known.push(clipped)
      else parts.set(id, [clipped])
    }
    for (const { kind, data } of blocks.iterate(group, endMs, startMs) as Iterable<{ kind: number; data: Uint8Array }>)
      if (kind !== DAMAGED)
        withoutDamaged(() =>
          readBlock(
            data,
            (id, part) => part === Part.samples && series.has(id),
            (id, _part, samples) => add(id, samples),
          ),
        )
    for (let id = group << GROUP_BITS; id < (group + 1) << GROUP_BITS; id++) {
      const head = recent.get(id)
      if (head) add(id, readable(head))
    }
    for (const [id, list] of parts) {
      for (const row of rowsOfSeries(series.get(id) as NamedSeries, mergeSamples(list))) {
        if (++rows % CHECK_EVERY === 0) guard.check()
        yield row
      }
    }
  }
}

/** The samples of a series as rows, without stale markers. */
export function* rowsOfSeries({ metric, labels, type }: NamedSeries, samples: ReadSamples): Generator<MetricRow> {
  const { times, values, kinds, histograms } = samples
  for (let i = 0; i < times.length; i++) {
    const kind = kinds?.[i] ?? SampleKind.float
    if (kind === SampleKind.stale) continue
    const histogram = kind === SampleKind.histogram ? JSON.stringify(histograms?.[i] ?? null) : null
    yield [metric, labels, times[i] * 1000, histogram === null ? values[i] : null, type, histogram]
  }
}

/** @param types of metrics, by name */
export function namedSeries(key: string, types: ReadonlyMap<string, string>): NamedSeries {
  const all = labelsOfKey(key)
  const metric = all.find(([name]) => name === '__name__')?.[1] ?? ''
  return {
    metric,
    labels: JSON.stringify(Object.fromEntries(all.filter(([name]) => name !== '__name__'))),
    type: types.get(metric) ?? types.get(metric.replace(SUFFIX, '')) ?? null,
  }
}

function seriesIn(db: Database.Database, { metrics }: MetricBounds): Map<number, NamedSeries> {
  const wanted = metrics && new Set(metrics)
  const types = new Map(db.prepare('SELECT metric, type FROM metric_metadata').raw().all() as [string, string][])
  const found = new Map<number, NamedSeries>()
  for (const { id, labels } of db.prepare('SELECT id, labels FROM metric_series').iterate() as Iterable<{
    id: number
    labels: string
  }>) {
    const named = namedSeries((JSON.parse(labels) as string[]).join('\0'), types)
    if (!wanted || wanted.has(named.metric)) found.set(id, named)
  }
  return found
}

/** What is not in blocks yet, by series, in order of time. */
function recentSamples(
  db: Database.Database,
  guard: QueryGuard,
  { startMs, endMs }: MetricBounds,
  series: ReadonlyMap<number, unknown>,
): Map<number, HeadSeries> {
  const recent = new Map<number, HeadSeries>()
  for (const { data } of db.prepare('SELECT data FROM metric_log ORDER BY id').iterate() as Iterable<{
    data: Uint8Array
  }>) {
    guard.check()
    const take: Parameters<typeof readLogRow>[1] = (id, time, value, kind, histogram) => {
      if (time < startMs || time > endMs || !series.has(id)) return
      let head = recent.get(id)
      if (!head) {
        head = new HeadSeries(id)
        recent.set(id, head)
      }
      head.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
    }
    withoutDamaged(() => readLogRow(data, take))
  }
  return recent
}

/** What is damaged is left out; the writer finds it, too, and says so. */
function withoutDamaged(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
  }
}

function readable({ times, values, kinds, histograms }: HeadSeries): ReadSamples {
  return {
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    kinds: kinds && Uint8Array.from(kinds),
    histograms: histograms && [...histograms],
  }
}
