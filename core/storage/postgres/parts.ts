import type pg from 'pg'

/**
 * Parts: the partitions of telemetry. A day of receipt begins with one part and gets another whenever the newest one is
 * full, so that size can be freed within a day and a part that is full can be indexed without slowing writes.
 */

/** One lock for everything that makes or drops tables; held to the end of a transaction only, as PgBouncer wants. */
export const TABLE_LOCK = 7_061_644
/** Days whose first part is made ahead of time. */
export const DAYS_AHEAD = 2
const PARTS_A_DAY = 1000
const PARTITIONED = ['traces', 'extents', 'logs'] as const
export type PartitionedTable = (typeof PARTITIONED)[number]

/** UTC day number of a time in µs. */
export function dayOf(us: number): number {
  return Math.floor(us / 86_400e6)
}

/** The part that a day begins with. */
export function firstPart(day: number): number {
  return day * PARTS_A_DAY
}

/** UTC day number that a part belongs to. */
export function dayOfPart(part: number): number {
  return Math.floor(part / PARTS_A_DAY)
}

/** Name of a part's partition: `_traces_20260115_000`. */
export function partitionName(table: PartitionedTable, part: number): string {
  const date = new Date(dayOfPart(part) * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
  return `_${table}_${date}_${String(part % PARTS_A_DAY).padStart(3, '0')}`
}

/**
 * Makes the partitions of one part, in a short transaction of its own. Tables that are there already, foreign ones on a
 * shard among them, are left as they are.
 */
export async function ensurePart(client: pg.ClientBase, schema: string, part: number, durable: boolean): Promise<void> {
  const known = await client.query(`SELECT 1 FROM ${schema}._parts WHERE part = $1`, [part])
  if (known.rowCount !== 0) return
  const [traces, extents, logs] = PARTITIONED.map((table) => partitionName(table, part))
  const kind = durable ? '' : 'UNLOGGED'
  await client.query('BEGIN')
  try {
    await client.query("SET LOCAL lock_timeout = '5s'")
    await client.query('SELECT pg_advisory_xact_lock($1)', [TABLE_LOCK])
    const there = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${logs}`])
    if (!(there.rows[0] as { there: boolean }).there) {
      // Spans need no index by time: extents are read by it, and BRIN finds the writes of a time.
      await client.query(`
        CREATE ${kind} TABLE ${schema}.${traces} PARTITION OF ${schema}._traces FOR VALUES IN (${part});
        CREATE INDEX ${traces}_trace ON ${schema}.${traces} (trace_id);
        CREATE INDEX ${traces}_near ON ${schema}.${traces} USING brin (seq, start) WITH (pages_per_range = 32);
        CREATE ${kind} TABLE ${schema}.${extents} PARTITION OF ${schema}._extents FOR VALUES IN (${part});
        CREATE INDEX ${extents}_trace ON ${schema}.${extents} (trace_id);
        CREATE INDEX ${extents}_start ON ${schema}.${extents} (start);
        CREATE INDEX ${extents}_seq ON ${schema}.${extents} USING brin (seq) WITH (pages_per_range = 8);
        CREATE ${kind} TABLE ${schema}.${logs} PARTITION OF ${schema}._logs FOR VALUES IN (${part});
        CREATE INDEX ${logs}_time ON ${schema}.${logs} (time);
        CREATE INDEX ${logs}_trace ON ${schema}.${logs} (trace_id) WHERE trace_id IS NOT NULL;
        CREATE INDEX ${logs}_seq ON ${schema}.${logs} USING brin (seq) WITH (pages_per_range = 32);`)
    }
    await client.query(`INSERT INTO ${schema}._parts (part) VALUES ($1) ON CONFLICT DO NOTHING`, [part])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** The parts that take rows now, by day: the newest one of each day that is not closed. */
export async function openParts(client: pg.ClientBase, schema: string): Promise<Map<number, number>> {
  const { rows } = await client.query(`SELECT part FROM ${schema}._parts WHERE closed IS NULL ORDER BY part`)
  return new Map((rows as { part: number }[]).map(({ part }) => [dayOfPart(part), part]))
}

/** Makes the next part of a day that has none that takes rows. @returns its number */
export async function nextPart(client: pg.ClientBase, schema: string, day: number, durable: boolean): Promise<number> {
  const { rows } = await client.query(
    `SELECT coalesce(max(part) + 1, $1) AS next FROM ${schema}._parts WHERE part >= $1 AND part < $2`,
    [firstPart(day), firstPart(day + 1)],
  )
  const { next } = rows[0] as { next: number }
  await ensurePart(client, schema, next, durable)
  return next
}
