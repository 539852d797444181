import type pg from 'pg'
import { connect, type PostgresTarget } from './connection.ts'
import { dayOf, dayOfPart, ensurePart, partitionName } from './parts.ts'
import { settlePart, takePart } from './settled-parts.ts'

/** A part takes this many spans or log records, or a forty-eighth of what is stored where that is more. */
const PART_ROWS = 200_000
const MOST_PARTS = 48
/** How long after a part was closed all hosts have heard of it. */
const SETTLED = '60 seconds'
const INDEX_MEMORY = '128MB'
const INDEX_LOCK = 7_061_646

/**
 * Closes the newest part of each day when it is full, after making the next one. For the holder of the lease.
 * @returns whether any was closed
 */
export async function closeFullParts(
  client: pg.ClientBase,
  schema: string,
  nowUs: number,
  durable: boolean,
  partRows = PART_ROWS,
): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT p.part, max(s.rows) AS rows, max(total.rows) AS total FROM ${schema}._parts p
     JOIN (SELECT part, signal, sum(rows) AS rows FROM ${schema}._stored GROUP BY 1, 2) s ON s.part = p.part
     CROSS JOIN (SELECT sum(rows) AS rows FROM ${schema}._stored) total WHERE p.closed IS NULL GROUP BY 1 ORDER BY 1`,
  )
  let any = false
  for (const { part, rows: held, total } of rows as { part: number; rows: number; total: number }[]) {
    const over = dayOfPart(part) < dayOf(nowUs) - 1
    const full = held >= Math.max(partRows, total / MOST_PARTS)
    if (!full && !over) continue
    if (!over) await ensurePart(client, schema, part + 1, durable)
    await client.query(`UPDATE ${schema}._parts SET closed = now() WHERE part = $1 AND closed IS NULL`, [part])
    any = true
  }
  return any
}

/**
 * Builds the attribute index of one closed part that has none, and settles it. Bulk building costs a fraction of keeping the index while
 * rows come in (2.7 µs a span against 4.6, or 25 without the pending list). On a connection of its own, as it takes seconds;
 * harmless when another host does the same.
 * @returns whether there was one
 */
export async function indexClosedPart(target: PostgresTarget): Promise<boolean> {
  const { schema } = target
  const client = await connect(target)
  try {
    await summarize(client, schema)
    const { rows } = await client.query(
      `SELECT part, indexed FROM ${schema}._parts WHERE NOT (indexed AND settled) AND closed < now() - interval '${SETTLED}' ORDER BY part DESC`,
    )
    for (const { part, indexed } of rows as { part: number; indexed: boolean }[]) {
      // A part that somebody writes into yet does not keep the others from it.
      if ((indexed || (await indexPart(client, schema, part))) && (await settlePart(client, schema, part))) return true
    }
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

/**
 * New rows of an open part lie beyond its BRIN index until they are summed up there, and are always read meanwhile. Left
 * for the next time while a vacuum is at it.
 */
async function summarize(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query(`SELECT part FROM ${schema}._parts WHERE closed IS NULL`)
  for (const { part } of rows as { part: number }[]) {
    const index = `${schema}.${partitionName('traces', part)}_near`
    try {
      await client.query(
        `BEGIN; SET LOCAL lock_timeout = '50ms';
         SELECT brin_summarize_new_values(oid) FROM pg_class WHERE oid = to_regclass('${index}') AND relkind = 'i'; COMMIT`,
      )
    } catch (error) {
      await client.query('ROLLBACK')
      if ((error as { code?: string }).code !== '55P03') throw error
    }
  }
}

/** @returns false while somebody writes into the part */
async function indexPart(client: pg.ClientBase, schema: string, part: number): Promise<boolean> {
  for (const table of ['traces', 'logs'] as const) {
    const name = partitionName(table, part)
    const kind = await client.query('SELECT relkind FROM pg_class WHERE oid = to_regclass($1)', [`${schema}.${name}`])
    // A foreign table is indexed where it lies.
    if ((kind.rows[0] as { relkind: string } | undefined)?.relkind !== 'r') continue
    await client.query('BEGIN')
    try {
      await client.query(`SET LOCAL maintenance_work_mem = '${INDEX_MEMORY}'; SET LOCAL lock_timeout = '5s'`)
      if (!(await takePart(client, part))) {
        await client.query('ROLLBACK')
        return false
      }
      // Two at once would both find no index and both make it: a lease that changes hands lets that happen.
      await client.query('SELECT pg_advisory_xact_lock($1)', [INDEX_LOCK])
      await client.query(
        `CREATE INDEX IF NOT EXISTS ${name}_attributes ON ${schema}.${name} USING gin (attributes jsonb_path_ops)`,
      )
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
    await client.query(`ANALYZE ${schema}.${name}`)
  }
  await client.query(
    `UPDATE ${schema}._parts SET indexed = true WHERE part = ${part}; DELETE FROM ${schema}._value_filters WHERE part = ${part}`,
  )
  return true
}
