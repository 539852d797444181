import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Transferred } from '../../../base/rpc.ts'
import type { TraceSelection } from '../../../model/answers.ts'
import { batchBuffers } from '../../../model/columns.ts'
import { seriesBuffers } from '../../../model/packed-series.ts'
import type { TracePart } from '../../../model/trace-parts.ts'
import type { MetricScanRequest } from '../../metric-move.ts'
import type { ScanRequest, SumsRequest } from '../../scan.ts'
import type { LogQuery, NodeTrendQuery, RunsQuery, TraceQuery } from '../../store.ts'
import { scanBlocks, scanExtras } from '../metrics/move-metrics.ts'
import { type ExemplarsQuery, readExemplars, readSamples, type SamplesQuery } from '../metrics/read-samples.ts'
import type { BlockCache } from './block-cache.ts'
import { changesSince } from './changes.ts'
import { compareSelection } from './compare-selection.ts'
import { logFacets, logPatterns } from './facet-logs.ts'
import { traceFacets, traceGroups, traceHeatmap } from './facet-traces.ts'
import { missingOf, withoutDamaged } from './missing-blocks.ts'
import type { QueryGuard } from './query-guard.ts'
import { serviceRunDifference, serviceRuns } from './runs.ts'
import { contentSums, scan, scanMark } from './scan.ts'
import { logHistogram, searchLogs } from './search-logs.ts'
import { searchTraces, traceHistogram } from './search-traces.ts'
import { nodeTrend, serviceGraph } from './service-graph.ts'
import { runSql } from './sql.ts'
import { operations, services, tagKeys, tagValues } from './tags.ts'
import { readTracePart } from './trace-part.ts'
import { readTrace } from './trace-read.ts'

const EVER = { start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY }

interface TagQuery {
  signal: 'traces' | 'logs'
  key: string
  prefix: string
  limit: number
}

/** What a reading thread can be asked, by name; each runs in one read transaction of the connection given. */
export function readMethods(db: Database.Database, cache: BlockCache) {
  const query =
    <T, R>(work: (argument: T, guard: QueryGuard) => R) =>
    (argument: T, guard: QueryGuard): R => {
      guard.check()
      // One snapshot a query, so that merging cannot take a block away meanwhile.
      db.exec('BEGIN')
      try {
        return withoutDamaged(cache, () => work(argument, guard))
      } finally {
        db.exec('COMMIT')
      }
    }
  return {
    searchTraces: query((argument: TraceQuery, guard) => ({
      ...searchTraces(cache, guard, argument),
      partial: missingOf(cache, 'span', argument),
    })),
    trace: query((traceId: string, guard) => readTrace(db, cache, guard, traceId)),
    tracePart: query((argument: { traceId: string; part: TracePart }, guard) =>
      readTracePart(db, cache, guard, argument.traceId, argument.part),
    ),
    traceHistogram: query((argument: { query: TraceQuery; buckets: number }, guard) =>
      traceHistogram(cache, guard, argument.query, argument.buckets),
    ),
    searchLogs: query((argument: LogQuery, guard) => ({
      ...searchLogs(cache, guard, argument),
      partial: missingOf(cache, 'log', argument),
    })),
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
    compareSelection: query((argument: { query: TraceQuery; selection: TraceSelection }, guard) =>
      compareSelection(cache, guard, argument.query, argument.selection),
    ),
    logFacets: query((argument: { query: LogQuery; values: number }, guard) =>
      logFacets(cache, guard, argument.query, argument.values),
    ),
    logPatterns: query((argument: LogQuery, guard) => logPatterns(cache, guard, argument)),
    scanMark: query(() => scanMark(db)),
    scan: query((request: ScanRequest, guard) => {
      const part = scan(db, cache, guard, request)
      return new Transferred(part, [...part.spans, ...part.logs].flatMap(batchBuffers))
    }),
    contentSums: (request: SumsRequest, guard: QueryGuard) => contentSums(db, cache, guard, request),
    serviceGraph: query((range: { start: number; end: number }, guard) => serviceGraph(cache, guard, range)),
    nodeTrend: query((argument: NodeTrendQuery, guard) => nodeTrend(cache, guard, argument)),
    serviceRuns: query((argument: RunsQuery, guard) => serviceRuns(cache, guard, argument)),
    serviceRunDifference: query((argument: RunsQuery & { before: string; after: string }, guard) =>
      serviceRunDifference(cache, guard, argument),
    ),
    metricSamples: query((argument: SamplesQuery, guard) => {
      const result = readSamples(db, guard, argument)
      return new Transferred(result, seriesBuffers(result.series))
    }),
    metricExemplars: query((argument: ExemplarsQuery, guard) => readExemplars(db, guard, argument)),
    scanMetrics: query((request: MetricScanRequest, guard) => scanBlocks(db, guard, request)),
    scanMetricExtras: query(() => scanExtras(db)),
    services: query((range: { start: number; end: number }, guard) => services(cache, guard, range)),
    tagKeys: query((signal: 'traces' | 'logs') => tagKeys(cache, signal)),
    tagValues: query((argument: TagQuery, guard) => tagValues(cache, guard, argument)),
    operations: query((service: string | null, guard) => operations(cache, guard, service)),
    sql: query((argument: { query: string; limit: number }, guard) => {
      const result = runSql(db, cache, guard, argument.query, argument.limit)
      const partial = missingOf(cache, 'span', EVER) ?? missingOf(cache, 'log', EVER)
      return partial ? { ...result, partial } : result
    }),
    changes: query((argument: { seq: number; limit: number }, guard) =>
      changesSince(cache, guard, argument.seq, argument.limit),
    ),
  }
}

/** A read-only connection to the telemetry file of `dataDir`, which the writer must have made. */
export function openReadConnection(dataDir: string): Database.Database {
  const db = new Database(join(dataDir, 'auxiliary.db'), { readonly: true, fileMustExist: true })
  db.pragma('mmap_size = 0')
  db.pragma('cache_size = -4096')
  return db
}
