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
  type NumberedWrite,
  resourceRow,
  SPAN_COPY,
  scopeRow,
} from './encode-rows.ts'
import { sharePartsSql, unsettleSql } from './settled-parts.ts'
import { traceExtents } from './trace-extents.ts'
import { valueFilters } from './value-filters.ts'

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

/** Rows of one part (and of one write's resource): how many, how many failed, and their times. */
interface Tally {
  /** Of the write, among those of the transaction. */
  write: number
  part: number
  signal: 'traces' | 'logs'
  resource: number
  rows: number
  errors: number
  min: number
  max: number
}

function tally(tallies: Map<string, Tally>, write: number, batch: SpanBatch | LogBatch, part: number): void {
  const { signal } = batch
  const times = signal === 'traces' ? batch.startUs : batch.timeUs
  const status = signal === 'traces' ? batch.status : null
  const byResource = batch.resources.map((entry) => {
    const resource = entryId(entry)
    const key = `${write} ${signal} ${part} ${resource}`
    const one = tallies.get(key) ?? { write, part, signal, resource, rows: 0, errors: 0, min: Infinity, max: -Infinity }
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

/**
 * With the times of the whole write for those of spans: what a write knows of a trace lies in the part of its last span,
 * and begins with one that another part may hold.
 */
function ofWrites(tallies: Tally[]): Tally[] {
  const times = new Map<string, { min: number; max: number }>()
  const key = ({ write, signal, part }: Tally): string => (signal === 'traces' ? `${write}` : `${write} ${part}`)
  for (const one of tallies) {
    const known = times.get(key(one))
    times.set(key(one), {
      min: Math.min(known?.min ?? one.min, one.min),
      max: Math.max(known?.max ?? one.max, one.max),
    })
  }
  return tallies.map((one) => ({ ...one, ...times.get(key(one)) }))
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
 * Stores writes in one transaction, in their order: rows, their extents and counts, each write's own row and the notice to
 * other hosts. Begin and end are one message each: on small writes the way to the server and back is what costs.
 * @returns the number of the last write; those whose id is there already (`retried`) keep theirs and are not stored again
 */
export async function writeTransaction(
  client: pg.ClientBase,
  context: {
    schema: string
    host: string
    known: KnownEntries
    /** Whether the writes may be there from an earlier attempt. */
    retried: boolean
    /** By time of receipt, the part that takes rows now. */
    partOf(receivedUs: number): number
  },
  writes: PendingWrite[],
  /** What else the transaction does, given the number of the last write. */
  alongside: (seq: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const { schema, host, known, partOf } = context
  let fresh = writes
  let last = 0
  if (context.retried) {
    const { rows } = await client.query(`SELECT id, seq FROM ${schema}._writes WHERE id = ANY($1::uuid[])`, [
      writes.map(({ id }) => id),
    ])
    const stored = new Map((rows as { id: string; seq: number }[]).map(({ id, seq }) => [id, seq]))
    fresh = writes.filter(({ id }) => !stored.has(id))
    last = Math.max(0, ...stored.values())
    if (fresh.length === 0) return last
  }
  const batches = fresh.flatMap(({ spans, logs }) => [...spans, ...logs])
  await known.store(
    client,
    schema,
    batches.flatMap((batch) => batch.resources),
    batches.flatMap((batch) => batch.scopes),
  )
  const found = new Map<string, Tally>()
  fresh.forEach(({ spans, logs }, write) => {
    for (const batch of [...spans, ...logs]) tally(found, write, batch, partOf(batch.receivedUs))
  })
  const tallies = [...found.values()].filter(({ rows }) => rows > 0)
  const sum = (list: { n: number }[]): number => list.reduce((total, batch) => total + batch.n, 0)
  const partsOf = (write: number): string =>
    [...new Set(tallies.filter((one) => one.write === write).map(({ part }) => part))].join(',')
  // Only numbers and what we made ourselves stand in these texts.
  const rowOf = ({ id, spans, logs }: PendingWrite, write: number): string =>
    `(nextval('${schema}._write_seq'), '${id}', ${sum(spans)}, ${sum(logs)}, '{${partsOf(write)}}')`
  try {
    const parts = [...new Set(tallies.map(({ part }) => part))].sort((a, b) => a - b)
    const begun = (await client.query(
      `BEGIN; ${sharePartsSql(parts)} INSERT INTO ${schema}._writes (seq, id, spans, logs, parts) VALUES ${fresh.map(rowOf).join(', ')} RETURNING seq`,
    )) as unknown as pg.QueryResult[]
    const seqs = (begun[begun.length - 1].rows as { seq: number }[]).map(({ seq }) => seq)
    const numbered: NumberedWrite[] = fresh.map(({ spans, logs }, write) => ({
      seq: seqs[write],
      spans,
      logs,
      extents: traceExtents(spans),
    }))
    const rowsGo = { host: Number.parseInt(host, 16), partOf }
    const withSpans = numbered.filter(({ spans }) => spans.length > 0)
    const withLogs = numbered.filter(({ logs }) => logs.length > 0)
    if (withSpans.length > 0) {
      await copy(client, `${schema}._traces`, SPAN_COPY.list, encodeSpans(withSpans, rowsGo))
      await copy(client, `${schema}._extents`, EXTENT_COPY.list, encodeExtents(withSpans, rowsGo))
    }
    if (withLogs.length > 0) await copy(client, `${schema}._logs`, LOG_COPY.list, encodeLogs(withLogs, rowsGo))
    const seq = seqs[seqs.length - 1]
    await alongside(seq)
    const ended = `${countsSql(schema, host, seqs, tallies)}${filtersSql(schema, withSpans, partOf)}${unsettleSql(schema, parts)}`
    await client.query(`${ended}NOTIFY ${changesChannel(schema)}, '${seq}'; COMMIT`)
    return Math.max(last, seq)
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

function countsSql(schema: string, host: string, seqs: number[], tallies: Tally[]): string {
  if (tallies.length === 0) return ''
  const counts = tallies.map(
    ({ write, signal, part, resource, rows, errors, min, max }) =>
      `('${signal}', ${part}, ${seqs[write]}, ${resource}, ${rows}, ${errors}, ${min}, ${max})`,
  )
  const stored = byPart(ofWrites(tallies)).map(
    ({ part, signal, rows, min, max }) => `('${host}', ${part}, '${signal}', ${rows}, ${min}, ${max})`,
  )
  return `INSERT INTO ${schema}._counts (signal, part, seq, resource, rows, errors, min_time, max_time) VALUES ${counts.join(', ')};
    INSERT INTO ${schema}._stored AS s (host, part, signal, rows, min_time, max_time) VALUES ${stored.join(', ')}
      ON CONFLICT (host, part, signal) DO UPDATE SET rows = s.rows + excluded.rows,
      min_time = least(s.min_time, excluded.min_time), max_time = greatest(s.max_time, excluded.max_time);`
}

/** Of each write, what stretches of its spans have. */
function filtersSql(schema: string, writes: NumberedWrite[], partOf: (receivedUs: number) => number): string {
  const rows = writes.flatMap(({ seq, spans, extents }) =>
    valueFilters(spans, extents, partOf).map(({ part, first, rows: held, bits }) => {
      const hex = Buffer.from(bits.buffer, bits.byteOffset, bits.length).toString('hex')
      return `(${part}, ${first}, ${held}, ${seq}, '\\x${hex}')`
    }),
  )
  if (rows.length === 0) return ''
  return `INSERT INTO ${schema}._value_filters (part, first, rows, seq, bits) VALUES ${rows.join(', ')};`
}
