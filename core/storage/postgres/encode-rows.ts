import { createHash } from 'node:crypto'
import {
  type AttributeColumns,
  AttrType,
  type LogBatch,
  type ResourceEntry,
  type ScopeEntry,
  type SpanBatch,
} from '../../model/columns.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import { plainObject, plainValue } from '../../query/any-value.ts'
import { CopyBuffer } from './copy-buffer.ts'
import { JsonTexts } from './json-texts.ts'
import type { TraceExtents } from './trace-extents.ts'

const columns = (text: string): { list: string; count: number } => ({ list: text, count: text.split(',').length })

/** Columns in the order in which rows are encoded. */
export const SPAN_COPY = columns(
  'part, ordinal, start, dur, resource, scope, seq, host, kind, status, start_ns, dur_ns, trace_id, span_id, name, attributes, parent_id, typed, events, links, status_message, trace_state, flags, dropped_attributes, dropped_events, dropped_links, marks, sample_rate',
)
export const EXTENT_COPY = columns('part, failed, seq, start, dur, trace_id')
export const LOG_COPY = columns(
  'part, ordinal, time, observed, resource, scope, seq, host, time_ns, observed_ns, time_source, severity, body_type, body, attributes, severity_text, event_name, trace_id, span_id, typed, flags, dropped_attributes',
)

/** JSON that jsonb takes: no U+0000, no half of a surrogate pair. */
function cleanJson(value: unknown): string {
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed()
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'string') return clean(part)
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).map(([key, child]) => [clean(key), child]))
  })
}

const OPEN = 0x7b
const CLOSE = 0x7d
const COLON = 0x3a
const COMMA = 0x2c
const JSONB_VERSION = 1
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const EMPTY = Buffer.from('null')

/**
 * The attributes of a row as one jsonb field, for SQL and filters.
 * @returns what plain JSON cannot say, by key, as JSON text; empty when it says all
 */
function writeAttributes(out: CopyBuffer, attributes: AttributeColumns, row: number, texts: JsonTexts): string {
  const { keys, types, values, offsets } = attributes
  const opened = out.open()
  out.byte(JSONB_VERSION)
  out.byte(OPEN)
  let typed = ''
  const from = offsets[row]
  const to = offsets[row + 1]
  for (let at = from; at < to; at++) {
    if (at > from) out.byte(COMMA)
    const key = keys[at]
    texts.ready(key)
    out.append(texts.bytes, texts.starts[key], texts.ends[key])
    out.byte(COLON)
    const value = values[at]
    let exact = ''
    switch (types[at]) {
      case AttrType.string:
        writeText(out, texts, value)
        break
      case AttrType.bool: {
        const word = value === 1 ? TRUE : FALSE
        out.append(word, 0, word.length)
        break
      }
      case AttrType.int:
        out.digits(value)
        break
      case AttrType.bigint:
        writeText(out, texts, value)
        exact = `{"intValue":${texts.json(value)}}`
        break
      case AttrType.bytes:
        writeText(out, texts, value)
        exact = `{"bytesValue":${texts.json(value)}}`
        break
      case AttrType.double: {
        const text = Number.isFinite(value) ? String(value) : `"${value}"`
        writeWord(out, text)
        if (Object.is(value, -0)) exact = '{"doubleValue":-0}'
        else if (Number.isInteger(value) || !Number.isFinite(value)) exact = `{"doubleValue":${text}}`
        break
      }
      case AttrType.json:
        exact = texts.raw(value)
        writeWord(out, cleanJson(plainValue(JSON.parse(exact) as AnyValue)))
        break
      default:
        out.append(EMPTY, 0, EMPTY.length)
        exact = '{}'
    }
    if (exact !== '') typed += `${typed === '' ? '{' : ','}${texts.json(key)}:${exact}`
  }
  out.byte(CLOSE)
  out.close(opened)
  return typed === '' ? '' : `${typed}}`
}

function writeText(out: CopyBuffer, texts: JsonTexts, index: number): void {
  texts.ready(index)
  out.append(texts.bytes, texts.starts[index], texts.ends[index])
}

function writeWord(out: CopyBuffer, text: string): void {
  const bytes = Buffer.from(text)
  out.append(bytes, 0, bytes.length)
}

/** A number that names an entry by its content, the same on every host. */
export function entryId(entry: ResourceEntry | ScopeEntry): number {
  const hash = createHash('sha1').update(JSON.stringify(entry)).digest()
  return hash.readUIntBE(0, 6)
}

/** Parameters of one row of `_resources`. */
export function resourceRow(entry: ResourceEntry): unknown[] {
  const plain = cleanJson(plainObject(JSON.parse(entry.attributes) as KeyValue[]))
  return [entryId(entry), entry.attributes, entry.droppedAttributesCount, entry.schemaUrl, entry.service, plain]
}

export function scopeRow(entry: ScopeEntry): unknown[] {
  return [entryId(entry), entry.attributes, entry.droppedAttributesCount, entry.schemaUrl, entry.name, entry.version]
}

/** Where rows go. */
export interface RowContext {
  /** Number of the host, of 48 bits. */
  host: number
  /** By day of receipt, the part that takes rows now. */
  partOf(receivedUs: number): number
}

/** A write that has its number. */
export interface NumberedWrite {
  seq: number
  spans: SpanBatch[]
  logs: LogBatch[]
  /** Of its spans. */
  extents: TraceExtents
}

/** What a batch's rows share, made ready once. */
class BatchTexts<B extends SpanBatch | LogBatch> {
  readonly batch: B
  readonly texts: JsonTexts
  readonly resources: number[]
  readonly scopes: number[]
  readonly part: number
  readonly firstOrdinal: number

  constructor(batch: B, context: RowContext, firstOrdinal: number) {
    this.batch = batch
    this.texts = new JsonTexts(batch.dictionary)
    this.resources = batch.resources.map(entryId)
    this.scopes = batch.scopes.map(entryId)
    this.part = context.partOf(batch.receivedUs)
    this.firstOrdinal = firstOrdinal
  }

  text(out: CopyBuffer, index: number): void {
    const { bytes, offsets } = this.batch.dictionary
    out.bytes(bytes, offsets[index], offsets[index + 1])
  }

  textOrNull(out: CopyBuffer, index: number): void {
    if (index === 0) out.null()
    else this.text(out, index)
  }
}

function readyBatches<B extends SpanBatch | LogBatch>(batches: B[], context: RowContext): BatchTexts<B>[] {
  let firstOrdinal = 0
  return batches.map((batch) => {
    const ready = new BatchTexts(batch, context, firstOrdinal)
    firstOrdinal += batch.n
    return ready
  })
}

/** The spans of writes, in each those of a trace together, so that they come to lie together on disk. */
export function* encodeSpans(writes: NumberedWrite[], context: RowContext): Generator<Buffer> {
  const out = new CopyBuffer()
  for (const { seq, spans, extents } of writes) {
    const { order, batchOf, rowOf } = extents
    const ready = readyBatches(spans, context)
    for (let ordinal = 0; ordinal < order.length; ordinal++) {
      const at = order[ordinal]
      writeSpan(out, ready[batchOf[at]], rowOf[at], { seq, ordinal, host: context.host })
      const chunk = out.full()
      if (chunk) yield chunk
    }
  }
  yield out.end()
}

function writeSpan(
  out: CopyBuffer,
  ready: BatchTexts<SpanBatch>,
  row: number,
  { seq, ordinal, host }: { seq: number; ordinal: number; host: number },
): void {
  const { batch } = ready
  out.row(SPAN_COPY.count)
  out.int4(ready.part)
  out.int4(ordinal)
  out.int8(batch.startUs[row])
  out.int8(batch.durUs[row])
  out.int8(ready.resources[batch.resource[row]])
  out.int8(ready.scopes[batch.scope[row]])
  out.int8(seq)
  out.int8(host)
  out.int2(batch.kind[row])
  out.int2(batch.status[row])
  out.int2(batch.startNs[row])
  out.int2(batch.durNs[row])
  out.bytes(batch.traceId, row * 16, row * 16 + 16)
  out.bytes(batch.spanId, row * 8, row * 8 + 8)
  ready.text(out, batch.name[row])
  const typed = writeAttributes(out, batch.attributes, row, ready.texts)
  out.idOrNull(batch.parentId, row * 8, row * 8 + 8)
  out.textOrNull(typed)
  ready.textOrNull(out, batch.events[row])
  ready.textOrNull(out, batch.links[row])
  ready.textOrNull(out, batch.statusMessage[row])
  ready.textOrNull(out, batch.traceState[row])
  out.int8OrNull(batch.flags[row])
  out.int8OrNull(batch.droppedAttributes[row])
  out.int8OrNull(batch.droppedEvents[row])
  out.int8OrNull(batch.droppedLinks[row])
  out.int2OrNull(batch.marks[row])
  out.int4OrNull(batch.sampleRate[row], 1)
}

/** What each write knows of each of its traces. */
export function* encodeExtents(writes: NumberedWrite[], { partOf }: RowContext): Generator<Buffer> {
  const out = new CopyBuffer()
  for (const { seq, spans, extents } of writes) {
    const parts = spans.map(({ receivedUs }) => partOf(receivedUs))
    for (let trace = 0; trace < extents.size; trace++) {
      out.row(EXTENT_COPY.count)
      out.int4(parts[extents.batchOf[extents.last[trace]]])
      out.bool(extents.failed[trace] === 1)
      out.int8(seq)
      out.int8(extents.start[trace])
      out.int8(extents.end[trace] - extents.start[trace])
      out.bytes(extents.ids, trace * 16, trace * 16 + 16)
      const chunk = out.full()
      if (chunk) yield chunk
    }
  }
  yield out.end()
}

/** The log records of writes. */
export function* encodeLogs(writes: NumberedWrite[], context: RowContext): Generator<Buffer> {
  const out = new CopyBuffer()
  for (const { seq, logs } of writes) {
    for (const ready of readyBatches(logs, context)) {
      for (let row = 0; row < ready.batch.n; row++) {
        writeLog(out, ready, row, seq, context.host)
        const chunk = out.full()
        if (chunk) yield chunk
      }
    }
  }
  yield out.end()
}

function writeLog(out: CopyBuffer, ready: BatchTexts<LogBatch>, row: number, seq: number, host: number): void {
  const { batch } = ready
  out.row(LOG_COPY.count)
  out.int4(ready.part)
  out.int4(ready.firstOrdinal + row)
  out.int8(batch.timeUs[row])
  out.int8(batch.observedUs[row])
  out.int8(ready.resources[batch.resource[row]])
  out.int8(ready.scopes[batch.scope[row]])
  out.int8(seq)
  out.int8(host)
  out.int2(batch.timeNs[row])
  out.int2(batch.observedNs[row])
  out.int2(batch.timeSource[row])
  out.int2(batch.severity[row])
  out.int2(batch.bodyType[row])
  ready.text(out, batch.body[row])
  const typed = writeAttributes(out, batch.attributes, row, ready.texts)
  ready.textOrNull(out, batch.severityText[row])
  ready.textOrNull(out, batch.eventName[row])
  out.idOrNull(batch.traceId, row * 16, row * 16 + 16)
  out.idOrNull(batch.spanId, row * 8, row * 8 + 8)
  out.textOrNull(typed)
  out.int8OrNull(batch.flags[row])
  out.int8OrNull(batch.droppedAttributes[row])
}
