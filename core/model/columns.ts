import { utf8 } from '../base/utf8.ts'

/**
 * Telemetry in columns: what the decoders produce, the pipeline passes on and the storage engine writes. One batch is
 * one decoded request (or one file chunk). Rows are never objects on the way in.
 *
 * All text of a batch lies in one dictionary, a byte arena of distinct UTF-8 strings; entry 0 is the empty string.
 */
export interface Dictionary {
  /** UTF-8, well formed, without U+0000. */
  bytes: Uint8Array
  /** Entry i is bytes[offsets[i] .. offsets[i + 1]); length is size + 1. */
  offsets: Uint32Array
  size: number
}

/** How an attribute value is kept in `AttributeColumns.values`. */
export const AttrType = {
  /** Value is a dictionary index. */
  string: 1,
  /** 0 or 1. */
  bool: 2,
  /** A whole number inside ±2^53. */
  int: 3,
  double: 4,
  /** Dictionary index of decimal text: an int64 beyond ±2^53. */
  bigint: 5,
  /** Dictionary index of base64 text. */
  bytes: 6,
  /** Dictionary index of OTLP/JSON AnyValue text, for arrays and key-value lists. */
  json: 7,
  /** A key with no value at all. */
  empty: 8,
} as const
export type AttrType = (typeof AttrType)[keyof typeof AttrType]

/** Attributes of all rows: row r owns entries offsets[r] .. offsets[r + 1). Keys are unique within a row (last wins). */
export interface AttributeColumns {
  offsets: Uint32Array
  /** Dictionary index of the key. */
  keys: Uint32Array
  types: Uint8Array
  values: Float64Array
}

/** One distinct resource of a batch. `attributes` is OTLP/JSON `KeyValue[]` text, typed and lossless. */
export interface ResourceEntry {
  /** `service.name`, or `unknown_service` when missing. */
  service: string
  attributes: string
  droppedAttributesCount: number
  schemaUrl: string
}

/** One distinct instrumentation scope of a batch. `attributes` as in ResourceEntry. */
export interface ScopeEntry {
  name: string
  version: string
  attributes: string
  droppedAttributesCount: number
  schemaUrl: string
}

/** Oddities of a span that are shown and never repaired in silence. Bits of `SpanBatch.marks`. */
export const SpanMark = {
  /** Start was 0; `startUs` holds the end; without one, the start of a near span of the file or the time of receipt. */
  startUnknown: 1,
  /** End was 0; duration is 0. */
  unfinished: 2,
  /** End lay before start; duration is 0. */
  endBeforeStart: 4,
  /** A time looks like ms or µs in a ns field, or lies more than 10 minutes ahead. */
  suspectTime: 8,
  /** Values were masked or removed by redaction. */
  redacted: 16,
  /** A value was cut at the length limit. */
  cut: 32,
  /** Zipkin: the server half of a shared span; its span id was derived. */
  sharedHalf: 64,
} as const

/** Spans in columns; see Dictionary for text, ids are raw bytes. Times are µs with the ns below a µs kept beside them. */
export interface SpanBatch {
  signal: 'traces'
  n: number
  /** Wall clock of receipt, µs. */
  receivedUs: number
  dictionary: Dictionary
  resources: ResourceEntry[]
  scopes: ScopeEntry[]
  /** 16 bytes a row. */
  traceId: Uint8Array
  /** 8 bytes a row. */
  spanId: Uint8Array
  /** 8 bytes a row, zeros = root. */
  parentId: Uint8Array
  startUs: Float64Array
  startNs: Uint16Array
  durUs: Float64Array
  durNs: Uint16Array
  name: Uint32Array
  /** OTLP kind 0..5. */
  kind: Uint8Array
  /** 0 UNSET, 1 OK, 2 ERROR. */
  status: Uint8Array
  statusMessage: Uint32Array
  traceState: Uint32Array
  flags: Uint32Array
  /** Index into `resources`. */
  resource: Uint32Array
  /** Index into `scopes`. */
  scope: Uint32Array
  droppedAttributes: Uint32Array
  droppedEvents: Uint32Array
  droppedLinks: Uint32Array
  /** Dictionary index of OTLP/JSON `Event[]` text, 0 = none. */
  events: Uint32Array
  /** Dictionary index of OTLP/JSON `Link[]` text, 0 = none. */
  links: Uint32Array
  /** SpanMark bits. */
  marks: Uint8Array
  /** One in how many was kept when this span was sampled; 1 = all. */
  sampleRate: Uint16Array
  attributes: AttributeColumns
}

/** Log records in columns. */
export interface LogBatch {
  signal: 'logs'
  n: number
  receivedUs: number
  dictionary: Dictionary
  resources: ResourceEntry[]
  scopes: ScopeEntry[]
  /** 16 bytes a row, zeros = no trace. */
  traceId: Uint8Array
  /** 8 bytes a row, zeros = none. */
  spanId: Uint8Array
  timeUs: Float64Array
  timeNs: Uint16Array
  /** 0 its own time, 1 observed time, 2 time of receipt. */
  timeSource: Uint8Array
  observedUs: Float64Array
  observedNs: Uint16Array
  /** 1..24, 0 unknown. */
  severity: Uint8Array
  severityText: Uint32Array
  /** Text form of a string body, or OTLP/JSON AnyValue text: see bodyType. */
  body: Uint32Array
  /** AttrType of the body: string, json, or empty; scalars of other types are kept as json. */
  bodyType: Uint8Array
  eventName: Uint32Array
  flags: Uint32Array
  resource: Uint32Array
  scope: Uint32Array
  droppedAttributes: Uint32Array
  attributes: AttributeColumns
}

export type TelemetryBatch = SpanBatch | LogBatch

/** Why part of a request was not taken; counted in the ledger under `reason`. */
export interface Rejection {
  /** Short, stable, snake_case: `invalid_trace_id`, `invalid_span_id`, `invalid_kind`. */
  reason: string
  count: number
  /** One example for a person, with the field's name. */
  example: string
}

/** What a decoder makes of one body. */
export interface Decoded<B extends TelemetryBatch> {
  batch: B
  rejected: Rejection[]
  /** Sentences for partial success with nothing rejected. */
  warnings: string[]
}

/** The bytes of dictionary entry `index`. A view, not a copy. */
export function entryBytes(dictionary: Dictionary, index: number): Uint8Array {
  return dictionary.bytes.subarray(dictionary.offsets[index], dictionary.offsets[index + 1])
}

/** Dictionary entry `index` as text. */
export function entryText(dictionary: Dictionary, index: number): string {
  const start = dictionary.offsets[index]
  const end = dictionary.offsets[index + 1]
  return start === end ? '' : utf8.decode(dictionary.bytes.subarray(start, end))
}

/** All ArrayBuffers of a batch, for handing it to another thread without a copy. */
export function batchBuffers(batch: TelemetryBatch): ArrayBuffer[] {
  const seen = new Set<ArrayBuffer>()
  const collect = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) seen.add(value.buffer as ArrayBuffer)
  }
  for (const value of Object.values(batch)) collect(value)
  for (const value of Object.values(batch.dictionary)) collect(value)
  for (const value of Object.values(batch.attributes)) collect(value)
  return [...seen]
}
