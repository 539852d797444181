import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { LogBatch, ResourceEntry, ScopeEntry, SpanBatch } from '../../model/columns.ts'
import {
  EXTENT_COPY,
  encodeExtents,
  encodeLogs,
  encodeSpans,
  entryId,
  LOG_COPY,
  resourceRow,
  SPAN_COPY,
  scopeRow,
} from './encode-rows.ts'
import { traceExtents } from './trace-extents.ts'

/** What one write brings; `id` names it for good, so that a write whose answer was lost is found again. */
export interface PendingWrite {
  id: string
  spans: SpanBatch[]
  logs: LogBatch[]
}

/** NOTIFY channel; the payload is the number of the write, never telemetry. */
export const changesChannel = (schema: string): string => `${schema}_changes`

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

async function copy(client: pg.ClientBase, table: string, list: string, chunks: Iterable<Buffer>): Promise<void> {
  const stream = client.query(
    copyFrom(`COPY ${table} (${list}) FROM STDIN (FORMAT binary)`),
  ) as NodeJS.WritableStream & {
    destroy(error?: Error): void
  }
  const done = new Promise<void>((resolve, reject) => {
    stream.once('finish', () => resolve())
    stream.once('error', reject)
  })
  // Watched from now on: a failure may come before it is awaited.
  done.catch(() => undefined)
  // The server works on one chunk while the next is encoded.
  for (const chunk of chunks) {
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), done])
  }
  stream.end()
  await done
}

/** Rows of one part (and of one resource): how many, how many failed, and their times. */
interface Tally {
  part: number
  signal: 'traces' | 'logs'
  resource: number
  rows: number
  errors: number
  min: number
  max: number
}

function tally(tallies: Map<string, Tally>, batch: SpanBatch | LogBatch, part: number): void {
  const { signal } = batch
  const times = signal === 'traces' ? batch.startUs : batch.timeUs
  const status = signal === 'traces' ? batch.status : null
  const byResource = batch.resources.map((entry) => {
    const resource = entryId(entry)
    const key = `${signal} ${part} ${resource}`
    const one = tallies.get(key) ?? { part, signal, resource, rows: 0, errors: 0, min: Infinity, max: -Infinity }
    tallies.set(key, one)
    return one
  })
  for (let row = 0; row < batch.n; row++) {
    const one = byResource[batch.resource[row]]
    one.rows++
    if (status !== null && status[row] === 2) one.errors++
    if (times[row] < one.min) one.min = times[row]
    if (times[row] > one.max) one.max = times[row]
  }
}

/** The same by part alone, in an order in which hosts never wait for each other in a circle. */
function byPart(tallies: Tally[]): Tally[] {
  const sums = new Map<string, Tally>()
  for (const one of tallies) {
    const key = `${one.part} ${one.signal}`
    const sum = sums.get(key)
    if (!sum) sums.set(key, { ...one })
    else {
      sum.rows += one.rows
      sum.min = Math.min(sum.min, one.min)
      sum.max = Math.max(sum.max, one.max)
    }
  }
  return [...sums.values()].sort((a, b) => a.part - b.part || (a.signal < b.signal ? -1 : 1))
}

/**
 * Writes in one transaction: rows, their extents and counts, the write's own row and the notice to other hosts. Begin and
 * end are one message each: on small writes the way to the server and back is what costs.
 * @returns the number of the write; when a write of this id is there already, the number it has and nothing else done
 */
export async function writeTransaction(
  client: pg.ClientBase,
  context: {
    schema: string
    host: string
    known: KnownEntries
    retried: boolean
    /** By time of receipt, the part that takes rows now. */
    partOf(receivedUs: number): number
  },
  write: PendingWrite,
  /** What else the transaction does, given the number of the write. */
  alongside: (seq: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const { schema, host, known, partOf } = context
  const { spans, logs, id } = write
  if (context.retried) {
    const { rows } = await client.query(`SELECT seq FROM ${schema}._writes WHERE id = $1`, [id])
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
  const found = new Map<string, Tally>()
  for (const batch of batches) tally(found, batch, partOf(batch.receivedUs))
  const tallies = [...found.values()].filter(({ rows }) => rows > 0)
  const parts = [...new Set(tallies.map(({ part }) => part))]
  try {
    // Only numbers and what we made ourselves stand in these texts.
    const begun = (await client.query(
      `BEGIN; INSERT INTO ${schema}._writes (seq, id, spans, logs, parts) VALUES (nextval('${schema}._write_seq'), '${id}', ${sum(spans)}, ${sum(logs)}, '{${parts.join(',')}}') RETURNING seq`,
    )) as unknown as pg.QueryResult[]
    const { seq } = begun[1].rows[0] as { seq: number }
    const row = { seq, host: Number.parseInt(host, 16), partOf }
    if (spans.length > 0) {
      const extents = traceExtents(spans)
      await copy(client, `${schema}._traces`, SPAN_COPY.list, encodeSpans(spans, row, extents))
      await copy(client, `${schema}._extents`, EXTENT_COPY.list, encodeExtents(extents, spans, row))
    }
    if (logs.length > 0) await copy(client, `${schema}._logs`, LOG_COPY.list, encodeLogs(logs, row))
    await alongside(seq)
    await client.query(`${countsSql(schema, host, seq, tallies)}NOTIFY ${changesChannel(schema)}, '${seq}'; COMMIT`)
    return seq
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

function countsSql(schema: string, host: string, seq: number, tallies: Tally[]): string {
  if (tallies.length === 0) return ''
  const counts = tallies.map(
    ({ signal, part, resource, rows, errors, min, max }) =>
      `('${signal}', ${part}, ${seq}, ${resource}, ${rows}, ${errors}, ${min}, ${max})`,
  )
  const stored = byPart(tallies).map(
    ({ part, signal, rows, min, max }) => `('${host}', ${part}, '${signal}', ${rows}, ${min}, ${max})`,
  )
  return `INSERT INTO ${schema}._counts (signal, part, seq, resource, rows, errors, min_time, max_time) VALUES ${counts.join(', ')};
    INSERT INTO ${schema}._stored AS s (host, part, signal, rows, min_time, max_time) VALUES ${stored.join(', ')}
      ON CONFLICT (host, part, signal) DO UPDATE SET rows = s.rows + excluded.rows,
      min_time = least(s.min_time, excluded.min_time), max_time = greatest(s.max_time, excluded.max_time);`
}
