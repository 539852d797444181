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
/** `whole` is made when a part is settled. */
export type PartitionedTable = (typeof PARTITIONED)[number] | 'whole'

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

/** What each table's partition is indexed by. Spans need none by time: extents are read by it, and BRIN finds the writes of a time. */
const INDEXES: Record<(typeof PARTITIONED)[number], (name: string) => string> = {
  traces: (name) => `CREATE INDEX ${name}_trace ON SCHEMA.${name} (trace_id);
    CREATE INDEX ${name}_near ON SCHEMA.${name} USING brin (seq, ordinal, start) WITH (pages_per_range = 32);`,
  extents: (name) => `CREATE INDEX ${name}_trace ON SCHEMA.${name} (trace_id);
    CREATE INDEX ${name}_start ON SCHEMA.${name} (start);
    CREATE INDEX ${name}_seq ON SCHEMA.${name} USING brin (seq) WITH (pages_per_range = 8);`,
  logs: (name) => `CREATE INDEX ${name}_time ON SCHEMA.${name} (time);
    CREATE INDEX ${name}_trace ON SCHEMA.${name} (trace_id) WHERE trace_id IS NOT NULL;
    CREATE INDEX ${name}_seq ON SCHEMA.${name} USING brin (seq) WITH (pages_per_range = 32);`,
}

/**
 * Makes the partitions of one part, in a short transaction of its own. Tables that are there already, foreign ones on a
 * shard among them, are left as they are. They are made apart and then attached, which no reader and no write waits for.
 */
export async function ensurePart(client: pg.ClientBase, schema: string, part: number, durable: boolean): Promise<void> {
  const known = await client.query(`SELECT 1 FROM ${schema}._parts WHERE part = $1`, [part])
  if (known.rowCount !== 0) return
  const kind = durable ? '' : 'UNLOGGED'
  await client.query('BEGIN')
  try {
    await client.query("SET LOCAL lock_timeout = '5s'")
    await client.query('SELECT pg_advisory_xact_lock($1)', [TABLE_LOCK])
    for (const table of PARTITIONED) {
      const name = partitionName(table, part)
      const there = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${name}`])
      if ((there.rows[0] as { there: boolean }).there) continue
      await client.query(
        `CREATE ${kind} TABLE SCHEMA.${name} (LIKE SCHEMA._${table} INCLUDING DEFAULTS);
         ${INDEXES[table](name)}
         ALTER TABLE SCHEMA._${table} ATTACH PARTITION SCHEMA.${name} FOR VALUES IN (${part})`.replaceAll(
          'SCHEMA.',
          `${schema}.`,
        ),
      )
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
