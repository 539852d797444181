import type pg from 'pg'
import type { MetricMetadata } from '../../../model/series.ts'
import { mergeDaySums } from '../../content-sum.ts'
import {
  METRIC_SCAN_SAMPLES,
  type MetricExtras,
  type MetricScanPart,
  type MetricScanRequest,
  type MetricStep,
  type MovedSamples,
} from '../../metric-move.ts'
import { byDay, metricSums } from '../../metric-sum.ts'
import { HeadSeries } from '../../sqlite/metrics/head-series.ts'
import { clip, mergeSamples } from '../../sqlite/metrics/merge-samples.ts'
import { BlockEncoder, Part, type ReadSamples, readBlock } from '../../sqlite/metrics/sample-block.ts'
import { readLogRow } from '../../sqlite/metrics/sample-log.ts'
import type { Session } from '../session.ts'
import { byteaBytes, type NewChunk, seriesHash, unlessDamaged } from './metric-tables.ts'

const SERIES_A_STEP = 500
const DAY_MS = 86_400_000
/** Row of `_meta` that counts moves: other hosts read the times of all series again when it changes. */
const MOVES = 'metric_moves'

const nameOf = ({ move, step }: MetricStep): string => `metrics:${move}:${step}`

/** Where the chunks and logs end now. @param received of the newest chunk that this host made, ms */
export async function readMark(client: pg.ClientBase, schema: string, received: number): Promise<string> {
  const { rows } = await client.query(`SELECT coalesce(max(id), 0) AS log FROM ${schema}._metric_log`)
  return JSON.stringify({ received, log: (rows[0] as { log: number }).log })
}

interface Wanted {
  chunks: string
  logs: string | null
}

/** Which chunks and rows of the logs a scan is about. */
async function wantedOf(session: Session, { from, brought }: MetricScanRequest): Promise<Wanted> {
  if (brought !== null) {
    const stamp = await stepStamp(session, brought)
    return { chunks: stamp === null ? 'false' : `received = ${stamp} AND day = ${dayOf(stamp)}`, logs: null }
  }
  if (from === null) return { chunks: 'true', logs: 'true' }
  const { received, log } = JSON.parse(from) as { received: number; log: number }
  return {
    chunks: `received > ${Math.floor(received)} AND day >= ${dayOf(received)}`,
    logs: `id > ${Math.floor(log)}`,
  }
}

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS)

async function stepStamp(session: Session, step: MetricStep): Promise<number | null> {
  const rows = await session.rows<{ place: string }>(`SELECT place FROM ${session.schema}._moves WHERE move = $1`, [
    nameOf(step),
  ])
  return rows.length === 0 ? null : (JSON.parse(rows[0].place) as { stamp: number }).stamp
}

/** Reads series by series: their chunks, and what hosts have in their logs. Damaged chunks are passed over. */
export async function scanMoved(session: Session, request: MetricScanRequest): Promise<MetricScanPart> {
  const { schema } = session
  const wanted = await wantedOf(session, request)
  const part: MetricScanPart = { samples: [], sums: [], cursor: request.after ?? '0', done: false }
  for (let count = 0; count < METRIC_SCAN_SAMPLES; ) {
    const series = await session.rows<{ id: string; n: number; key: string }>(
      `SELECT id::text AS id, n, key FROM ${schema}._metric_series WHERE n > $1 ORDER BY n LIMIT ${SERIES_A_STEP}`,
      [Number(part.cursor)],
    )
    if (series.length === 0) return { ...part, done: true }
    const ids = series.map(({ id }) => id)
    const found = new Map<string, Gathered>()
    await readStored(session, wanted.chunks, ids, found)
    if (wanted.logs !== null) await readLogged(session, wanted.logs, ids, found)
    const keys = new Map(series.map(({ id, key }) => [id, (JSON.parse(key) as string[]).join('\0')]))
    const samples = [...found.values()].flatMap((one) => samplesOf(one, keys.get(one.id) ?? '', request.since))
    count += samples.reduce((sum, { times }) => sum + times.length, 0)
    part.sums = mergeDaySums(part.sums, metricSums(samples))
    if (!request.sumsOnly) part.samples.push(...samples)
    part.cursor = String(series[series.length - 1].n)
  }
  return part
}

/** What was found of a series. */
export interface Gathered {
  id: string
  kind: 0 | 1
  part: Part
  parts: ReadSamples[]
  received: number
}

function gather(found: Map<string, Gathered>, one: Omit<Gathered, 'parts'>, samples: ReadSamples): void {
  const name = `${one.id} ${one.kind} ${one.part}`
  const known = found.get(name) ?? { ...one, parts: [] }
  found.set(name, known)
  known.parts.push(samples)
  known.received = Math.max(known.received, one.received)
}

function samplesOf({ kind, part, parts, received }: Gathered, key: string, since: number | null): MovedSamples[] {
  const merged = mergeSamples(parts)
  const kept = since === null ? merged : clip(merged, since, Number.MAX_SAFE_INTEGER - 1)
  return kept ? byDay({ key, kind, part, received, ...kept }) : []
}

/** Adds what the chunks of these series hold; `wanted` is a condition on them. */
export async function readStored(
  session: Session,
  wanted: string,
  ids: string[],
  found: Map<string, Gathered>,
): Promise<void> {
  const sql = `SELECT series::text AS series, kind, received, data FROM ${session.schema}._metric_chunks
    WHERE series = ANY($1::int8[]) AND ${wanted} ORDER BY series, start, received`
  const rows = session.stream<{ series: string; kind: 0 | 1; received: number; data: string }>(sql, [ids], () => 1000)
  for await (const batch of rows) {
    for (const { series: id, kind, received, data } of batch) {
      unlessDamaged(() =>
        readBlock(
          byteaBytes(data),
          () => true,
          (_id, part, samples) => gather(found, { id, kind, part, received }, samples),
        ),
      )
    }
  }
}

/** Adds what hosts have in their logs of these series; `wanted` is a condition on its rows. */
export async function readLogged(
  session: Session,
  wanted: string,
  ids: string[],
  found: Map<string, Gathered>,
): Promise<void> {
  const own = new Set(ids)
  const logged = new Map<string, HeadSeries>()
  const sql = `SELECT series, data FROM ${session.schema}._metric_log WHERE series && $1::int8[] AND ${wanted} ORDER BY id`
  for await (const rows of session.stream<{ series: string; data: string }>(sql, [ids], () => 100)) {
    for (const { series, data } of rows) {
      const names = series.slice(1, -1).split(',')
      unlessDamaged(() =>
        readLogRow(byteaBytes(data), (index, time, value, kind, histogram) => {
          const id = names[index]
          if (!own.has(id)) return
          const one = logged.get(id) ?? new HeadSeries(0)
          logged.set(id, one)
          one.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
        }),
      )
    }
  }
  for (const [id, { times, values, kinds, histograms }] of logged) {
    const samples = {
      times: Float64Array.from(times),
      values: Float64Array.from(values),
      kinds: kinds && Uint8Array.from(kinds),
      histograms,
    }
    gather(found, { id, kind: 0, part: Part.samples, received: 0 }, samples)
  }
}

export async function scanExtras(session: Session): Promise<MetricExtras> {
  const { schema } = session
  const metadata = await session.rows<MetricMetadata>(
    `SELECT metric, type, unit, help FROM ${schema}._metric_metadata ORDER BY metric COLLATE "C"`,
  )
  const rows = await session.rows<{ key: string; time: number; value: number; labels: string }>(
    `SELECT s.key, e.time, e.value, e.labels FROM ${schema}._metric_exemplars e JOIN ${schema}._metric_series s ON s.id = e.series`,
  )
  const exemplars = rows.map(({ key, time, value, labels }) => ({
    key: (JSON.parse(key) as string[]).join('\0'),
    exemplar: { time, value, labels: JSON.parse(labels) as [string, string][] },
  }))
  return { metadata, exemplars }
}

/**
 * The mark that a step's chunks carry as their time of receipt; made at its first write.
 * @param stamp for a new step; no chunk may have it yet
 */
export async function noteStep(
  client: pg.ClientBase,
  schema: string,
  step: MetricStep,
  stamp: number,
): Promise<number> {
  const { rows } = await client.query(
    `INSERT INTO ${schema}._moves AS m VALUES ($1, $2) ON CONFLICT (move) DO UPDATE SET place = m.place RETURNING place`,
    [nameOf(step), JSON.stringify({ stamp })],
  )
  return (JSON.parse((rows[0] as { place: string }).place) as { stamp: number }).stamp
}

/** One chunk a series, kind and day. */
export function movedChunks(samples: readonly MovedSamples[], received: number): NewChunk[] {
  const chunks = new Map<string, { key: string; kind: 0 | 1; encoder: BlockEncoder }>()
  for (const one of samples) {
    const name = `${one.kind} ${dayOf(one.times[0])} ${one.key}`
    const chunk = chunks.get(name) ?? { key: one.key, kind: one.kind, encoder: new BlockEncoder() }
    chunks.set(name, chunk)
    chunk.encoder.add(0, one.part, one)
  }
  return [...chunks.values()].map(({ key, kind, encoder }) => {
    const { start, end: until, samples: count } = encoder
    return { series: seriesHash(key), kind, start, until, samples: count, received, data: encoder.finish() }
  })
}

export async function writeExtras(
  client: pg.ClientBase,
  schema: string,
  { metadata, exemplars }: MetricExtras,
): Promise<void> {
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed()
  const columns = (['metric', 'type', 'unit', 'help'] as const).map((name) => metadata.map((one) => clean(one[name])))
  await client.query(
    `INSERT INTO ${schema}._metric_metadata SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING`,
    columns,
  )
  await client.query(
    `INSERT INTO ${schema}._metric_exemplars (series, time, value, labels)
     SELECT * FROM unnest($1::int8[], $2::int8[], $3::float8[], $4::text[])
     EXCEPT SELECT series, time, value, labels FROM ${schema}._metric_exemplars`,
    [
      exemplars.map(({ key }) => seriesHash(key)),
      exemplars.map(({ exemplar }) => Math.round(exemplar.time)),
      exemplars.map(({ exemplar }) => exemplar.value),
      exemplars.map(({ exemplar }) => JSON.stringify(exemplar.labels)),
    ],
  )
}

/**
 * Forgets the notes of a move's steps; with `undo` what they brought goes, and series of which nothing is left.
 * @returns hashes of the series removed
 */
export async function endMetricMove(
  client: pg.ClientBase,
  schema: string,
  move: string,
  undo: boolean,
): Promise<Set<string>> {
  const gone = new Set<string>()
  await client.query('BEGIN')
  try {
    const { rows } = await client.query(`DELETE FROM ${schema}._moves WHERE starts_with(move, $1) RETURNING place`, [
      `metrics:${move}:`,
    ])
    const stamps = (rows as { place: string }[]).map(({ place }) => (JSON.parse(place) as { stamp: number }).stamp)
    if (undo && stamps.length > 0) {
      const removed = await client.query(
        `WITH brought AS (DELETE FROM ${schema}._metric_chunks WHERE received = ANY($1::int8[]) AND day = ANY($2::int4[])
           RETURNING series)
         DELETE FROM ${schema}._metric_series s WHERE id IN (SELECT series FROM brought)
           AND NOT EXISTS (SELECT 1 FROM ${schema}._metric_chunks c WHERE c.series = s.id AND NOT received = ANY($1::int8[]))
           AND NOT EXISTS (SELECT 1 FROM ${schema}._metric_log l WHERE s.id = ANY(l.series)) RETURNING id::text AS id`,
        [stamps, stamps.map(dayOf)],
      )
      for (const { id } of removed.rows as { id: string }[]) gone.add(id)
    } else if (stamps.length > 0) {
      await client.query(
        `INSERT INTO ${schema}._meta AS m VALUES ('${MOVES}', '1') ON CONFLICT (key) DO UPDATE SET value = (m.value::int8 + 1)::text`,
      )
    }
    await client.query('COMMIT')
    return gone
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** How many moves have brought metrics so far. */
export async function countMoves(client: pg.ClientBase, schema: string): Promise<number> {
  const { rows } = await client.query(`SELECT value FROM ${schema}._meta WHERE key = '${MOVES}'`)
  return Number((rows[0] as { value: string } | undefined)?.value ?? 0)
}
