/** What queries answer about telemetry as a whole. Times are whole µs, sizes bytes. */

/** Why an answer is not all there is, in sentences; null when it is. */
export type PartialNote = { reason: string; hint: string } | null

export interface Page<T> {
  items: T[]
  nextCursor: string | null
  partial: PartialNote
}

export interface HistogramBucket {
  /** µs, start of the bucket. */
  time: number
  /** By series: traces use ok and error; logs use trace, debug, info, warn, error, fatal, unknown. */
  counts: Record<string, number>
}

export interface Histogram {
  bucketUs: number
  buckets: HistogramBucket[]
  total: number
}

export interface ServiceInfo {
  service: string
  spans: number
  errors: number
  logs: number
  firstSeen: number
  lastSeen: number
}

export interface TagValue {
  value: string
  count: number
}

export interface StorageStats {
  engine: 'sqlite' | 'postgres'
  spans: number
  logs: number
  traces: { bytes: number; blocks: number; oldest: number | null; newest: number | null }
  logsSize: { bytes: number; blocks: number; oldest: number | null; newest: number | null }
  /** Bytes on disk of telemetry, WAL included. */
  fileBytes: number
  walBytes: number
  freeBytes: number
  mode: 'normal' | 'disk-full' | 'read-only' | 'away'
  modeSince: number | null
  modeReason: string | null
  /** Why retention does nothing at the moment, if so (a clock that jumped). */
  retentionPaused: string | null
  /** Blocks whose checksums do not hold: left out of every answer, and of the counts above. `at` is when the last was found. */
  damaged?: { blocks: number; rows: number; at: number | null }
  /**
   * What waits on disk while the database server is away, and until all of it is stored. `storedPerSecond` is rows a second
   * that leave the queue; null while none do.
   */
  waiting?: { spans: number; logs: number; bytes: number; limitBytes: number; storedPerSecond?: number | null }
  /** What a crash of the database server took, in all; `at` is when the last loss was noticed. */
  lost?: { spans: number; logs: number; at: number | null }
}

/** Where the bytes of the store are, for the Storage screen. Days are of receipt, as retention counts. */
export interface StorageUsage {
  engine: 'sqlite' | 'postgres'
  /** `bytes` of rows without indexes. */
  signals: {
    signal: 'traces' | 'logs' | 'metrics'
    rows: number
    bytes: number
    oldest: number | null
    newest: number | null
  }[]
  days: { signal: 'traces' | 'logs'; day: number; rows: number; bytes: number }[]
  /** Largest first; bytes are the service's share of its signals by rows. */
  services: { service: string; spans: number; logs: number; bytes: number }[]
  indexBytes: number
  walBytes: number
  /** Free pages, or dead rows: space that comes back by itself. */
  wasteBytes: number
  /** Everything, what is listed above and what belongs to the format itself. */
  totalBytes: number
  /** On the disk of the data directory; null where it cannot be known. */
  freeBytes: number | null
  /** Average of the last seven days that are whole; null before there is one. */
  growthPerDay: number | null
  /** When traces reach `retention.traces.bytes` at that pace, µs; null = not, or not known. */
  capReachedAt: number | null
}

/** How a listening address fares. */
export interface ListenState {
  address: string
  listening: boolean
  /** Why not, in one sentence that names the program holding the port where known. */
  problem: string | null
}

/** Values of one key among what a search finds, most frequent first. */
export interface Facet {
  /** As the filter language names it: `service`, `name`, `severity`, or an attribute key. */
  key: string
  /** How many of the traces (or log records) have the key. */
  present: number
  /** How many distinct values there are; a floor once counting them stopped. */
  distinct: number
  values: TagValue[]
}

export interface Facets {
  /** How many traces (or log records) were counted. */
  total: number
  items: Facet[]
}

/** Traces by start and duration; durations lie on a log scale. */
export interface Heatmap {
  /** µs, start of the first column. */
  start: number
  bucketUs: number
  columns: number
  /** µs, ascending; row r holds durations from edges[r] up to, not including, edges[r + 1]. */
  edges: number[]
  /** Column by column, `edges.length - 1` counts each. */
  counts: number[]
  errors: number[]
  total: number
}

/** Traces that share a value. Durations are of whole traces, µs. */
export interface TraceGroup {
  value: string
  count: number
  errors: number
  p50: number
  p95: number
  p99: number
  max: number
}

export interface TraceGroups {
  total: number
  /** Most frequent first. */
  items: TraceGroup[]
  /** Traces in groups beyond those listed, and those without the key. */
  others: number
  without: number
}

/** A part of the traces that a search finds, by their start and whole duration, µs: a rectangle of the heat map. */
export interface TraceSelection {
  start: number
  /** Not included. */
  end: number
  minDuration: number | null
  /** Included. */
  maxDuration: number | null
}

/** How many traces of the selection and of the rest have a span with this value. */
export interface ComparedValue {
  /** Null stands for having the key at all, or for `range`. */
  value: string | null
  /** Numbers from `from` up to but without `to`; both the same for exactly this one. Absent = one value. */
  range?: { from: number; to: number }
  selection: number
  rest: number
  /** The least difference of the two shares that the counts still allow, 0..1; negative where the rest has it more. */
  difference: number
}

export interface ComparedKey {
  /** As the filter language names it: `service`, `name`, `kind`, `status`, or an attribute key. */
  key: string
  /** How many traces have the key. */
  selection: number
  rest: number
  /** Distinct values; a floor where `varied`. */
  distinct: number
  /** It has so many values (ids, mostly) that only frequent ones were compared. */
  varied: boolean
  /** Those that set the selection apart, most telling first. */
  values: ComparedValue[]
}

/** What sets a selection of traces apart from the rest of a search. */
export interface SelectionComparison {
  /** Traces compared, and traces there are: where these differ a sample was looked at. */
  selection: { traces: number; of: number }
  rest: { traces: number; of: number }
  /** Most telling first. */
  keys: ComparedKey[]
  /** Keys that were compared and differ by no more than chance. */
  alike: number
  /** Keys of so many values that none of them could tell anything. */
  varied: string[]
}

/** Log records whose messages differ only in numbers, ids and the like. */
export interface LogPattern {
  /** The message with `<*>` where records differ. */
  pattern: string
  count: number
  /** The highest severity number among them. */
  severity: number
  services: string[]
  /** µs */
  first: number
  last: number
  example: string
  /** Counts over the range, in equal steps. */
  trend: number[]
}

export interface LogPatterns {
  total: number
  items: LogPattern[]
  /** Records of patterns beyond those listed. */
  others: number
}

export type GraphNodeType = 'service' | 'database' | 'queue' | 'external'

/** Counts are scaled back by the sampling rate; durations are µs, quantiles within 5 %. */
export interface GraphCounts {
  calls: number
  errors: number
  p50: number | null
  p95: number | null
  p99: number | null
}

export interface GraphNode extends GraphCounts {
  /** The service's name, or `database:orders (postgresql)` for what does not report itself. */
  id: string
  name: string
  type: GraphNodeType
  /** Attributes of the service's resource that maps are grouped by; empty for what does not report itself. */
  labels: Record<string, string>
}

export interface GraphEdge extends GraphCounts {
  from: string
  to: string
}

/** Who calls whom, most calls first. */
export interface ServiceGraph {
  nodes: GraphNode[]
  edges: GraphEdge[]
  /** Spans looked at. */
  spans: number
  partial: { reason: string; hint: string } | null
}

/** The calls of one node of the map over time, counted as the map counts them. */
export interface NodeTrend {
  /** µs that a bucket is long. */
  step: number
  /** From the range's start on; `p95` is µs, null without a call. */
  buckets: { time: number; calls: number; errors: number; p95: number | null }[]
  partial: { reason: string; hint: string } | null
}

/** One line of the System screen; times are whole µs. */
export interface SystemSeries {
  group: string
  host: string
  name: string
  unit: string
  points: [time: number, value: number][]
}

export interface SystemMetrics {
  start: number
  end: number
  step: number
  /** 5-minute aggregates stand in for raw samples somewhere. */
  downsampled: boolean
  hosts: { name: string; lastSeen: number }[]
  series: SystemSeries[]
}

/** One figure of a machine or a process, as it was sampled. */
export interface FigureSeries {
  group: 'cpu' | 'memory' | 'processCpu' | 'processMemory' | 'eventLoop' | 'gc'
  /** `ratio` is a share of 1, of the machine for its own, of the time for garbage collection. */
  unit: 'ratio' | 'cores' | 'bytes' | 'seconds'
  metric: string
  /** Each value holds for the time since the one before it; else for its own moment. */
  covers: boolean
  /** Usual time between two samples, µs; 0 = not known. */
  interval: number
  /** The samples of the range, with the next one on each side. */
  points: [time: number, value: number][]
}

/** What the machine and the process of a span were doing. */
export interface MachineFigures {
  /** Whose `cpu` and `memory` these are; null = the span names no machine and several or none report. */
  host: string | null
  /** The span names no machine; this is the only one that reports. */
  assumed: boolean
  /** Several processes of the service report and the span does not say which is its own: none is shown. */
  severalProcesses: boolean
  series: FigureSeries[]
}

/** A service in the range. Durations are µs, rates a second, `errors` is a share of 1. */
export interface ServiceRow {
  service: string
  rate: number
  errors: number
  p50: number | null
  p95: number | null
  p99: number | null
  /** The middle of its P99 before the range, or within it where there is nothing before. */
  usualP99: number | null
  /** p99 / usualP99 */
  change: number | null
  /** The highest point of `trend`. */
  peak: { time: number; value: number } | null
  /** P99 over the range. */
  trend: [time: number, value: number][]
}

/** A slow request that was kept: its trace stands for it. µs. */
export interface SystemExemplar {
  time: number
  value: number
  traceId: string
  spanId: string
  service: string
}

/** Something that happened at a moment, µs. */
export interface SystemMark {
  kind: 'deploy'
  time: number
  service: string
  version: string
}

/** Latency and errors of services over a range; requests are counted before sampling. Times are whole µs. */
export interface ServiceHealth {
  start: number
  end: number
  step: number
  trendStep: number
  /** Those that changed most come first. */
  services: ServiceRow[]
  /** Of the service asked for, or of all together: durations µs, errors a share of 1, rate a second. */
  lines: Record<'p50' | 'p95' | 'p99' | 'errors' | 'rate', [time: number, value: number][]>
  exemplars: SystemExemplar[]
  marks: SystemMark[]
}

/** A machine that a host collector reports, here or through an agent; times are whole µs. */
export interface HostInfo {
  name: string
  lastSeen: number
  /** Seen within three of its rounds, half a minute at least. */
  online: boolean
  /** Of Glassbox's collector there; null when something else reports the machine. */
  version: string | null
  os: string | null
  arch: string | null
  /** Time between two rounds. */
  interval: number | null
  /** What the collector cannot read, with the reason. */
  unreadable: { what: string; why: string }[]
}
