import type pg from 'pg'
import { SPREAD_US } from '../spread.ts'
import { type PartitionedTable, partitionName } from './parts.ts'

/**
 * A part that takes no more rows is settled: what its writes know of each trace is brought together into one row a trace,
 * marked `sole` where no part near it has rows of that trace. Histograms count sole traces as they lie, and group only
 * the others. Traces that reach over more than an hour may have rows in any part: who counts takes those apart.
 */

/** One at a time, as each looks at what the others have marked. */
const SETTLE_LOCK = 7_061_645

/** Of schemas made before there were settled parts, too; an earlier version passes over both. */
export const WHOLE_TABLE = `
  CREATE TABLE IF NOT EXISTS SCHEMA._whole (part int4 NOT NULL, sole bool NOT NULL, failed bool NOT NULL,
    start int8 NOT NULL, dur int8 NOT NULL, trace_id bytea NOT NULL) PARTITION BY LIST (part);
  ALTER TABLE SCHEMA._parts ADD COLUMN IF NOT EXISTS settled bool NOT NULL DEFAULT false;`

interface Range {
  part: number
  min: number
  max: number
}

/**
 * Who writes into a part shares this lock, and what is done to a part that takes no more rows needs it alone: a host that
 * stood still for long may yet write into one that was closed meanwhile. Held to the end of the transaction.
 */
const PART_LOCK = 7_061_647

/** Statements with which a write begins, given its parts. */
export function sharePartsSql(parts: readonly number[]): string {
  return parts.map((part) => `SELECT pg_advisory_xact_lock_shared(${PART_LOCK}, ${part});`).join(' ')
}

/** Within a transaction. @returns false while somebody writes into the part: then it is left alone */
export async function takePart(client: pg.ClientBase, part: number): Promise<boolean> {
  const { rows } = await client.query('SELECT pg_try_advisory_xact_lock($1::int4, $2::int4) AS taken', [
    PART_LOCK,
    part,
  ])
  return (rows[0] as { taken: boolean }).taken
}

/** Statement with which a write ends: what it adds to a settled part is not among the part's whole traces. */
export function unsettleSql(schema: string, parts: readonly number[]): string {
  return `UPDATE ${schema}._parts SET settled = false WHERE ${inParts(parts)} AND settled;`
}

/** Settles a closed part. @returns whether it is settled now; not while somebody writes into it */
export async function settlePart(client: pg.ClientBase, schema: string, part: number): Promise<boolean> {
  const [extents, whole] = (['extents', 'whole'] as PartitionedTable[]).map((table) => partitionName(table, part))
  const found = await client.query('SELECT relkind, relpersistence FROM pg_class WHERE oid = to_regclass($1)', [
    `${schema}.${extents}`,
  ])
  const [table] = found.rows as { relkind: string; relpersistence: string }[]
  if (!table) {
    // Its traces were removed, its log records stay.
    await client.query(`UPDATE ${schema}._parts SET settled = true WHERE part = $1`, [part])
    return true
  }
  // It lives and goes with the rows that it speaks of; what lies on shards is unlogged here.
  const kind = table.relkind === 'r' && table.relpersistence === 'p' ? '' : 'UNLOGGED'
  await client.query('BEGIN')
  try {
    await client.query("SET LOCAL lock_timeout = '5s'; SET LOCAL work_mem = '32MB'")
    await client.query('SELECT pg_advisory_xact_lock($1)', [SETTLE_LOCK])
    const free = await takePart(client, part)
    const known = await client.query(`SELECT 1 FROM ${schema}._parts WHERE part = $1 AND settled`, [part])
    if (known.rowCount !== 0 || !free) {
      await client.query('COMMIT')
      return free
    }
    const near = await nearParts(client, schema, part)
    const there = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${whole}`])
    const made = !(there.rows[0] as { there: boolean }).there
    await client.query(
      made ? `CREATE ${kind} TABLE ${schema}.${whole} (LIKE ${schema}._whole)` : `DELETE FROM ${schema}.${whole}`,
    )
    await client.query(
      `INSERT INTO ${schema}.${whole} (part, sole, failed, start, dur, trace_id)
       SELECT ${part}, NOT (trace_id IN (SELECT trace_id FROM ${schema}._extents WHERE ${inParts(near)})), bool_or(failed),
         min(start), max(start + dur) - min(start), trace_id
       FROM ${schema}.${extents} GROUP BY trace_id`,
    )
    await client.query(
      `UPDATE ${schema}._whole SET sole = false
       WHERE ${inParts(near)} AND sole AND trace_id IN (SELECT trace_id FROM ${schema}.${whole} WHERE NOT sole)`,
    )
    if (made)
      await client.query(`ALTER TABLE ${schema}._whole ATTACH PARTITION ${schema}.${whole} FOR VALUES IN (${part})`)
    await client.query(`UPDATE ${schema}._parts SET settled = true WHERE part = $1`, [part])
    await client.query('COMMIT')
    return true
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Other parts that may have rows of a trace of this one, unless the trace reaches over more than an hour. */
async function nearParts(client: pg.ClientBase, schema: string, part: number): Promise<number[]> {
  const { rows } = await client.query(
    `SELECT part, min(min_time) AS min, max(max_time) AS max FROM ${schema}._stored WHERE signal = 'traces' GROUP BY 1`,
  )
  const own = (rows as Range[]).find((range) => range.part === part)
  if (!own) return []
  return (rows as Range[])
    .filter(({ part: other, min, max }) => other !== part && max >= own.min - SPREAD_US && min <= own.max + SPREAD_US)
    .map(({ part: other }) => other)
}

/** Within a transaction that removes rows: what was known of whole traces may not hold any more, and is found out anew. */
export async function unsettleAll(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(`UPDATE ${schema}._parts SET settled = false WHERE settled`)
  await client.query(`TRUNCATE ${schema}._whole`)
}

export function inParts(parts: readonly number[]): string {
  return parts.length === 0 ? 'false' : `part IN (${parts.join(',')})`
}
