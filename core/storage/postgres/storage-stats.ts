import type pg from 'pg'
import type { StorageStats } from '../store.ts'

/** What is stored, from the counts of every write and the sizes of the partitions. */
export async function readStats(client: pg.ClientBase, schema: string): Promise<StorageStats> {
  const { rows } = await client.query(
    `SELECT parent.relname AS parent, count(*) AS partitions, coalesce(sum(pg_total_relation_size(child.oid)), 0) AS bytes
     FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
     WHERE parent.relnamespace = $1::regnamespace AND parent.relname IN ('_traces', '_extents', '_whole', '_logs') GROUP BY 1`,
    [schema],
  )
  const sizes = new Map(
    (rows as { parent: string; partitions: number; bytes: number }[]).map((row) => [row.parent, row]),
  )
  const counted = await client.query(
    `SELECT signal, sum(rows) AS rows, min(min_time) AS oldest, max(max_time) AS newest FROM ${schema}._stored WHERE rows > 0 GROUP BY 1`,
  )
  const lost = await client.query(
    `SELECT coalesce(sum(spans), 0) AS spans, coalesce(sum(logs), 0) AS logs, (extract(epoch FROM max(at)) * 1e6)::int8 AS at FROM ${schema}._losses`,
  )
  const counts = new Map(
    (counted.rows as { signal: string; rows: number; oldest: number; newest: number }[]).map((row) => [
      row.signal,
      row,
    ]),
  )
  const bytesOf = (...tables: string[]): number =>
    tables.reduce((sum, table) => sum + (sizes.get(table)?.bytes ?? 0), 0)
  const of = (signal: 'traces' | 'logs') => ({
    bytes: signal === 'traces' ? bytesOf('_traces', '_extents', '_whole') : bytesOf('_logs'),
    blocks: sizes.get(`_${signal}`)?.partitions ?? 0,
    oldest: counts.get(signal)?.oldest ?? null,
    newest: counts.get(signal)?.newest ?? null,
  })
  const traces = of('traces')
  const logsSize = of('logs')
  return {
    engine: 'postgres',
    spans: counts.get('traces')?.rows ?? 0,
    logs: counts.get('logs')?.rows ?? 0,
    traces,
    logsSize,
    fileBytes: traces.bytes + logsSize.bytes,
    walBytes: 0,
    freeBytes: 0,
    mode: 'normal',
    modeSince: null,
    modeReason: null,
    retentionPaused: null,
    lost: lost.rows[0] as StorageStats['lost'],
  }
}

/** Of a server that was not reached since the start. */
export function unknownStats(): StorageStats {
  const nothing = { bytes: 0, blocks: 0, oldest: null, newest: null }
  return {
    engine: 'postgres',
    spans: 0,
    logs: 0,
    traces: nothing,
    logsSize: nothing,
    fileBytes: 0,
    walBytes: 0,
    freeBytes: 0,
    mode: 'away',
    modeSince: null,
    modeReason: null,
    retentionPaused: null,
  }
}
