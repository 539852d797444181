import type { SeriesExemplars } from '../../../model/series.ts'
import { labelsOfKey, unpackKeys } from '../../../model/series-key.ts'
import type { PackedResult } from '../../metric-store.ts'
import {
  compareLabels,
  type ExemplarsQuery,
  SampleGatherer,
  type SamplesQuery,
} from '../../sqlite/metrics/read-samples.ts'
import type { Session } from '../session.ts'
import { byteaBytes, seriesHash } from './metric-tables.ts'

/** Chunks come in portions, so that what is too much is noticed early. */
const PORTION = 1000

/** Adds the chunks of the series that the head names. Runs in the reading thread. */
export async function readChunks(session: Session, query: SamplesQuery): Promise<PackedResult> {
  const gatherer = new SampleGatherer(query)
  const ids = new Map(unpackKeys(query.head.keys).map((key, i) => [seriesHash(key), query.head.ids[i]]))
  const [start, end] = [bound(Math.ceil(query.start)), bound(Math.floor(query.end))]
  const days = await session.rows<{ day: number }>(
    `SELECT day FROM ${session.schema}._metric_days WHERE start <= ${end} AND until >= ${start} ORDER BY 1`,
  )
  if (days.length === 0) return gatherer.finish()
  const sql = `SELECT series::text AS series, kind, data FROM ${session.schema}._metric_chunks
    WHERE day IN (${days.map(({ day }) => day).join(',')}) AND series = ANY($1::int8[])
    AND start <= ${end} AND until >= ${start} ORDER BY start, received`
  for await (const rows of session.stream<{ series: string; kind: number; data: string }>(
    sql,
    [[...ids.keys()]],
    () => PORTION,
  )) {
    for (const { series, kind, data } of rows) gatherer.add(kind, byteaBytes(data), ids.get(series))
  }
  return gatherer.finish()
}

function bound(ms: number): number {
  return Math.max(-9e15, Math.min(9e15, ms))
}

/** The exemplars of the series named, by series and time. */
export async function readExemplars(session: Session, query: ExemplarsQuery): Promise<SeriesExemplars[]> {
  const keys = new Map(query.keys.map((key) => [seriesHash(key), key]))
  const rows = await session.rows<{ series: string; time: number; value: number; labels: string }>(
    `SELECT series::text AS series, time, value, labels FROM ${session.schema}._metric_exemplars
     WHERE series = ANY($1::int8[]) AND time BETWEEN ${bound(Math.ceil(query.start))} AND ${bound(Math.floor(query.end))} ORDER BY time`,
    [[...keys.keys()]],
  )
  const found = new Map<string, SeriesExemplars>()
  for (const { series, time, value, labels } of rows) {
    let one = found.get(series)
    if (!one) {
      one = { series: labelsOfKey(keys.get(series) ?? ''), exemplars: [] }
      found.set(series, one)
    }
    one.exemplars.push({ time, value, labels: JSON.parse(labels) as [string, string][] })
  }
  return [...found.values()].sort((a, b) => compareLabels(a.series, b.series))
}
