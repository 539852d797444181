import type pg from 'pg'
import { advance, type MovePlace } from '../move-place.ts'
import { unsettleAll } from './settled-parts.ts'

/**
 * Unlogged like the rows it speaks of: a crash of the server takes both, and the move then begins anew.
 */
export async function ensureMoves(client: pg.ClientBase, schema: string, durable: boolean): Promise<void> {
  await client.query(
    `CREATE ${durable ? '' : 'UNLOGGED'} TABLE IF NOT EXISTS ${schema}._moves (move text PRIMARY KEY, place text NOT NULL)`,
  )
}

export async function readMove(client: pg.ClientBase, schema: string, move: string): Promise<MovePlace | null> {
  const { rows } = await client.query(`SELECT place FROM ${schema}._moves WHERE move = $1`, [move])
  return rows.length === 0 ? null : (JSON.parse((rows[0] as { place: string }).place) as MovePlace)
}

/** Notes how far a move got; inside the transaction that stores its rows. */
export async function noteMove(
  client: pg.ClientBase,
  schema: string,
  { move, cursor }: { move: string; cursor: string },
  seq: number,
): Promise<void> {
  const place = advance(await readMove(client, schema, move), cursor, seq)
  await client.query(
    `INSERT INTO ${schema}._moves VALUES ($1, $2) ON CONFLICT (move) DO UPDATE SET place = excluded.place`,
    [move, JSON.stringify(place)],
  )
}

export async function forgetMove(client: pg.ClientBase, schema: string, move: string): Promise<void> {
  await client.query(`DELETE FROM ${schema}._moves WHERE move = $1`, [move])
}

/** Removes the rows that a move brought, a transaction a run of writes. */
export async function undoMove(
  client: pg.ClientBase,
  schema: string,
  move: string,
): Promise<{ spans: number; logs: number }> {
  const removed = { spans: 0, logs: 0 }
  for (const [first, last] of (await readMove(client, schema, move))?.writes ?? []) {
    await client.query('BEGIN')
    try {
      removed.spans += await take(client, schema, 'traces', first, last)
      removed.logs += await take(client, schema, 'logs', first, last)
      // Numbers of later writes stay true: only this move's own rows of the list go.
      await client.query(`DELETE FROM ${schema}._writes WHERE seq BETWEEN $1 AND $2`, [first, last])
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
  await forgetMove(client, schema, move)
  return removed
}

/** Removes everything up to a place of the scanner (all writes up to `hi` but for the gaps), and ends the move. */
export async function replaceWithMove(
  client: pg.ClientBase,
  schema: string,
  move: string,
  { hi, gaps }: { hi: number; gaps: number[] },
): Promise<{ spans: number; logs: number }> {
  const removed = { spans: 0, logs: 0 }
  const own = (await readMove(client, schema, move))?.writes ?? []
  await client.query('BEGIN')
  try {
    for (const [first, last] of rangesWithout(hi, [...gaps.map((gap): [number, number] => [gap, gap]), ...own])) {
      removed.spans += await take(client, schema, 'traces', first, last)
      removed.logs += await take(client, schema, 'logs', first, last)
    }
    await forgetMove(client, schema, move)
    await client.query('COMMIT')
    return removed
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** 0 to `hi` without the stretches given. */
function rangesWithout(hi: number, without: [number, number][]): [number, number][] {
  const ranges: [number, number][] = []
  let from = 0
  for (const [first, last] of without.filter(([start]) => start <= hi).sort((a, b) => a[0] - b[0])) {
    if (first > from) ranges.push([from, first - 1])
    from = Math.max(from, last + 1)
  }
  if (from <= hi) ranges.push([from, hi])
  return ranges
}

async function take(
  client: pg.ClientBase,
  schema: string,
  signal: 'traces' | 'logs',
  first: number,
  last: number,
): Promise<number> {
  const { rows } = await client.query(
    `WITH gone AS (DELETE FROM ${schema}._${signal} WHERE seq BETWEEN $1 AND $2 RETURNING part, host),
       counted AS (SELECT part, host, count(*) AS rows FROM gone GROUP BY part, host),
       less AS (UPDATE ${schema}._stored s SET rows = s.rows - c.rows FROM counted c
         WHERE s.part = c.part AND s.host = lpad(to_hex(c.host), 12, '0') AND s.signal = $3)
     SELECT coalesce(sum(rows), 0) AS rows FROM counted`,
    [first, last, signal],
  )
  const own =
    signal === 'traces'
      ? ['_extents', '_value_filters']
          .map((table) => `DELETE FROM ${schema}.${table} WHERE seq BETWEEN ${first} AND ${last};`)
          .join(' ')
      : ''
  await client.query(
    `${own} DELETE FROM ${schema}._counts WHERE signal = '${signal}' AND seq BETWEEN ${first} AND ${last}`,
  )
  if (signal === 'traces') await unsettleAll(client, schema)
  await client.query(`DELETE FROM ${schema}._stored WHERE rows <= 0 AND signal = $1`, [signal])
  return (rows[0] as { rows: number }).rows
}

/**
 * Removes all rows that this host stored; everything at once, metrics too, while no other host stored any. Samples that
 * several hosts stored lie in the same chunks and stay.
 */
export async function removeHost(
  client: pg.ClientBase,
  schema: string,
  host: string,
): Promise<{ spans: number; logs: number; alone: boolean }> {
  await client.query('BEGIN')
  try {
    const { rows } = await client.query(
      `SELECT coalesce(sum(rows) FILTER (WHERE host = $1 AND signal = 'traces'), 0) AS spans,
         coalesce(sum(rows) FILTER (WHERE host = $1 AND signal = 'logs'), 0) AS logs,
         count(*) FILTER (WHERE host <> $1) + (SELECT count(*) FROM ${schema}._metric_log WHERE host <> $1) AS others
       FROM ${schema}._stored`,
      [host],
    )
    await unsettleAll(client, schema)
    const { spans, logs, others } = rows[0] as { spans: number; logs: number; others: number }
    if (others === 0) {
      await client.query(
        `TRUNCATE ${schema}._traces, ${schema}._extents, ${schema}._logs, ${schema}._counts, ${schema}._value_filters`,
      )
      const metrics = ['series', 'chunks', 'days', 'log', 'metadata', 'exemplars'].map(
        (name) => `${schema}._metric_${name}`,
      )
      await client.query(`TRUNCATE ${metrics.join(', ')}`)
    } else {
      const own = String(Number.parseInt(host, 16))
      for (const [signal, besides] of [
        ['traces', ['_extents', '_value_filters']],
        ['logs', []],
      ] as const) {
        const writes = `SELECT DISTINCT seq FROM ${schema}._${signal} WHERE host = ${own}`
        for (const table of besides) await client.query(`DELETE FROM ${schema}.${table} WHERE seq IN (${writes})`)
        await client.query(`DELETE FROM ${schema}._counts WHERE signal = '${signal}' AND seq IN (${writes})`)
        await client.query(`DELETE FROM ${schema}._${signal} WHERE host = ${own}`)
      }
    }
    await client.query(`DELETE FROM ${schema}._stored WHERE host = $1`, [host])
    await client.query('COMMIT')
    return { spans, logs, alone: others === 0 }
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
