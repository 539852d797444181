import type pg from 'pg'

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
      // Durable tables keep their rows: only what is really gone is lost.
      const { rows } = await client.query(`
        WITH counted AS (
          SELECT coalesce(sum(rows) FILTER (WHERE signal = 'traces'), 0) AS spans,
                 coalesce(sum(rows) FILTER (WHERE signal = 'logs'), 0) AS logs FROM ${schema}._stored),
        there AS (
          SELECT (SELECT count(*) FROM ${schema}._traces) AS spans, (SELECT count(*) FROM ${schema}._logs) AS logs)
        SELECT counted.spans - there.spans AS spans, counted.logs - there.logs AS logs, there.spans + there.logs AS kept
        FROM counted, there`)
      const { spans, logs, kept } = rows[0] as { spans: number; logs: number; kept: number }
      lost = { spans, logs }
      await client.query(`INSERT INTO ${schema}._losses (spans, logs) VALUES ($1, $2)`, [spans, logs])
      if (kept === 0) await client.query(`DELETE FROM ${schema}._stored`)
      await client.query(`INSERT INTO ${schema}._marker VALUES (true) ON CONFLICT DO NOTHING`)
    }
    await client.query('COMMIT')
    return lost
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
