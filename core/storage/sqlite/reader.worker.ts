import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { serveRpc } from '../../base/rpc.ts'
import type { LogQuery, TraceQuery } from '../store.ts'
import { BlockCache } from './block-cache.ts'
import { changesSince } from './changes.ts'
import { logFacets, logPatterns } from './facet-logs.ts'
import { traceFacets, traceGroups, traceHeatmap } from './facet-traces.ts'
import { QueryGuard } from './query-guard.ts'
import { logHistogram, searchLogs } from './search-logs.ts'
import { searchTraces, traceHistogram } from './search-traces.ts'
import { serviceGraph } from './service-graph.ts'
import { runSql } from './sql.ts'
import { operations, services, tagKeys, tagValues } from './tags.ts'
import { readTrace } from './trace-read.ts'

/** One reading thread: a read-only connection and its cache of blocks. */
if (!parentPort) throw new Error('reader.worker.ts runs as a worker')
const db = new Database(join((workerData as { dataDir: string }).dataDir, 'auxiliary.db'), {
  readonly: true,
  fileMustExist: true,
})
db.pragma('mmap_size = 268435456')
db.pragma('cache_size = -4096')
const cache = new BlockCache(db)
const IDLE_MS = 60_000
let idle: NodeJS.Timeout | null = null

/** A query's arguments and the flag that its asker may raise. */
interface Asked<T> {
  argument: T
  flag: SharedArrayBuffer
}

/** Runs `work` in one read transaction, so that merging cannot take a block away meanwhile. */
function query<T, R>(work: (argument: T, guard: QueryGuard) => R): (asked: Asked<T>) => R {
  return ({ argument, flag }) => {
    const guard = new QueryGuard(new Int32Array(flag))
    guard.check()
    if (idle) clearTimeout(idle)
    idle = setTimeout(() => cache.clear(), IDLE_MS)
    idle.unref()
    db.exec('BEGIN')
    try {
      return work(argument, guard)
    } finally {
      db.exec('COMMIT')
    }
  }
}

serveRpc(parentPort, {
  searchTraces: query((argument: TraceQuery, guard) => searchTraces(cache, guard, argument)),
  trace: query((traceId: string, guard) => readTrace(db, cache, guard, traceId)),
  traceHistogram: query((argument: { query: TraceQuery; buckets: number }, guard) =>
    traceHistogram(cache, guard, argument.query, argument.buckets),
  ),
  searchLogs: query((argument: LogQuery, guard) => searchLogs(cache, guard, argument)),
  logHistogram: query((argument: { query: LogQuery; buckets: number }, guard) =>
    logHistogram(cache, guard, argument.query, argument.buckets),
  ),
  traceFacets: query((argument: { query: TraceQuery; values: number }, guard) =>
    traceFacets(cache, guard, argument.query, argument.values),
  ),
  traceHeatmap: query((argument: { query: TraceQuery; buckets: number; rows: number }, guard) =>
    traceHeatmap(cache, guard, argument.query, argument),
  ),
  traceGroups: query((argument: { query: TraceQuery; by: string }, guard) =>
    traceGroups(cache, guard, argument.query, argument.by),
  ),
  logFacets: query((argument: { query: LogQuery; values: number }, guard) =>
    logFacets(cache, guard, argument.query, argument.values),
  ),
  logPatterns: query((argument: LogQuery, guard) => logPatterns(cache, guard, argument)),
  services: query((range: { start: number; end: number }, guard) => services(cache, guard, range)),
  serviceGraph: query((range: { start: number; end: number }, guard) => serviceGraph(cache, guard, range)),
  tagKeys: query((signal: 'traces' | 'logs') => tagKeys(cache, signal)),
  tagValues: query((argument: { signal: 'traces' | 'logs'; key: string; prefix: string; limit: number }, guard) =>
    tagValues(cache, guard, argument),
  ),
  operations: query((service: string | null, guard) => operations(cache, guard, service)),
  sql: query((argument: { query: string; limit: number }, guard) =>
    runSql(cache, guard, argument.query, argument.limit),
  ),
  changes: query((argument: { seq: number; limit: number }, guard) =>
    changesSince(cache, guard, argument.seq, argument.limit),
  ),
})
