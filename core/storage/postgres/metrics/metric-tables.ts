import { createHash } from 'node:crypto'
import type pg from 'pg'
import { GlassboxError } from '../../../base/errors.ts'
import { labelsOfKey } from '../../../model/series-key.ts'
import { TABLE_LOCK } from '../parts.ts'

/**
 * Metrics in Postgres. A series is named by a hash of its labels, the same on every host, so that none waits for another
 * and every key begins with what rows may be spread by. `_metric_log` holds what each host has received lately, one row a
 * flush; within the hour it moves into `_metric_chunks`, one row a series. `kind` of a chunk: 0 samples, 1 five-minute
 * aggregates. Times are ms; `day` is the UTC day on which the chunk was written, `_metric_days` says what times it holds and
 * how far its chunks are tidied: 0 as written, 1 merged, 2 aggregated.
 */
const tables = (unlogged: string): string => `
  CREATE TABLE IF NOT EXISTS SCHEMA._metric_series (id int8 PRIMARY KEY, n int8 GENERATED ALWAYS AS IDENTITY UNIQUE,
    key text NOT NULL, labels jsonb NOT NULL);
  CREATE INDEX IF NOT EXISTS _metric_series_labels ON SCHEMA._metric_series USING gin (labels jsonb_path_ops);
  CREATE TABLE IF NOT EXISTS SCHEMA._metric_metadata (metric text PRIMARY KEY, type text NOT NULL, unit text NOT NULL,
    help text NOT NULL);
  CREATE TABLE IF NOT EXISTS SCHEMA._metric_chunks (series int8 NOT NULL, day int4 NOT NULL, kind int2 NOT NULL,
    start int8 NOT NULL, until int8 NOT NULL, samples int4 NOT NULL, received int8 NOT NULL, data bytea NOT NULL)
    PARTITION BY LIST (day);
  CREATE TABLE IF NOT EXISTS SCHEMA._metric_days (day int4 PRIMARY KEY, start int8 NOT NULL, until int8 NOT NULL,
    tidied int2 NOT NULL DEFAULT 0);
  CREATE ${unlogged} TABLE IF NOT EXISTS SCHEMA._metric_log (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid uuid NOT NULL UNIQUE, host text NOT NULL, samples int4 NOT NULL, series int8[] NOT NULL, data bytea NOT NULL);
  CREATE INDEX IF NOT EXISTS _metric_log_host ON SCHEMA._metric_log (host, id);
  CREATE ${unlogged} TABLE IF NOT EXISTS SCHEMA._metric_exemplars (series int8 NOT NULL, time int8 NOT NULL,
    value float8 NOT NULL, labels text NOT NULL);
  CREATE INDEX IF NOT EXISTS _metric_exemplars_series ON SCHEMA._metric_exemplars (series, time);`

/** Within the transaction that makes the other tables. */
export async function ensureMetricTables(client: pg.ClientBase, schema: string, durable: boolean): Promise<void> {
  await client.query(tables(durable ? '' : 'UNLOGGED').replaceAll('SCHEMA', schema))
}

export function chunkPartition(day: number): string {
  return `_metric_chunks_${new Date(day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** Names a series by its labels, as int8 takes it. */
export function seriesHash(key: string): string {
  return createHash('sha1').update(key).digest().readBigInt64BE(0).toString()
}

/** Does the work unless what it reads is damaged: that costs its own samples only. @returns whether it was sound */
export function unlessDamaged(work: () => void): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
    return false
  }
}

/** Bytes as the driver gives them. */
export function byteaBytes(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex')
}

/** Makes the partition of a day's chunks. Within a transaction of the caller's. */
export async function ensureChunkDay(
  client: pg.ClientBase,
  schema: string,
  day: number,
  durable: boolean,
): Promise<void> {
  const name = chunkPartition(day)
  const there = async (): Promise<boolean> => {
    const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${name}`])
    return (rows[0] as { there: boolean }).there
  }
  if (await there()) return
  await client.query('SELECT pg_advisory_xact_lock($1)', [TABLE_LOCK])
  if (await there()) return
  await client.query(
    `CREATE ${durable ? '' : 'UNLOGGED'} TABLE ${schema}.${name} (LIKE ${schema}._metric_chunks INCLUDING DEFAULTS);
     CREATE INDEX ${name}_series ON ${schema}.${name} (series, start);
     ALTER TABLE ${schema}._metric_chunks ATTACH PARTITION ${schema}.${name} FOR VALUES IN (${day})`,
  )
}

/** Stores series that are not there yet. Keys are names and values of labels, parted by U+0000. */
export async function insertSeries(
  client: pg.ClientBase,
  schema: string,
  series: readonly { hash: string; key: string }[],
): Promise<void> {
  if (series.length === 0) return
  await client.query(
    `INSERT INTO ${schema}._metric_series (id, key, labels) SELECT * FROM unnest($1::int8[], $2::text[], $3::jsonb[])
     ON CONFLICT (id) DO NOTHING`,
    [
      series.map(({ hash }) => hash),
      series.map(({ key }) => JSON.stringify(key.toWellFormed().split('\0'))),
      series.map(({ key }) => JSON.stringify(Object.fromEntries(labelsOfKey(key.toWellFormed())))),
    ],
  )
}

/** One chunk on its way into the table. */
export interface NewChunk {
  series: string
  kind: 0 | 1
  start: number
  until: number
  samples: number
  received: number
  data: Uint8Array
}

export async function insertChunks(
  client: pg.ClientBase,
  schema: string,
  day: number,
  chunks: NewChunk[],
): Promise<void> {
  if (chunks.length === 0) return
  await client.query(
    `INSERT INTO ${schema}._metric_chunks (day, series, kind, start, until, samples, received, data)
     SELECT ${day}, * FROM unnest($1::int8[], $2::int2[], $3::int8[], $4::int8[], $5::int4[], $6::int8[], $7::bytea[])`,
    [
      chunks.map(({ series }) => series),
      chunks.map(({ kind }) => kind),
      chunks.map(({ start }) => start),
      chunks.map(({ until }) => until),
      chunks.map(({ samples }) => samples),
      chunks.map(({ received }) => received),
      chunks.map(({ data }) => `\\x${Buffer.from(data).toString('hex')}`),
    ],
  )
  const times = [Math.min(...chunks.map(({ start }) => start)), Math.max(...chunks.map(({ until }) => until))]
  await client.query(
    `INSERT INTO ${schema}._metric_days AS d (day, start, until) VALUES (${day}, $1, $2)
     ON CONFLICT (day) DO UPDATE SET start = least(d.start, excluded.start), until = greatest(d.until, excluded.until)`,
    times,
  )
}
