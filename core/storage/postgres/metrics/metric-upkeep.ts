import type pg from 'pg'
import { addAggregates } from '../../sqlite/metrics/downsample.ts'
import { mergeSamples } from '../../sqlite/metrics/merge-samples.ts'
import { BlockEncoder, Part, type ReadSamples, readBlock } from '../../sqlite/metrics/sample-block.ts'
import type { Lease } from '../lease.ts'
import { byteaBytes, chunkPartition, insertChunks, type NewChunk, unlessDamaged } from './metric-tables.ts'

const DAY_MS = 86_400_000
/** From this age on samples are kept as 5-minute aggregates only. */
const RAW_DAYS = 2
const SERIES_A_STEP = 500
const MOST_EXEMPLARS = 100_000

interface ChunkRow {
  series: string
  kind: 0 | 1
  start: number
  until: number
  received: number
  data: string
}

/**
 * Tidies one past day of chunks: one chunk a series, and from two days on 5-minute aggregates of what is that old. One
 * transaction, for the holder of the lease.
 * @returns whether there was a day to tidy
 */
export async function tidyChunks(client: pg.ClientBase, lease: Lease, nowMs: number): Promise<boolean> {
  const { schema } = lease
  const today = Math.floor(nowMs / DAY_MS)
  const { rows } = await client.query(
    `SELECT day, tidied FROM ${schema}._metric_days WHERE (tidied < 1 AND day < $1) OR (tidied < 2 AND day < $2) ORDER BY day LIMIT 1`,
    [today, today - RAW_DAYS],
  )
  const found = rows[0] as { day: number; tidied: number } | undefined
  if (!found) return false
  const { day } = found
  const aggregate = day < today - RAW_DAYS
  const before = nowMs - RAW_DAYS * DAY_MS
  await lease.guard(client, async () => {
    await client.query('SET LOCAL cursor_tuple_fraction = 1')
    await client.query(
      `DECLARE chunks NO SCROLL CURSOR FOR SELECT series::text AS series, kind, start, until, received, data
       FROM ${schema}.${chunkPartition(day)} ORDER BY series, start, received`,
    )
    const made: NewChunk[] = []
    let own: ChunkRow[] = []
    const finish = (): void => {
      if (own.length > 0) made.push(...tidied(own, aggregate ? before : Number.NEGATIVE_INFINITY))
      own = []
    }
    for (;;) {
      const fetched = (await client.query(`FETCH ${SERIES_A_STEP * 4} FROM chunks`)).rows as ChunkRow[]
      for (const row of fetched) {
        if (own.length > 0 && own[0].series !== row.series) finish()
        own.push(row)
      }
      if (fetched.length === 0) break
    }
    finish()
    await client.query(`TRUNCATE ${schema}.${chunkPartition(day)}`)
    for (let at = 0; at < made.length; at += SERIES_A_STEP)
      await insertChunks(client, schema, day, made.slice(at, at + SERIES_A_STEP))
    await client.query(`UPDATE ${schema}._metric_days SET tidied = $2 WHERE day = $1`, [day, aggregate ? 2 : 1])
  })
  return true
}

/** A chunk as it is. */
function chunkOf({ data, ...row }: ChunkRow): NewChunk {
  return { ...row, samples: 0, data: byteaBytes(data) }
}

/** The chunks of one series and day as one of samples and one of aggregates, of those that end before `before`, ms. */
function tidied(rows: ChunkRow[], before: number): NewChunk[] {
  const { series } = rows[0]
  const received = Math.max(...rows.map((row) => row.received))
  const kept = rows.filter(({ kind }) => kind === 1)
  const raw = rows.filter(({ kind, until }) => kind === 0 && until >= before)
  const old = rows.filter(({ kind, until }) => kind === 0 && until < before)
  const chunks = kept.map(chunkOf)
  const encode = (from: ChunkRow[], kind: 0 | 1): void => {
    const parts: ReadSamples[] = []
    for (const row of from) {
      const sound = unlessDamaged(() =>
        readBlock(
          byteaBytes(row.data),
          () => true,
          (_id, _part, samples) => parts.push(samples),
        ),
      )
      if (!sound) chunks.push(chunkOf(row))
    }
    if (parts.length === 0) return
    const encoder = new BlockEncoder()
    const merged = mergeSamples(parts)
    if (kind === 1) addAggregates(encoder, 0, merged)
    else encoder.add(0, Part.samples, merged)
    if (encoder.empty) return
    const { start, end: until, samples } = encoder
    chunks.push({ series, kind, start, until, samples, received, data: encoder.finish() })
  }
  encode(raw, 0)
  encode(old, 1)
  return chunks
}

/**
 * Drops the days of chunks that were written more than `days` ago and the series of which nothing is left; for the holder
 * of the lease.
 * @returns hashes of the series removed
 */
export async function removeOldMetrics(
  client: pg.ClientBase,
  lease: Lease,
  nowMs: number,
  days: number,
): Promise<Set<string>> {
  const { schema } = lease
  const before = nowMs - days * DAY_MS
  const { rows } = await client.query(`SELECT day FROM ${schema}._metric_days WHERE day < $1 ORDER BY 1`, [
    Math.floor(before / DAY_MS),
  ])
  await client.query(
    `DELETE FROM ${schema}._metric_exemplars WHERE time < $1 OR ctid = ANY(ARRAY(
       SELECT ctid FROM ${schema}._metric_exemplars ORDER BY time DESC OFFSET ${MOST_EXEMPLARS}))`,
    [Math.floor(before)],
  )
  if (rows.length === 0) return new Set()
  const gone = new Set<string>()
  await lease.guard(client, async () => {
    for (const { day } of rows as { day: number }[]) {
      await client.query(`DROP TABLE IF EXISTS ${schema}.${chunkPartition(day)}`)
      await client.query(`DELETE FROM ${schema}._metric_days WHERE day = $1`, [day])
    }
    const removed = await client.query(
      `DELETE FROM ${schema}._metric_series s WHERE NOT EXISTS (SELECT 1 FROM ${schema}._metric_chunks c WHERE c.series = s.id)
       AND NOT EXISTS (SELECT 1 FROM ${schema}._metric_log l WHERE s.id = ANY(l.series)) RETURNING id::text AS id`,
    )
    for (const { id } of removed.rows as { id: string }[]) gone.add(id)
  })
  return gone
}
