import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { LogBatch, ResourceEntry, ScopeEntry, SpanBatch } from '../../model/columns.ts'
import { encodeLogs, encodeSpans, entryId, LOG_COPY, resourceRow, SPAN_COPY, scopeRow } from './encode-rows.ts'
import { dayOf } from './schema.ts'

/** What one write brings; `id` names it for good, so that a write whose answer was lost is found again. */
export interface PendingWrite {
  id: string
  spans: SpanBatch[]
  logs: LogBatch[]
}

/** NOTIFY channel; the payload is the number of the write, never telemetry. */
export const CHANGES_CHANNEL = 'glassbox_changes'

/** Resources and scopes that are known to be in the database. */
export class KnownEntries {
  #ids = new Set<number>()

  /** Stores what is new; in statements of their own, so that hosts never wait for each other's writes. */
  async store(client: pg.ClientBase, schema: string, resources: ResourceEntry[], scopes: ScopeEntry[]): Promise<void> {
    const fresh = <T extends ResourceEntry | ScopeEntry>(entries: T[]): T[] => {
      const seen = new Map<number, T>()
      for (const entry of entries) {
        const id = entryId(entry)
        if (!this.#ids.has(id)) seen.set(id, entry)
      }
      return [...seen.values()]
    }
    const insert = async (table: string, columns: string, types: string[], rows: unknown[][]): Promise<void> => {
      if (rows.length === 0) return
      const arrays = types.map((_, column) => rows.map((row) => row[column]))
      await client.query(
        `INSERT INTO ${schema}.${table} (${columns}) SELECT * FROM unnest(${types.map((type, i) => `$${i + 1}::${type}[]`).join(', ')}) ON CONFLICT (id) DO NOTHING`,
        arrays,
      )
      for (const row of rows) this.#ids.add(row[0] as number)
    }
    const base = ['int8', 'text', 'int8', 'text', 'text']
    await insert(
      '_resources',
      'id, attributes, dropped, schema_url, service, plain',
      [...base, 'jsonb'],
      fresh(resources).map(resourceRow),
    )
    await insert(
      '_scopes',
      'id, attributes, dropped, schema_url, name, version',
      [...base, 'text'],
      fresh(scopes).map(scopeRow),
    )
  }

  /** The tables may be other ones now. */
  forget(): void {
    this.#ids.clear()
  }
}

async function copy(client: pg.ClientBase, sql: string, parts: Iterable<string>): Promise<void> {
  const stream = client.query(copyFrom(sql)) as NodeJS.WritableStream & { destroy(error?: Error): void }
  const done = new Promise<void>((resolve, reject) => {
    stream.once('finish', () => resolve())
    stream.once('error', reject)
  })
  // Watched from now on: a failure may come before it is awaited.
  done.catch(() => undefined)
  for (const part of parts) {
    if (!stream.write(part)) await Promise.race([once(stream, 'drain'), done])
  }
  stream.end()
  await done
}

interface Tally {
  day: number
  signal: 'traces' | 'logs'
  rows: number
  min: number
  max: number
}

function tally(tallies: Map<string, Tally>, batch: SpanBatch | LogBatch): void {
  if (batch.n === 0) return
  const day = dayOf(batch.receivedUs)
  const times = batch.signal === 'traces' ? batch.startUs : batch.timeUs
  const key = `${batch.signal} ${day}`
  const one = tallies.get(key) ?? { day, signal: batch.signal, rows: 0, min: times[0], max: times[0] }
  one.rows += batch.n
  for (let row = 0; row < batch.n; row++) {
    if (times[row] < one.min) one.min = times[row]
    if (times[row] > one.max) one.max = times[row]
  }
  tallies.set(key, one)
}

function* lines<B extends { n: number }>(
  batches: B[],
  seq: number,
  host: string,
  encode: (batch: B, context: { seq: number; host: string; firstOrdinal: number }) => string,
): Generator<string> {
  let firstOrdinal = 0
  for (const batch of batches) {
    yield encode(batch, { seq, host, firstOrdinal })
    firstOrdinal += batch.n
  }
}

/**
 * Writes in one transaction: rows, their count by day, the write's own row and the notice to other hosts.
 * @returns the number of the write; when a write of this id is there already, the number it has and nothing else done
 */
export async function writeTransaction(
  client: pg.ClientBase,
  context: { schema: string; host: string; known: KnownEntries; retried: boolean },
  write: PendingWrite,
  /** What else the transaction does, given the number of the write. */
  alongside: (seq: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const { schema, host, known } = context
  const { spans, logs } = write
  if (context.retried) {
    const { rows } = await client.query(`SELECT seq FROM ${schema}._writes WHERE id = $1`, [write.id])
    if (rows.length > 0) return (rows[0] as { seq: number }).seq
  }
  const batches = [...spans, ...logs]
  await known.store(
    client,
    schema,
    batches.flatMap((batch) => batch.resources),
    batches.flatMap((batch) => batch.scopes),
  )
  const sum = (list: { n: number }[]): number => list.reduce((total, batch) => total + batch.n, 0)
  const tallies = new Map<string, Tally>()
  for (const batch of batches) tally(tallies, batch)
  const counted = [...tallies.values()].sort((a, b) => a.day - b.day || (a.signal < b.signal ? -1 : 1))
  try {
    await client.query('BEGIN')
    const { rows } = await client.query(
      `INSERT INTO ${schema}._writes (seq, id, spans, logs) VALUES (nextval('${schema}._write_seq'), $1, $2, $3) RETURNING seq`,
      [write.id, sum(spans), sum(logs)],
    )
    const { seq } = rows[0] as { seq: number }
    if (spans.length > 0) {
      await copy(client, `COPY ${schema}._traces (${SPAN_COPY}) FROM STDIN`, lines(spans, seq, host, encodeSpans))
    }
    if (logs.length > 0) {
      await copy(client, `COPY ${schema}._logs (${LOG_COPY}) FROM STDIN`, lines(logs, seq, host, encodeLogs))
    }
    if (counted.length > 0) {
      await client.query(
        `INSERT INTO ${schema}._stored AS s (host, day, signal, rows, min_time, max_time)
         SELECT $1, * FROM unnest($2::int4[], $3::text[], $4::int8[], $5::int8[], $6::int8[])
         ON CONFLICT (host, day, signal) DO UPDATE SET rows = s.rows + excluded.rows,
           min_time = least(s.min_time, excluded.min_time), max_time = greatest(s.max_time, excluded.max_time)`,
        [
          host,
          counted.map(({ day }) => day),
          counted.map(({ signal }) => signal),
          counted.map((one) => one.rows),
          counted.map(({ min }) => String(min)),
          counted.map(({ max }) => String(max)),
        ],
      )
    }
    await alongside(seq)
    await client.query(`SELECT pg_notify('${CHANGES_CHANNEL}', $1)`, [String(seq)])
    await client.query('COMMIT')
    return seq
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
