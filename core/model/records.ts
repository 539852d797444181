import type { PartialNote } from './answers.ts'

/** Telemetry as rows: what queries answer and exports write. Times and durations are whole µs. */

/** A typed value as OTLP/JSON writes it (int64 and ns as decimal strings). */
export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number | 'NaN' | 'Infinity' | '-Infinity' }
  | { bytesValue: string }
  | { arrayValue: { values?: AnyValue[] } }
  | { kvlistValue: { values?: KeyValue[] } }
  | Record<string, never>

export interface KeyValue {
  key: string
  value?: AnyValue
}

export interface SpanEvent {
  timeUnixNano: string
  name: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
}

export interface SpanLink {
  traceId: string
  spanId: string
  traceState?: string
  attributes?: KeyValue[]
  droppedAttributesCount?: number
  flags?: number
}

export type SpanStatus = 'UNSET' | 'OK' | 'ERROR'
export const SPAN_STATUSES: readonly SpanStatus[] = ['UNSET', 'OK', 'ERROR']
export type SpanKind = 'UNSPECIFIED' | 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER'
export const SPAN_KINDS: readonly SpanKind[] = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

export interface ResourceRecord {
  attributes: KeyValue[]
  droppedAttributesCount: number
  schemaUrl: string
}

export interface ScopeRecord extends ResourceRecord {
  name: string
  version: string
}

export interface SpanRecord {
  traceId: string
  spanId: string
  parentId: string | null
  name: string
  kind: SpanKind
  /** µs since 1970. */
  start: number
  /** ns below the µs of start, 0..999. */
  startNs: number
  dur: number
  durNs: number
  status: SpanStatus
  statusMessage: string
  service: string
  /** Index into the trace's `resources`. */
  resource: number
  /** Index into the trace's `scopes`. */
  scope: number
  attributes: KeyValue[]
  events: SpanEvent[]
  links: SpanLink[]
  traceState: string
  flags: number
  droppedAttributesCount: number
  droppedEventsCount: number
  droppedLinksCount: number
  /** SpanMark bits. */
  marks: number
  sampleRate: number
}

export interface LogRecord {
  /** Stable within one database: where the record lies. */
  id: string
  time: number
  timeNs: number
  timeSource: 'time' | 'observed' | 'received'
  /** 0 unknown, 1..24. */
  severity: number
  severityText: string
  service: string
  /** Text form. */
  body: string
  /** The typed body when it is not plain text. */
  bodyValue: AnyValue | null
  eventName: string
  traceId: string | null
  spanId: string | null
  attributes: KeyValue[]
  resource: ResourceRecord
  scope: ScopeRecord
  flags: number
  droppedAttributesCount: number
}

export interface TraceSummary {
  traceId: string
  /** Of the root, or of the oldest span while the root is missing. */
  service: string
  name: string
  kind: SpanKind
  start: number
  dur: number
  /** ERROR when any span failed, else the root's. */
  status: SpanStatus
  spanCount: number
  errorCount: number
  services: string[]
  rootMissing: boolean
  /** Root's method, path and status code where its attributes say so. */
  http: { method: string; route: string; statusCode: number } | null
  /** Where most self time was spent. */
  mostTime: { service: string; name: string; count: number; share: number } | null
  /** One in how many traces like this was kept. */
  sampleRate: number
}

/** One whole trace: all its spans, whenever they arrived, and its logs. */
export interface Trace {
  traceId: string
  summary: TraceSummary
  /** By start, then as received. */
  spans: SpanRecord[]
  resources: ResourceRecord[]
  scopes: ScopeRecord[]
  logs: LogRecord[]
  /** Spans whose parent never arrived. */
  orphanCount: number
  /** What is missing for damage of the storage; absent or null = nothing. */
  partial?: PartialNote
}
