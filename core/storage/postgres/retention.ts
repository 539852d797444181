import { uptime } from 'node:os'
import type pg from 'pg'
import { ClockGuard, type ClockWitness } from '../sqlite/clock-guard.ts'
import { machineBoot } from '../sqlite/machine-clock.ts'
import type { RetentionPolicy } from '../store.ts'
import type { Lease } from './lease.ts'
import { dayOf, dayOfPart, type PartitionedTable, partitionName } from './parts.ts'

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
/** How long the ids of removed traces are kept, so that a dead link can say when its trace went. */
const REMEMBERED_DAYS = 30

type Signal = 'traces' | 'logs'
const TABLES: Record<Signal, PartitionedTable[]> = { traces: ['traces', 'extents', 'whole'], logs: ['logs'] }

interface StoredPart {
  part: number
  signal: Signal
  bytes: number
  /** When the last row can have been received, µs on the database's clock. */
  receivedUs: number
}

/**
 * The database's wall clock beside this machine's running time, which does not move when somebody sets a clock. What was
 * believed last lies in the database, for whichever host holds the lease next.
 */
export class RetentionClock {
  #guard: ClockGuard | null = null

  async judge(
    client: pg.ClientBase,
    schema: string,
  ): Promise<{ paused: string | null; nowUs: number; shiftUs: number }> {
    const { rows } = await client.query(
      `SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::int8 AS now, (SELECT value FROM ${schema}._meta WHERE key = 'clock') AS stored`,
    )
    const { now: wallUs, stored } = rows[0] as { now: number; stored: string | null }
    const now: ClockWitness = { wallUs, uptimeMs: uptime() * 1000, boot: machineBoot() }
    this.#guard ??= new ClockGuard(stored === null ? null : (JSON.parse(stored) as ClockWitness), now)
    const verdict = this.#guard.judge(now)
    await client.query(
      `INSERT INTO ${schema}._meta VALUES ('clock', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      [JSON.stringify(this.#guard.witness(now))],
    )
    return verdict
  }
}

/**
 * Drops whole parts, but for the rows of pinned traces: by age on the database's clock unless that is doubted, then the oldest while the traces are over
 * their size. The newest part is never dropped for size. Each drop is a transaction of its own that first checks the lease.
 */
export async function applyRetention(
  client: pg.Client,
  lease: Lease,
  clock: RetentionClock,
  policy: RetentionPolicy,
): Promise<RetentionResult> {
  const { schema } = lease
  const { paused, nowUs, shiftUs } = await clock.judge(client, schema)
  const result: RetentionResult = { spans: 0, logs: 0, bytesFreed: 0, paused }
  if (shiftUs !== 0) await lease.guard(client, () => shiftParts(client, schema, shiftUs))
  const filled = await client.query(`SELECT max(part) AS newest FROM ${schema}._stored WHERE rows > 0`)
  const { newest } = filled.rows[0] as { newest: number | null }
  const silentDays = newest === null ? 0 : dayOf(nowUs) - dayOfPart(newest)
  if (paused === null && silentDays > LONGEST_SILENCE_DAYS) {
    result.paused = `nothing was received for ${silentDays} days by the database's clock: nothing is deleted by age until new data arrives`
  }
  if (result.paused === null) {
    for (const one of await readParts(client, schema)) {
      const keepDays = one.signal === 'traces' ? policy.tracesDays : policy.logsDays
      if (one.receivedUs < nowUs - keepDays * DAY_US) await drop(client, lease, one, nowUs, result)
    }
  }
  await forgetWrites(client, schema)
  const traces = (await readParts(client, schema)).filter(({ signal }) => signal === 'traces')
  let bytes = traces.reduce((sum, one) => sum + one.bytes, 0)
  for (const one of traces) {
    if (bytes <= policy.tracesBytes || newest === null || one.part >= newest) break
    await drop(client, lease, one, nowUs, result)
    bytes -= one.bytes
  }
  return result
}

/** Old writes are never asked for again; the newest ones stay, as their numbers say how far data goes. */
async function forgetWrites(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(
    `DELETE FROM ${schema}._writes WHERE seq < (SELECT least(max(seq), min(seq) FILTER (WHERE at >= now() - interval '7 days')) FROM ${schema}._writes)`,
  )
}

async function shiftParts(client: pg.ClientBase, schema: string, shiftUs: number): Promise<void> {
  await client.query(`UPDATE ${schema}._parts SET shift = shift + $1`, [shiftUs])
}

/** Oldest first. */
async function readParts(client: pg.ClientBase, schema: string): Promise<StoredPart[]> {
  const { rows } = await client.query(
    `SELECT p.part, p.shift, split_part(parent.relname, '_', 2) AS table_name, sum(pg_total_relation_size(child.oid)) AS bytes
     FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
     JOIN ${schema}._parts p ON child.relname = '_' || split_part(parent.relname, '_', 2) || '_'
       || to_char(to_timestamp(p.part / 1000 * 86400.0) AT TIME ZONE 'UTC', 'YYYYMMDD') || '_' || lpad((p.part % 1000)::text, 3, '0')
     WHERE parent.relnamespace = $1::regnamespace AND parent.relname IN ('_traces', '_extents', '_whole', '_logs') GROUP BY 1, 2, 3 ORDER BY 1`,
    [schema],
  )
  const parts = new Map<string, StoredPart>()
  for (const { part, shift, table_name, bytes } of rows as {
    part: number
    shift: number
    table_name: PartitionedTable
    bytes: number
  }[]) {
    const signal = table_name === 'logs' ? 'logs' : 'traces'
    const key = `${part} ${signal}`
    const one = parts.get(key)
    if (one) one.bytes += bytes
    else parts.set(key, { part, signal, bytes, receivedUs: (dayOfPart(part) + 1) * DAY_US + shift })
  }
  return [...parts.values()]
}

/**
 * To drop a table the whole of what it is a part of is locked, and whoever comes later waits behind: rather than wait long
 * for a search that runs, it lets go, and comes again.
 */
const DROP_WAIT_MS = 50
const DROP_TRIES = 40
const DROP_PAUSE_MS = 250

async function drop(
  client: pg.Client,
  lease: Lease,
  part: StoredPart,
  nowUs: number,
  result: RetentionResult,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await dropOnce(client, lease, part, nowUs, result)
      return
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03' || tries === DROP_TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, DROP_PAUSE_MS))
    }
  }
}

async function dropOnce(
  client: pg.Client,
  lease: Lease,
  { signal, part, bytes }: StoredPart,
  nowUs: number,
  result: RetentionResult,
): Promise<void> {
  const { schema } = lease
  let rows = 0
  let dropped = true
  await lease.guard(client, async () => {
    await client.query(`SET LOCAL lock_timeout = ${DROP_WAIT_MS}`)
    const pinned = await pinnedRows(client, schema, signal, part)
    if (pinned > 0) {
      dropped = false
      rows = await dropButPinned(client, schema, signal, part, pinned, nowUs)
      return
    }
    const counted = await client.query(
      `WITH gone AS (DELETE FROM ${schema}._stored WHERE part = $1 AND signal = $2 RETURNING rows)
       SELECT coalesce(sum(rows), 0) AS rows FROM gone`,
      [part, signal],
    )
    rows = (counted.rows[0] as { rows: number }).rows
    await client.query(`DELETE FROM ${schema}._counts WHERE part = $1 AND signal = $2`, [part, signal])
    if (signal === 'traces') {
      await client.query(`DELETE FROM ${schema}._value_filters WHERE part = $1`, [part])
      await rememberRemoved(client, schema, part, nowUs, '')
    }
    for (const table of TABLES[signal]) await dropPartition(client, schema, partitionName(table, part))
    // Rows that are late for this day go to a part of their own.
    await client.query(`UPDATE ${schema}._parts SET closed = coalesce(closed, now()), indexed = true WHERE part = $1`, [
      part,
    ])
    const other = partitionName(signal === 'traces' ? 'logs' : 'traces', part)
    const left = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${other}`])
    if (!(left.rows[0] as { there: boolean }).there)
      await client.query(`DELETE FROM ${schema}._parts WHERE part = $1`, [part])
  })
  if (signal === 'traces') result.spans += rows
  else result.logs += rows
  if (dropped || rows > 0) result.bytesFreed += bytes
}

const PINNED = (schema: string): string => `(SELECT trace_id FROM ${schema}._pinned)`

async function pinnedRows(client: pg.ClientBase, schema: string, signal: Signal, part: number): Promise<number> {
  const { rows } = await client.query(
    `SELECT count(*) AS rows FROM ${schema}.${partitionName(signal, part)} WHERE trace_id IN ${PINNED(schema)}`,
  )
  return (rows[0] as { rows: number }).rows
}

/**
 * Empties a part but for its pinned traces, which are written back: of what is kept of a part nothing need be known later.
 * @returns rows removed; 0 when all are pinned
 */
async function dropButPinned(
  client: pg.ClientBase,
  schema: string,
  signal: Signal,
  part: number,
  pinned: number,
  nowUs: number,
): Promise<number> {
  const stored = await client.query(
    `SELECT coalesce(sum(rows), 0) AS rows FROM ${schema}._stored WHERE part = $1 AND signal = $2`,
    [part, signal],
  )
  const all = (stored.rows[0] as { rows: number }).rows
  if (all <= pinned) return 0
  if (signal === 'traces') await rememberRemoved(client, schema, part, nowUs, `WHERE trace_id NOT IN ${PINNED(schema)}`)
  for (const table of TABLES[signal]) {
    const name = `${schema}.${partitionName(table, part)}`
    if (table === 'whole') {
      await client.query(`DELETE FROM ${schema}._whole WHERE part = ${part} AND NOT (trace_id IN ${PINNED(schema)})`)
      continue
    }
    await client.query(
      `CREATE TEMP TABLE kept_${table} ON COMMIT DROP AS SELECT * FROM ${name} WHERE trace_id IN ${PINNED(schema)}`,
    )
    await client.query(`TRUNCATE ${name}`)
    await client.query(`INSERT INTO ${name} SELECT * FROM kept_${table}`)
  }
  const [time, failed] = signal === 'traces' ? ['start', 'status = 2'] : ['time', 'severity >= 17']
  await client.query(`DELETE FROM ${schema}._counts WHERE part = ${part} AND signal = '${signal}'`)
  await client.query(
    `INSERT INTO ${schema}._counts SELECT '${signal}', ${part}, seq, resource, count(*), count(*) FILTER (WHERE ${failed}),
       min(${time}), max(${time}) FROM kept_${signal} GROUP BY seq, resource`,
  )
  await client.query(`DELETE FROM ${schema}._stored WHERE part = ${part} AND signal = '${signal}'`)
  await client.query(
    `INSERT INTO ${schema}._stored SELECT lpad(to_hex(host), 12, '0'), ${part}, '${signal}', count(*), min(${time}), max(${time})
     FROM kept_${signal} GROUP BY host`,
  )
  await client.query(`UPDATE ${schema}._parts SET closed = coalesce(closed, now()) WHERE part = $1`, [part])
  return all - pinned
}

/** So that a dead link can say when its trace went. */
async function rememberRemoved(
  client: pg.ClientBase,
  schema: string,
  part: number,
  nowUs: number,
  which: string,
): Promise<void> {
  await client.query(
    `INSERT INTO ${schema}._removed SELECT DISTINCT trace_id, $1::int8 FROM ${schema}.${partitionName('extents', part)} ${which}
     ON CONFLICT (trace_id) DO UPDATE SET at = excluded.at`,
    [nowUs],
  )
  await client.query(`DELETE FROM ${schema}._removed WHERE at < $1`, [nowUs - REMEMBERED_DAYS * DAY_US])
}

/** A part that lies on a shard is a foreign table here. */
async function dropPartition(client: pg.ClientBase, schema: string, name: string): Promise<void> {
  const { rows } = await client.query('SELECT relkind FROM pg_class WHERE oid = to_regclass($1)', [`${schema}.${name}`])
  const kind = (rows[0] as { relkind: string } | undefined)?.relkind
  if (kind !== undefined) await client.query(`DROP ${kind === 'f' ? 'FOREIGN TABLE' : 'TABLE'} ${schema}.${name}`)
}
