import type { MessagePort } from 'node:worker_threads'
import type {
  Facets,
  Heatmap,
  Histogram,
  LogPatterns,
  NodeTrend,
  Page,
  PartialNote,
  SelectionComparison,
  ServiceGraph,
  ServiceInfo,
  StorageStats,
  TagValue,
  TraceGroups,
  TraceSelection,
} from '../model/answers.ts'
import type { LogBatch, SpanBatch } from '../model/columns.ts'
import type { Filter, SpanChain } from '../model/filter.ts'
import type { LogRecord, Trace, TraceSummary } from '../model/records.ts'
import type { RunComparison, ServiceRuns } from '../model/runs.ts'
import type { TracePart, TracePartAnswer } from '../model/trace-parts.ts'
import type { MetricMoves } from './metric-move.ts'
import type { MetricStore } from './metric-store.ts'
import type { QueryContext } from './query-context.ts'
import type { TelemetryScanner } from './scan.ts'
import type { EngineUsage } from './usage.ts'

export type { Histogram, HistogramBucket, Page, ServiceInfo, StorageStats, TagValue } from '../model/answers.ts'
export type { MetricStats } from './metric-store.ts'
export type { QueryContext } from './query-context.ts'

/**
 * The contract of a storage engine. Time bounds are µs, start inclusive, end exclusive. "None" is an empty list, never
 * null, unless said. Errors are GlassboxError; a cancelled query throws `query_cancelled`, a late one `query_timeout`.
 *
 * Senders repeat spans whose answer was lost. Spans are one and the same when trace id, span id, service, kind, name,
 * start, duration and status are equal: such a span is stored and counted once. One sent again with another duration or
 * status is a span of its own. Log records have no identity: a repeated one is stored twice.
 */

/** What one write made of its rows. */
export interface WriteResult {
  /** Grows by one a write; a reader that has seen it sees the rows. */
  seq: number
  storedSpans: number
  storedLogs: number
  /** Spans that were stored already (a retried export); nothing is stored twice within the recent window. */
  duplicateSpans: number
  /** Spans of earlier writes that merging since found to be repeated, and dropped; absent = none. */
  mergedAway?: number
}

/** The write side. One writer at a time; a write is one transaction: all or nothing. The batches become the writer's. */
export interface TelemetryWriter {
  write(batches: { spans: SpanBatch[]; logs: LogBatch[] }): Promise<WriteResult>
  /**
   * Stores rows that were stored elsewhere before (a move between engines, a restore): they keep their time of receipt,
   * repeats are not looked for, and nothing waits in a queue: they are stored, or it throws. The cursor is kept under the
   * name of the move in the same transaction, so that who goes on after a crash brings nothing twice.
   */
  writeMoved(
    batches: { spans: SpanBatch[]; logs: LogBatch[] },
    place: { move: string; cursor: string },
  ): Promise<WriteResult>
  /** The cursor of the last `writeMoved` of this move; null before the first and after its end. */
  movedTo(move: string): Promise<string | null>
  /** Ends a move: its rows stay or, with `undo`, go. Answers what went. */
  endMove(move: string, undo: boolean): Promise<{ spans: number; logs: number }>
  /**
   * Ends a move by removing, in one transaction, all that was stored up to a mark of the scanner: what the move brought
   * takes its place. Engines without it have `replaceFile`.
   */
  replaceWithMove?(move: string, mark: string): Promise<{ spans: number; logs: number }>
}

export interface TraceQuery {
  start: number
  end: number
  /** Of the whole trace, µs. */
  minDuration: number | null
  maxDuration: number | null
  /** error = any span failed; ok = none did. */
  status: 'ok' | 'error' | null
  /** service, operation and filter hold on one and the same span. */
  service: string | null
  operation: string | null
  filter: Filter
  /** Conditions on the whole trace, by the tree of its spans; absent = none. */
  chains?: SpanChain[]
  limit: number
  cursor: string | null
  /** Absent = by start, newest first. `duration` = longest first. Of searchTraces only. */
  sort?: 'start' | 'duration'
}

/** Which node's calls are counted, in how many equal parts of the range. */
export interface NodeTrendQuery {
  start: number
  end: number
  /** As in `GraphNode.id`. */
  node: string
  buckets: number
}

export interface RunsQuery {
  service: string
  /** µs */
  start: number
  end: number
}

export interface LogQuery {
  start: number
  end: number
  /** At least this severity number. */
  severity: number | null
  service: string | null
  traceId: string | null
  spanId: string | null
  /** Only records that belong to a trace, or only those that belong to none; absent = both. */
  traced?: boolean
  filter: Filter
  limit: number
  cursor: string | null
}

export interface SqlResult {
  columns: string[]
  rows: unknown[][]
  truncated: boolean
  /** What the tables lack for damage of the storage; absent = nothing. */
  partial?: PartialNote
}

/** What arrived after `seq`, for live tails; newest first, capped, with the count of what the cap left out. */
export interface Changes {
  seq: number
  traces: TraceSummary[]
  logs: LogRecord[]
  skippedTraces: number
  skippedLogs: number
}

export interface TelemetryReader extends TelemetryScanner {
  /** Newest first by trace start, then by trace id; a cursor continues on the data as it was at the first page. */
  searchTraces(query: TraceQuery, context?: QueryContext): Promise<Page<TraceSummary>>
  /** Null when never seen; throws `trace_removed` with the time when retention took it. */
  trace(traceId: string, context?: QueryContext): Promise<Trace | null>
  /**
   * A part of a trace without reading it whole; null and errors as with `trace`. An engine may leave it out: the api
   * then cuts the part out of the whole trace.
   */
  tracePart?(traceId: string, part: TracePart, context?: QueryContext): Promise<TracePartAnswer | null>
  /** Counts traces in buckets by trace start; the same filter as searchTraces. */
  traceHistogram(query: TraceQuery, buckets: number, context?: QueryContext): Promise<Histogram>
  /** What sets those traces of a search that lie in the selection apart from the others; limit and cursor are passed over. */
  compareSelection(query: TraceQuery, selection: TraceSelection, context?: QueryContext): Promise<SelectionComparison>
  searchLogs(query: LogQuery, context?: QueryContext): Promise<Page<LogRecord>>
  logHistogram(query: LogQuery, buckets: number, context?: QueryContext): Promise<Histogram>
  services(range: { start: number; end: number }, context?: QueryContext): Promise<ServiceInfo[]>
  /** Who calls whom, from the spans that started in the range. */
  serviceGraph(range: { start: number; end: number }, context?: QueryContext): Promise<ServiceGraph>
  /** Calls of one node of that graph in equal parts of the range. */
  nodeTrend(query: NodeTrendQuery, context?: QueryContext): Promise<NodeTrend>
  /** Every start of a service that its spans in the range tell of. */
  serviceRuns(query: RunsQuery, context?: QueryContext): Promise<ServiceRuns>
  /** What is new, gone, slower or failing in one run of a service compared with another; both named as serviceRuns does. */
  serviceRunDifference(
    query: RunsQuery & { before: string; after: string },
    context?: QueryContext,
  ): Promise<RunComparison>
  /** Attribute keys by how often they occur, most frequent first. */
  tagKeys(signal: 'traces' | 'logs', context?: QueryContext): Promise<TagValue[]>
  tagValues(
    signal: 'traces' | 'logs',
    key: string,
    prefix: string,
    limit: number,
    context?: QueryContext,
  ): Promise<TagValue[]>
  operations(service: string | null, context?: QueryContext): Promise<TagValue[]>
  sql(query: string, limit: number, context?: QueryContext): Promise<SqlResult>
  changes(seq: number, limit: number): Promise<Changes>
  /** What lists are explored with; an engine without it has it made from pages of the newest (core/query/explore-pages.ts). */
  explore?: TelemetryExplorer
}

/** Counts over everything that a search finds; limit and cursor of the query are passed over. */
export interface TelemetryExplorer {
  /** Per value, how many traces have a span with it; at most `values` values a key. */
  traceFacets(query: TraceQuery, values: number, context?: QueryContext): Promise<Facets>
  traceHeatmap(query: TraceQuery, buckets: number, rows: number, context?: QueryContext): Promise<Heatmap>
  /** By `service` or `operation` of the root span, or by any attribute. */
  traceGroups(query: TraceQuery, by: string, context?: QueryContext): Promise<TraceGroups>
  logFacets(query: LogQuery, values: number, context?: QueryContext): Promise<Facets>
  logPatterns(query: LogQuery, context?: QueryContext): Promise<LogPatterns>
}

/** Rows that the storage refused, by signal. */
export interface RefusedRows {
  spans: number
  logs: number
}

export interface RetentionPolicy {
  /** 30 when absent. */
  metricsDays?: number
  tracesDays: number
  tracesBytes: number
  logsDays: number
}

/** An opened engine, as the host holds it. */
export interface TelemetryStore {
  readonly reader: TelemetryReader
  readonly metrics: MetricStore
  /** Metrics on their way to or from another engine. */
  readonly metricMoves: MetricMoves
  /** Direct writes from the host's own thread (imports go through the pipeline instead). */
  readonly writer: TelemetryWriter
  /**
   * A port on which another thread can call `write` of this store's writer by RPC, and is told (`refusedLater`, a
   * RefusedRows) of rows that were answered as stored while they waited on disk, and were refused since. When the writer behind it died and was
   * started anew, `renew` gets the port that takes its place; calls on the old one are never answered.
   */
  writerPort(renew?: (port: MessagePort) => void): MessagePort
  /**
   * Calls `told` when another host has written; an engine that one host alone writes to leaves it out.
   * @returns how to stop it
   */
  onForeignWrite?(told: () => void): () => void
  stats(): Promise<StorageStats>
  /**
   * Puts the telemetry file of `folder` in place of the one in use, which goes to `folder/old`; writes wait meanwhile. Only
   * engines that keep one file have it.
   */
  replaceFile?(folder: string): Promise<void>
  /**
   * The traces (32 hex digits each) that retention leaves alone from now on, with their logs; those that other hosts pinned
   * in the same store stay, too. A store that is away is told when it is back.
   */
  setPinned(traceIds: readonly string[]): void
  /** Applies the policy now; answers what it removed. */
  runRetention(
    policy: RetentionPolicy,
  ): Promise<{ spans: number; logs: number; bytesFreed: number; paused: string | null }>
  /** Where the bytes are; `services` and what follows from time is added by `storageUsage`. */
  usage(): Promise<EngineUsage>
  /** Removes all traces and logs that this host stored, and all metrics while no other host writes to the same store. */
  clear(): Promise<{ spans: number; logs: number }>
  /**
   * Merges small blocks until nothing is left to merge; writes go on in between.
   * @param goOn is told how many steps were done, by engines that have steps; false, or what it throws, ends it
   */
  compact(goOn?: (steps: number) => boolean): Promise<void>
  stop(): Promise<void>
}
