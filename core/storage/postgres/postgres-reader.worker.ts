import { parentPort, workerData } from 'node:worker_threads'
import { serveRpc, Transferred } from '../../base/rpc.ts'
import type { TraceSelection } from '../../model/answers.ts'
import { batchBuffers } from '../../model/columns.ts'
import { seriesBuffers } from '../../model/packed-series.ts'
import { partOfTrace, type TracePart } from '../../model/trace-parts.ts'
import { ContentSums } from '../content-sum.ts'
import type { MetricScanRequest } from '../metric-move.ts'
import { type ScanRequest, SUMS_ROWS, type SumsPart, type SumsRequest } from '../scan.ts'
import type { ExemplarsQuery, SamplesQuery } from '../sqlite/metrics/read-samples.ts'
import type { LogQuery, NodeTrendQuery, RunsQuery, TraceQuery } from '../store.ts'
import { changesSince, SeenWrites } from './changes.ts'
import { compareSelection } from './compare-selection.ts'
import type { PostgresTarget } from './connection.ts'
import { scanExtras, scanMoved } from './metrics/move-metrics.ts'
import { readChunks, readExemplars } from './metrics/read-chunks.ts'
import { serviceRunDifference, serviceRuns } from './runs.ts'
import { scan, scanMark } from './scan.ts'
import { logHistogram, searchLogs } from './search-logs.ts'
import { searchTraces, traceHistogram } from './search-traces.ts'
import { nodeTrend, serviceGraph } from './service-graph.ts'
import { type Session, Sessions, type Stoppable } from './session.ts'
import { SpreadTraces } from './spread-traces.ts'
import { runSql } from './sql.ts'
import { operations, services, tagKeys, tagValues } from './tags.ts'
import { readTrace } from './trace-read.ts'

/** The reading thread: what comes from the server is read into rows here, never on the main thread. */
if (!parentPort) throw new Error('postgres-reader.worker.ts runs as a worker')
const spread = new SpreadTraces()
const sessions = new Sessions(workerData as PostgresTarget, spread)
const running = new Map<number, Stoppable>()
const seen = new SeenWrites()

/** A query's arguments, its number for stopping it, and its time limit. */
interface Asked<T> {
  id: number
  argument: T
  timeoutMs: number
}

function query<T, R>(work: (session: Session, argument: T) => Promise<R>): (asked: Asked<T>) => Promise<R> {
  return async ({ id, argument, timeoutMs }) => {
    try {
      return await sessions.run(
        timeoutMs,
        (stoppable) => running.set(id, stoppable),
        (session) => work(session, argument),
      )
    } finally {
      running.delete(id)
    }
  }
}

/** Adds up what a scan would bring; each step is a short transaction of its own. */
async function contentSums({ id, argument, timeoutMs }: Asked<SumsRequest>): Promise<SumsPart> {
  const sums = new ContentSums(argument.distinct)
  const only = argument.days && new Set(argument.days)
  const step = query((session, request: ScanRequest) => scan(session, request))
  let after = argument.after
  let rows = 0
  for (;;) {
    const part = await step({ id, argument: { ...argument, after }, timeoutMs })
    for (const batch of [...part.spans, ...part.logs]) {
      sums.add(batch, only)
      rows += batch.n
    }
    after = part.cursor
    if (part.done || (!argument.distinct && rows >= SUMS_ROWS)) {
      return { sums: sums.days(), rows, cursor: part.cursor, done: part.done }
    }
  }
}

serveRpc(parentPort, {
  scanMark: query((session) => scanMark(session)),
  scan: async (asked: Asked<ScanRequest>) => {
    const part = await query((session, request: ScanRequest) => scan(session, request))(asked)
    return new Transferred(part, [...part.spans, ...part.logs].flatMap(batchBuffers))
  },
  contentSums,
  searchTraces: query((session, argument: TraceQuery) => searchTraces(session, argument)),
  trace: query((session, traceId: string) => readTrace(session, traceId)),
  tracePart: query(async (session, { traceId, part }: { traceId: string; part: TracePart }) => {
    const trace = await readTrace(session, traceId)
    return trace && partOfTrace(trace, part)
  }),
  traceHistogram: query((session, argument: { query: TraceQuery; buckets: number }) =>
    traceHistogram(session, argument.query, argument.buckets),
  ),
  compareSelection: query((session, argument: { query: TraceQuery; selection: TraceSelection }) =>
    compareSelection(session, argument.query, argument.selection),
  ),
  searchLogs: query((session, argument: LogQuery) => searchLogs(session, argument)),
  logHistogram: query((session, argument: { query: LogQuery; buckets: number }) =>
    logHistogram(session, argument.query, argument.buckets),
  ),
  services: query((session, range: { start: number; end: number }) => services(session, range)),
  serviceGraph: query((session, range: { start: number; end: number }) => serviceGraph(session, range)),
  nodeTrend: query((session, argument: NodeTrendQuery) => nodeTrend(session, argument)),
  serviceRuns: query((session, argument: RunsQuery) => serviceRuns(session, argument)),
  serviceRunDifference: query((session, argument: RunsQuery & { before: string; after: string }) =>
    serviceRunDifference(session, argument),
  ),
  tagKeys: query((session, signal: 'traces' | 'logs') => tagKeys(session, signal)),
  tagValues: query((session, argument: { signal: 'traces' | 'logs'; key: string; prefix: string; limit: number }) =>
    tagValues(session, argument.signal, argument.key, argument.prefix, argument.limit),
  ),
  operations: query((session, service: string | null) => operations(session, service)),
  sql: query((session, argument: { query: string; limit: number }) => runSql(session, argument.query, argument.limit)),
  changes: query((session, argument: { seq: number; limit: number }) =>
    changesSince(session, seen, argument.seq, argument.limit),
  ),
  metricSamples: query(async (session, argument: SamplesQuery) => {
    const result = await readChunks(session, argument)
    return new Transferred(result, seriesBuffers(result.series))
  }),
  metricExemplars: query((session, argument: ExemplarsQuery) => readExemplars(session, argument)),
  scanMetrics: query((session, request: MetricScanRequest) => scanMoved(session, request)),
  scanMetricExtras: query((session) => scanExtras(session)),
  cancel: ({ id, why }: { id: number; why: number }) => running.get(id)?.stop(why),
  stop: () => sessions.stop(),
})

/** The first look at which traces reach far passes all of them: it is taken before somebody waits for a histogram. */
const FIRST_LOOK_MS = 60_000
void sessions
  .run(
    FIRST_LOOK_MS,
    () => undefined,
    (session) => spread.within(session, 0, 0),
  )
  .catch(() => sessions.forgetFailure())
