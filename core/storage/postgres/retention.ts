import type pg from 'pg'
import { GlassboxError } from '../../base/errors.ts'
import type { RetentionPolicy } from '../store.ts'
import type { Lease } from './lease.ts'
import { dayOf, partitionName } from './schema.ts'

export interface RetentionResult {
  spans: number
  logs: number
  bytesFreed: number
  /** Why nothing was deleted by age, or null. */
  paused: string | null
}

const DAY_US = 86_400e6
/** A gap between the newest day of data and the clock that is taken for a clock set wrong rather than for silence. */
const LONGEST_SILENCE_DAYS = 30

interface StoredDay {
  signal: 'traces' | 'logs'
  day: number
  bytes: number
}

/**
 * Drops whole days of receipt: by age on the database's clock, then the oldest while the traces are over their size. The
 * newest day is never dropped for size. Each drop is a transaction of its own that first checks the lease.
 */
export async function applyRetention(
  client: pg.Client,
  lease: Lease,
  policy: RetentionPolicy,
): Promise<RetentionResult> {
  const { schema } = lease
  const result: RetentionResult = { spans: 0, logs: 0, bytesFreed: 0, paused: null }
  const { rows } = await client.query('SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::int8 AS now')
  const nowUs = (rows[0] as { now: number }).now
  const days = await readDays(client, schema)
  const filled = await client.query(`SELECT max(day) AS newest FROM ${schema}._stored WHERE rows > 0`)
  const { newest } = filled.rows[0] as { newest: number | null }
  if (newest !== null && dayOf(nowUs) - newest > LONGEST_SILENCE_DAYS) {
    result.paused = `nothing was received for ${dayOf(nowUs) - newest} days by the database's clock: nothing is deleted by age until new data arrives`
  } else {
    for (const one of days) {
      const keepDays = one.signal === 'traces' ? policy.tracesDays : policy.logsDays
      if ((one.day + 1) * DAY_US < nowUs - keepDays * DAY_US) await drop(client, lease, one, nowUs, result)
    }
  }
  await forgetWrites(client, schema)
  const today = dayOf(nowUs)
  const traces = (await readDays(client, schema)).filter(({ signal }) => signal === 'traces')
  let bytes = traces.reduce((sum, one) => sum + one.bytes, 0)
  for (const one of traces) {
    if (bytes <= policy.tracesBytes || one.day >= Math.min(today, newest ?? today)) break
    await drop(client, lease, one, nowUs, result)
    bytes -= one.bytes
  }
  return result
}

/** Old writes are never asked for again; the newest one stays, as its number says how far data goes. */
export async function forgetWrites(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(
    `DELETE FROM ${schema}._writes WHERE at < now() - interval '7 days' AND seq < (SELECT max(seq) FROM ${schema}._writes)`,
  )
}

async function readDays(client: pg.ClientBase, schema: string): Promise<StoredDay[]> {
  const { rows } = await client.query(
    `SELECT child.relname AS name, pg_total_relation_size(child.oid) AS bytes FROM pg_inherits i
     JOIN pg_class child ON child.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
     WHERE parent.relnamespace = $1::regnamespace AND parent.relname IN ('_traces', '_logs') ORDER BY 1`,
    [schema],
  )
  return (rows as { name: string; bytes: number }[]).map(({ name, bytes }) => {
    const [, signal, date] = name.split('_')
    const day = Date.UTC(Number(date.slice(0, 4)), Number(date.slice(4, 6)) - 1, Number(date.slice(6))) / 86_400_000
    return { signal: signal as StoredDay['signal'], day, bytes }
  })
}

async function drop(
  client: pg.Client,
  lease: Lease,
  { signal, day, bytes }: StoredDay,
  nowUs: number,
  result: RetentionResult,
): Promise<void> {
  const { schema } = lease
  await client.query('BEGIN')
  try {
    await client.query("SET LOCAL lock_timeout = '5s'")
    if (!(await lease.holds(client))) {
      throw new GlassboxError('storage_unavailable', 'another host has taken over retention', 'Nothing to do.')
    }
    const counted = await client.query(
      `WITH gone AS (DELETE FROM ${schema}._stored WHERE day = $1 AND signal = $2 RETURNING rows)
       SELECT coalesce(sum(rows), 0) AS rows FROM gone`,
      [day, signal],
    )
    if (signal === 'traces') {
      await client.query(
        `INSERT INTO ${schema}._removed SELECT DISTINCT trace_id, $1::int8 FROM ${schema}.${partitionName(signal, day)}
         ON CONFLICT (trace_id) DO UPDATE SET at = excluded.at`,
        [nowUs],
      )
      await client.query(`DELETE FROM ${schema}._removed WHERE at < $1`, [nowUs - REMEMBERED_DAYS * DAY_US])
    }
    await client.query(`DROP TABLE ${schema}.${partitionName(signal, day)}`)
    await client.query('COMMIT')
    const { rows } = counted.rows[0] as { rows: number }
    if (signal === 'traces') result.spans += rows
    else result.logs += rows
    result.bytesFreed += bytes
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** How long the ids of removed traces are kept, so that a dead link can say when its trace went. */
const REMEMBERED_DAYS = 30
