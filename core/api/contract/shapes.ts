/**
 * Every shape that crosses the api, for the server and the renderer alike. Times and durations are whole µs.
 * The read model itself (TraceSummary, Trace, LogRecord) is core/model/records.ts.
 */

import type { SettingInfo } from '../../config/setting-catalogue.ts'
import type { SettingSource } from '../../config/settings.ts'
import type { SettingsImport } from '../../config/settings-file.ts'
import type { ListenState, StorageStats } from '../../model/answers.ts'
import type { Job } from '../../model/job.ts'
import type { LogRecord, TraceSummary } from '../../model/records.ts'
import type { Ledger } from '../../pipeline/ledger.ts'

export type {
  ComparedKey,
  ComparedValue,
  Facet,
  Facets,
  Heatmap,
  Histogram,
  HistogramBucket,
  HostInfo,
  ListenState,
  LogPattern,
  LogPatterns,
  Page,
  SelectionComparison,
  ServiceInfo,
  StorageStats,
  StorageUsage,
  TagValue,
  TraceGroup,
  TraceGroups,
  TraceSelection,
} from '../../model/answers.ts'

export type {
  BackupContent,
  BackupDay,
  BackupEstimate,
  BackupItem,
  BackupRun,
  BackupsAnswer,
  BackupTargetState,
  ConfigDifference,
  RestoreItem,
  RestorePlan,
  TargetTest,
} from '../../model/backup.ts'
export type { ImportAnswer } from '../../model/import.ts'
export type {
  RunChange,
  RunComparison,
  RunDatabaseCalls,
  RunError,
  RunFigures,
  RunOperation,
  ServiceRun,
  ServiceRuns,
} from '../../model/runs.ts'
export type { StorageTest, StorageTestStep } from '../../model/storage-test.ts'
export type { FindAnswer, SpanAnswer, ValuesAnswer } from '../../model/trace-parts.ts'
export type { SettingInfo, SettingsImport }

/** RFC 9457 problem details with a hint that says what to do. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  hint: string
  requestId: string
}

/** `pending`: changed since the start, which alone takes it up. */
export type SettingsAnswer = Record<string, { value: unknown; default: unknown; source: SettingSource; pending?: true }>

/** `GET /api/pipeline` is the Ledger itself plus `glassbox`. */
export type PipelineAnswer = Ledger & { glassbox: PipelineState }

export interface PipelineState {
  sampleRate: number
  breaker: 'closed' | 'open' | 'half-open'
  spansPerSecond: number
  logsPerSecond: number
  /** Own cost: share of one core (0..1), resident bytes. */
  cpu: number
  rssBytes: number
  startedAt: number
}

/** `GET /api/status`: where to send, and how the host is. */
export interface StatusAnswer {
  version: string
  endpoints: { otlp: ListenState; otlpGrpc: ListenState; api: string }
  storage: StorageStats
  intake: IntakeReport
}

/** The intake doctor: who connected and what went wrong. */
export interface IntakeReport {
  senders: IntakeSender[]
  findings: IntakeFinding[]
}

export interface IntakeSender {
  peer: string
  transport: 'otlp-http' | 'otlp-grpc' | 'zipkin' | 'remote-write'
  encoding: string
  services: string[]
  /** Spans, log records and metric points. */
  accepted: number
  /** Of these the metric points, which are stored by the time they are answered. */
  points: number
  rejected: number
  lastSeen: number
}

export type FindingKind =
  | 'port-taken'
  | 'wrong-protocol'
  | 'cors-refused'
  | 'host-refused'
  | 'rejected'
  | 'malformed'
  | 'too-large'
  | 'unsupported'
  | 'wrong-path'
  | 'unauthorized'
  | 'clock-skew'
  | 'missing-service-name'
  | 'overload'
  | 'series-limit'
  | 'scrape'

export interface IntakeFinding {
  kind: FindingKind
  peer: string
  /** What happened, with the input named. */
  detail: string
  count: number
  firstSeen: number
  lastSeen: number
}

/** `POST /api/storage/switch`; `since` in µs. */
export interface SwitchRequest {
  url: string
  move: 'settings' | 'all' | { since: number }
  existing: 'refuse' | 'keep' | 'delete'
}

/** First message a WebSocket client sends on `/api/live`. */
export interface LiveRequest {
  type: 'follow'
  data: { traces: boolean; logs: boolean }
}

export type LiveMessage =
  | { type: 'hello'; data: { version: string } }
  /** Answer to `follow`: what is written after `seq` will be pushed. */
  | { type: 'following'; data: { seq: number } }
  | { type: 'traces'; data: { items: TraceSummary[]; skipped: number } }
  | { type: 'logs'; data: { items: LogRecord[]; skipped: number } }
  /** Jobs that changed, at most four times a second; their logs carry the last lines only. */
  | { type: 'jobs'; data: { items: Job[] } }
  /** Every second: the status bar. Also the sign of life. */
  | { type: 'status'; data: { pipeline: PipelineAnswer; storage: StorageStats; intake: IntakeReport } }
  /** The client read too slowly; these many messages were not sent. */
  | { type: 'missed'; data: { messages: number } }
