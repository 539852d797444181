import type pg from 'pg'
import { idBytes } from './session.ts'

/**
 * Traces that retention leaves alone, by the host that pinned them: one host holds the lease and removes, all have pins.
 * Always logged: it outlives a crash, as the pins themselves do.
 */
export const PINNED_TABLE =
  'CREATE TABLE IF NOT EXISTS SCHEMA._pinned (host text NOT NULL, trace_id bytea NOT NULL, PRIMARY KEY (host, trace_id))'

/** Makes these the pins of this host. */
export async function savePinned(
  client: pg.ClientBase,
  schema: string,
  host: string,
  traceIds: readonly string[],
): Promise<void> {
  const ids = traceIds.map(idBytes)
  await client.query(`DELETE FROM ${schema}._pinned WHERE host = $1 AND NOT trace_id = ANY($2::bytea[])`, [host, ids])
  await client.query(
    `INSERT INTO ${schema}._pinned SELECT $1, unnest($2::bytea[]) ON CONFLICT (host, trace_id) DO NOTHING`,
    [host, ids],
  )
}
