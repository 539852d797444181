import type pg from 'pg'
import type { EngineUsage } from '../usage.ts'
import { dayOfPart } from './parts.ts'

interface Partition {
  /** `_traces_20260115_000`, or `_metric_chunks_20260115`. */
  name: string
  parent: string
  heap: number
  indexes: number
  rows: number
  dead: number
}

interface StoredRow {
  signal: 'traces' | 'logs'
  part: number
  rows: number
  min_time: number
  max_time: number
}

interface Size {
  heap: number
  indexes: number
  waste: number
}

/** Where the bytes of the schema are. Rows by day come from what every write counted; extents count as an index of spans. */
export async function storageUsage(client: pg.ClientBase, schema: string): Promise<EngineUsage> {
  const partitions = await readPartitions(client, schema)
  const { rows } = await client.query(
    `SELECT signal, part, sum(rows) AS rows, min(min_time) AS min_time, max(max_time) AS max_time
     FROM ${schema}._stored WHERE rows > 0 GROUP BY 1, 2 ORDER BY 2`,
    [],
  )
  const stored = rows as StoredRow[]
  const metrics = await readMetrics(client, schema)
  const { rows: totals } = await client.query(
    `SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS bytes FROM pg_class
     WHERE relnamespace = $1::regnamespace AND relkind IN ('r', 'm')`,
    [schema],
  )
  const sizes = sizesByDay(partitions)
  const all = [...sizes.values()]
  const chunks = partitions.filter(({ parent }) => parent === '_metric_chunks')
  return {
    engine: 'postgres',
    signals: [
      ...(['traces', 'logs'] as const).map((signal) => signalUsage(signal, stored, sizes)),
      { ...metrics, signal: 'metrics', bytes: metrics.bytes + chunks.reduce((sum, { heap }) => sum + heap, 0) },
    ],
    days: daysOf(stored).map((day) => {
      const size = sizes.get(`${day.signal} ${day.day}`)
      return { ...day, bytes: size ? size.heap + size.indexes : 0 }
    }),
    indexBytes: all.reduce((sum, { indexes }) => sum + indexes, 0) + chunks.reduce((sum, one) => sum + one.indexes, 0),
    walBytes: 0,
    wasteBytes: all.reduce((sum, { waste }) => sum + waste, 0),
    totalBytes: (totals[0] as { bytes: number }).bytes,
    freeBytes: null,
  }
}

async function readPartitions(client: pg.ClientBase, schema: string): Promise<Partition[]> {
  const { rows } = await client.query(
    `SELECT child.relname AS name, parent.relname AS parent, pg_table_size(child.oid) AS heap,
       pg_indexes_size(child.oid) AS indexes, greatest(s.n_live_tup, 0) AS rows, coalesce(s.n_dead_tup, 0) AS dead
     FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid JOIN pg_class parent ON parent.oid = i.inhparent
     LEFT JOIN pg_stat_all_tables s ON s.relid = child.oid
     WHERE parent.relnamespace = $1::regnamespace AND parent.relkind = 'p'`,
    [schema],
  )
  return rows as Partition[]
}

async function readMetrics(client: pg.ClientBase, schema: string) {
  const { rows } = await client.query(
    `SELECT coalesce(sum(samples), 0) AS rows, min(start) * 1000 AS oldest, max(until) * 1000 AS newest,
       (SELECT coalesce(sum(samples), 0) FROM ${schema}._metric_log) AS waiting,
       pg_table_size('${schema}._metric_log') + pg_table_size('${schema}._metric_series') AS bytes
     FROM ${schema}._metric_chunks WHERE kind = 0`,
  )
  const { rows: counted, waiting, oldest, newest, bytes } = rows[0] as Record<string, number>
  return { rows: counted + waiting, oldest: oldest as number | null, newest: newest as number | null, bytes }
}

/** By signal and UTC day. */
function sizesByDay(partitions: Partition[]): Map<string, Size> {
  const sizes = new Map<string, Size>()
  for (const { name, parent, heap, indexes, rows, dead } of partitions) {
    const date = /_(\d{4})(\d\d)(\d\d)/.exec(name)
    if (!date || parent === '_metric_chunks') continue
    const day = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3])) / 86_400_000
    const key = `${parent === '_logs' ? 'logs' : 'traces'} ${day}`
    const before = sizes.get(key) ?? { heap: 0, indexes: 0, waste: 0 }
    const extents = parent === '_extents' || parent === '_whole'
    sizes.set(key, {
      heap: before.heap + (extents ? 0 : heap),
      indexes: before.indexes + indexes + (extents ? heap : 0),
      waste: before.waste + (dead === 0 || extents ? 0 : Math.round((heap * dead) / (rows + dead))),
    })
  }
  return sizes
}

function signalUsage(signal: 'traces' | 'logs', stored: StoredRow[], sizes: Map<string, Size>) {
  const own = stored.filter((row) => row.signal === signal)
  return {
    signal,
    rows: own.reduce((sum, { rows }) => sum + rows, 0),
    bytes: [...sizes].reduce((sum, [key, { heap, waste }]) => sum + (key.startsWith(signal) ? heap - waste : 0), 0),
    oldest: own.length === 0 ? null : Math.min(...own.map(({ min_time }) => min_time)),
    newest: own.length === 0 ? null : Math.max(...own.map(({ max_time }) => max_time)),
  }
}

function daysOf(stored: StoredRow[]): { signal: 'traces' | 'logs'; day: number; rows: number }[] {
  const days = new Map<string, { signal: 'traces' | 'logs'; day: number; rows: number }>()
  for (const { signal, part, rows } of stored) {
    const day = dayOfPart(part)
    const key = `${signal} ${day}`
    days.set(key, { signal, day, rows: (days.get(key)?.rows ?? 0) + rows })
  }
  return [...days.values()]
}
