import type pg from 'pg'
import type { MetricMetadata, SeriesExemplars, SeriesSamples } from '../../../model/series.ts'
import { labelsOfKey } from '../../../model/series-key.ts'
import { HeadSeries } from '../../sqlite/metrics/head-series.ts'
import { clip, mergeSamples } from '../../sqlite/metrics/merge-samples.ts'
import { Part, type ReadSamples, readBlock } from '../../sqlite/metrics/sample-block.ts'
import { readLogRow } from '../../sqlite/metrics/sample-log.ts'
import { byteaBytes, unlessDamaged } from './metric-tables.ts'

const SERIES_A_STEP = 500

/**
 * Every series of all hosts with its samples within the range (ms, both ends inclusive), for backups and moves. The logs
 * are read first and chunks after them: a sample that moves meanwhile is met twice and merged once. What a host has in
 * memory only is not seen; it is flushed every half second.
 */
export async function* scanSamples(
  client: pg.ClientBase,
  schema: string,
  start: number,
  end: number,
): AsyncGenerator<SeriesSamples> {
  const recent = await readLogs(client, schema)
  let last = 0
  for (;;) {
    const { rows } = await client.query(
      `SELECT id::text AS id, n, key FROM ${schema}._metric_series WHERE n > $1 ORDER BY n LIMIT ${SERIES_A_STEP}`,
      [last],
    )
    const series = rows as { id: string; n: number; key: string }[]
    if (series.length === 0) return
    last = series[series.length - 1].n
    const stored = await readStored(
      client,
      schema,
      series.map(({ id }) => id),
      start,
      end,
    )
    for (const { id, key } of series) {
      const parts = [...(stored.get(id) ?? []), ...(recent.get(id) ?? []).map(columns)]
      const within = parts.length > 0 ? clip(mergeSamples(parts), start, end) : null
      if (within) yield { labels: labelsOfKey((JSON.parse(key) as string[]).join('\0')), ...within }
    }
  }
}

/** By series, what each host has in its log. */
async function readLogs(client: pg.ClientBase, schema: string): Promise<Map<string, HeadSeries[]>> {
  const byHost = new Map<string, HeadSeries>()
  const found = new Map<string, HeadSeries[]>()
  const { rows } = await client.query(`SELECT host, series, data FROM ${schema}._metric_log ORDER BY id`)
  for (const { host, series, data } of rows as { host: string; series: string; data: string }[]) {
    const ids = series.slice(1, -1).split(',')
    unlessDamaged(() =>
      readLogRow(byteaBytes(data), (index, time, value, kind, histogram) => {
        const key = `${host} ${ids[index]}`
        let one = byHost.get(key)
        if (!one) {
          one = new HeadSeries(0)
          byHost.set(key, one)
          found.set(ids[index], [...(found.get(ids[index]) ?? []), one])
        }
        one.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
      }),
    )
  }
  return found
}

function columns({ times, values, kinds, histograms }: HeadSeries): ReadSamples {
  return {
    times: Float64Array.from(times),
    values: Float64Array.from(values),
    kinds: kinds && Uint8Array.from(kinds),
    histograms,
  }
}

async function readStored(
  client: pg.ClientBase,
  schema: string,
  ids: string[],
  start: number,
  end: number,
): Promise<Map<string, ReadSamples[]>> {
  const found = new Map<string, ReadSamples[]>()
  const { rows } = await client.query(
    `SELECT series::text AS series, data FROM ${schema}._metric_chunks
     WHERE series = ANY($1::int8[]) AND start <= $2 AND until >= $3 ORDER BY start, received`,
    [ids, Math.floor(end), Math.ceil(start)],
  )
  for (const { series, data } of rows as { series: string; data: string }[]) {
    unlessDamaged(() =>
      readBlock(
        byteaBytes(data),
        (_id, part) => part === Part.samples,
        (_id, _part, samples) => {
          const known = found.get(series)
          if (known) known.push(samples)
          else found.set(series, [samples])
        },
      ),
    )
  }
  return found
}

export async function scanMetadata(client: pg.ClientBase, schema: string): Promise<MetricMetadata[]> {
  const { rows } = await client.query(
    `SELECT metric, type, unit, help FROM ${schema}._metric_metadata ORDER BY metric COLLATE "C"`,
  )
  return rows as MetricMetadata[]
}

export async function* scanExemplars(client: pg.ClientBase, schema: string): AsyncGenerator<SeriesExemplars> {
  const { rows } = await client.query(
    `SELECT s.key, e.time, e.value, e.labels FROM ${schema}._metric_exemplars e
     JOIN ${schema}._metric_series s ON s.id = e.series ORDER BY s.n, e.time`,
  )
  for (const { key, time, value, labels } of rows as { key: string; time: number; value: number; labels: string }[]) {
    const exemplar = { time, value, labels: JSON.parse(labels) as [string, string][] }
    yield { series: labelsOfKey((JSON.parse(key) as string[]).join('\0')), exemplars: [exemplar] }
  }
}
