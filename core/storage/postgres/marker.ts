import type pg from 'pg'
import { partitionName } from './parts.ts'
import { unsettleAll } from './settled-parts.ts'

/**
 * A server that crashed empties UNLOGGED tables, and with them the marker row. What was stored is counted in a logged
 * table; the loss is written down once, by whichever host sees it first.
 * @returns what was lost, or null when all is there
 */
export async function noticeEmptied(
  client: pg.ClientBase,
  schema: string,
): Promise<{ spans: number; logs: number } | null> {
  const { rowCount } = await client.query(`SELECT 1 FROM ${schema}._marker`)
  if (rowCount !== 0) return null
  await client.query('BEGIN')
  try {
    await client.query(`LOCK TABLE ${schema}._stored IN SHARE ROW EXCLUSIVE MODE`)
    const again = await client.query(`SELECT 1 FROM ${schema}._marker`)
    let lost = null
    if (again.rowCount === 0) {
      const counted = await countEmptied(client, schema)
      await unsettleAll(client, schema)
      if (counted.spans + counted.logs > 0) {
        lost = counted
        await client.query(`INSERT INTO ${schema}._losses (spans, logs) VALUES ($1, $2)`, [lost.spans, lost.logs])
      }
      await client.query(`INSERT INTO ${schema}._marker VALUES (true) ON CONFLICT DO NOTHING`)
    }
    await client.query('COMMIT')
    return lost
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Durable parts keep their rows: what was counted in parts that hold nothing now is lost. */
async function countEmptied(client: pg.ClientBase, schema: string): Promise<{ spans: number; logs: number }> {
  const lost = { spans: 0, logs: 0 }
  const { rows } = await client.query(
    `SELECT part, signal, sum(rows) AS rows FROM ${schema}._stored GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  for (const { part, signal, rows: counted } of rows as { part: number; signal: 'traces' | 'logs'; rows: number }[]) {
    const kept = await client.query(`SELECT 1 FROM ${schema}.${partitionName(signal, part)} LIMIT 1`)
    if (kept.rowCount !== 0) continue
    lost[signal === 'traces' ? 'spans' : 'logs'] += counted
    for (const table of ['_stored', '_counts'])
      await client.query(`DELETE FROM ${schema}.${table} WHERE part = $1 AND signal = $2`, [part, signal])
  }
  return lost
}
