import { LogBatchBuilder, SpanBatchBuilder } from '../../model/batch-builder.ts'
import { AttrType, type Decoded, type LogBatch, type SpanBatch } from '../../model/columns.ts'
import type { KeyValue, SpanEvent, SpanLink } from '../../model/records.ts'
import { Rejections } from '../rejections.ts'
import { cleanText, lastWins, readAnyValue, readKeyValue } from './any-value.ts'
import { readAttribute, readEnvelopes } from './envelopes.ts'
import { setSpanTimes, splitNanos } from './times.ts'
import { WireReader } from './wire-reader.ts'

function idIsZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false
  return true
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/**
 * Decodes an ExportTraceServiceRequest from bytes straight into columns (OTLP 1.11, trace.proto).
 * A span without valid ids is rejected alone.
 * @param receivedUs wall clock of receipt, µs
 * @throws GlassboxError `malformed_body` with the byte offset
 */
export function decodeTracesProtobuf(bytes: Uint8Array, receivedUs: number): Decoded<SpanBatch> {
  const reader = new WireReader(bytes)
  const builder = new SpanBatchBuilder()
  const rejections = new Rejections()
  readEnvelopes(reader, builder, (end, resource, scope) =>
    readSpan(reader, end, builder, rejections, resource, scope, receivedUs),
  )
  return { batch: builder.finish(receivedUs), rejected: rejections.list(), warnings: [] }
}

function readSpan(
  reader: WireReader,
  end: number,
  builder: SpanBatchBuilder,
  rejections: Rejections,
  resource: number,
  scope: number,
  receivedUs: number,
): void {
  const { bytes, view } = reader
  const at = builder.openRow()
  const { columns, dictionary } = builder
  let traceIdLength = 0
  let spanIdLength = 0
  let startAt = -1
  let endAt = -1
  let events: SpanEvent[] | null = null
  let links: SpanLink[] | null = null
  while (reader.pos < end) {
    const tag = reader.tag(end)
    switch (tag) {
      case 0x0a: {
        const to = reader.lengthEnd(end)
        traceIdLength = to - reader.pos
        if (traceIdLength === 16) for (let i = 0; i < 16; i++) columns.traceId[at * 16 + i] = bytes[reader.pos + i]
        reader.pos = to
        break
      }
      case 0x12: {
        const to = reader.lengthEnd(end)
        spanIdLength = to - reader.pos
        if (spanIdLength === 8) for (let i = 0; i < 8; i++) columns.spanId[at * 8 + i] = bytes[reader.pos + i]
        reader.pos = to
        break
      }
      case 0x1a: {
        const to = reader.lengthEnd(end)
        columns.traceState[at] = dictionary.intern(bytes, reader.pos, to)
        reader.pos = to
        break
      }
      case 0x22: {
        const to = reader.lengthEnd(end)
        if (to - reader.pos === 8) for (let i = 0; i < 8; i++) columns.parentId[at * 8 + i] = bytes[reader.pos + i]
        reader.pos = to
        break
      }
      case 0x2a: {
        const to = reader.lengthEnd(end)
        columns.name[at] = dictionary.intern(bytes, reader.pos, to)
        reader.pos = to
        break
      }
      case 0x30: {
        const kind = reader.varint(end)
        columns.kind[at] = kind <= 5 ? kind : 0
        break
      }
      case 0x39:
        startAt = reader.fixed(8, end)
        break
      case 0x41:
        endAt = reader.fixed(8, end)
        break
      case 0x4a:
        readAttribute(reader, reader.lengthEnd(end), dictionary, builder.attributes)
        break
      case 0x50:
        columns.droppedAttributes[at] = reader.varint(end)
        break
      case 0x5a:
        events ??= []
        events.push(readEvent(reader, reader.lengthEnd(end)))
        break
      case 0x60:
        columns.droppedEvents[at] = reader.varint(end)
        break
      case 0x6a:
        links ??= []
        links.push(readLink(reader, reader.lengthEnd(end)))
        break
      case 0x70:
        columns.droppedLinks[at] = reader.varint(end)
        break
      case 0x7a: {
        const to = reader.lengthEnd(end)
        while (reader.pos < to) {
          const inner = reader.tag(to)
          if (inner === 0x12) {
            const stop = reader.lengthEnd(to)
            columns.statusMessage[at] = dictionary.intern(bytes, reader.pos, stop)
            reader.pos = stop
          } else if (inner === 0x18) {
            const code = reader.varint(to)
            columns.status[at] = code <= 2 ? code : 0
          } else reader.skip(inner, to)
        }
        break
      }
      case 0x85:
        columns.flags[at] = view.getUint32(reader.fixed(4, end), true)
        break
      default:
        // flags is field 16: its two-byte tag is 0x85 0x01, which varint() reads as 133 = 0x85.
        reader.skip(tag, end)
    }
  }
  if (traceIdLength !== 16 || idIsZero(columns.traceId, at * 16, at * 16 + 16)) {
    rejections.add(
      'invalid_trace_id',
      `trace_id has ${traceIdLength} bytes${traceIdLength === 16 ? ', all zero' : ' instead of 16'}`,
    )
    builder.dropRow()
    return
  }
  if (spanIdLength !== 8 || idIsZero(columns.spanId, at * 8, at * 8 + 8)) {
    rejections.add(
      'invalid_span_id',
      `span_id has ${spanIdLength} bytes${spanIdLength === 8 ? ', all zero' : ' instead of 8'}`,
    )
    builder.dropRow()
    return
  }
  let same = true
  for (let i = 0; i < 8 && same; i++) same = columns.parentId[at * 8 + i] === columns.spanId[at * 8 + i]
  if (same) columns.parentId.fill(0, at * 8, at * 8 + 8)
  columns.resource[at] = resource
  columns.scope[at] = scope
  columns.sampleRate[at] = 1
  if (events) columns.events[at] = dictionary.internText(JSON.stringify(events))
  if (links) columns.links[at] = dictionary.internText(JSON.stringify(links))
  setSpanTimes(columns, at, nanosAt(view, startAt), nanosAt(view, endAt), receivedUs)
  builder.commitRow()
}

const NO_TIME = { us: 0, ns: 0 }

function nanosAt(view: DataView, at: number): { us: number; ns: number } {
  return at < 0 ? NO_TIME : splitNanos(view.getUint32(at + 4, true), view.getUint32(at, true))
}

function readEvent(reader: WireReader, end: number): SpanEvent {
  const event: SpanEvent = { timeUnixNano: '0', name: '' }
  const attributes: KeyValue[] = []
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x09) event.timeUnixNano = reader.view.getBigUint64(reader.fixed(8, end), true).toString()
    else if (tag === 0x12) {
      const to = reader.lengthEnd(end)
      event.name = cleanText(reader.bytes.subarray(reader.pos, to))
      reader.pos = to
    } else if (tag === 0x1a) attributes.push(readKeyValue(reader, reader.lengthEnd(end)))
    else if (tag === 0x20) event.droppedAttributesCount = reader.varint(end) >>> 0
    else reader.skip(tag, end)
  }
  if (attributes.length) event.attributes = lastWins(attributes)
  return event
}

function readLink(reader: WireReader, end: number): SpanLink {
  const link: SpanLink = { traceId: '', spanId: '' }
  const attributes: KeyValue[] = []
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a || tag === 0x12 || tag === 0x1a) {
      const to = reader.lengthEnd(end)
      const part = reader.bytes.subarray(reader.pos, to)
      if (tag === 0x0a) link.traceId = hex(part)
      else if (tag === 0x12) link.spanId = hex(part)
      else link.traceState = cleanText(part)
      reader.pos = to
    } else if (tag === 0x22) attributes.push(readKeyValue(reader, reader.lengthEnd(end)))
    else if (tag === 0x28) link.droppedAttributesCount = reader.varint(end) >>> 0
    else if (tag === 0x35) link.flags = reader.view.getUint32(reader.fixed(4, end), true)
    else reader.skip(tag, end)
  }
  if (attributes.length) link.attributes = lastWins(attributes)
  return link
}

/**
 * Decodes an ExportLogsServiceRequest into columns (OTLP 1.11, logs.proto). A record with an invalid id is kept and
 * only loses its link to the trace.
 * @throws GlassboxError `malformed_body` with the byte offset
 */
export function decodeLogsProtobuf(bytes: Uint8Array, receivedUs: number): Decoded<LogBatch> {
  const reader = new WireReader(bytes)
  const builder = new LogBatchBuilder()
  readEnvelopes(reader, builder, (end, resource, scope) => readLog(reader, end, builder, resource, scope, receivedUs))
  return { batch: builder.finish(receivedUs), rejected: [], warnings: [] }
}

function readLog(
  reader: WireReader,
  end: number,
  builder: LogBatchBuilder,
  resource: number,
  scope: number,
  receivedUs: number,
): void {
  const { bytes, view } = reader
  const at = builder.openRow()
  const { columns, dictionary } = builder
  let time = NO_TIME
  let observed = NO_TIME
  columns.bodyType[at] = AttrType.empty
  while (reader.pos < end) {
    const tag = reader.tag(end)
    switch (tag) {
      case 0x09:
        time = nanosAt(view, reader.fixed(8, end))
        break
      case 0x59:
        observed = nanosAt(view, reader.fixed(8, end))
        break
      case 0x10: {
        const severity = reader.varint(end)
        columns.severity[at] = severity <= 24 ? severity : 0
        break
      }
      case 0x1a:
      case 0x62: {
        const to = reader.lengthEnd(end)
        const text = dictionary.intern(bytes, reader.pos, to)
        if (tag === 0x1a) columns.severityText[at] = text
        else columns.eventName[at] = text
        reader.pos = to
        break
      }
      case 0x2a: {
        const value = readAnyValue(reader, reader.lengthEnd(end))
        if ('stringValue' in value) {
          columns.bodyType[at] = AttrType.string
          columns.body[at] = dictionary.internText(value.stringValue)
        } else if (Object.keys(value).length > 0) {
          columns.bodyType[at] = AttrType.json
          columns.body[at] = dictionary.internText(JSON.stringify(value))
        }
        break
      }
      case 0x32:
        readAttribute(reader, reader.lengthEnd(end), dictionary, builder.attributes)
        break
      case 0x38:
        columns.droppedAttributes[at] = reader.varint(end)
        break
      case 0x45:
        columns.flags[at] = view.getUint32(reader.fixed(4, end), true)
        break
      case 0x4a: {
        const to = reader.lengthEnd(end)
        if (to - reader.pos === 16) columns.traceId.set(bytes.subarray(reader.pos, to), at * 16)
        reader.pos = to
        break
      }
      case 0x52: {
        const to = reader.lengthEnd(end)
        if (to - reader.pos === 8) columns.spanId.set(bytes.subarray(reader.pos, to), at * 8)
        reader.pos = to
        break
      }
      default:
        reader.skip(tag, end)
    }
  }
  if (idIsZero(columns.traceId, at * 16, at * 16 + 16)) columns.spanId.fill(0, at * 8, at * 8 + 8)
  setLogTimes(columns, at, time, observed, receivedUs)
  columns.resource[at] = resource
  columns.scope[at] = scope
  builder.commitRow()
}

/** A record's time is its own, else when it was observed, else when it came; which one is kept beside it. */
export function setLogTimes(
  columns: Pick<LogBatch, 'timeUs' | 'timeNs' | 'timeSource' | 'observedUs' | 'observedNs'>,
  at: number,
  time: { us: number; ns: number },
  observed: { us: number; ns: number },
  receivedUs: number,
): void {
  const own = time.us !== 0 || time.ns !== 0
  const seen = observed.us !== 0 || observed.ns !== 0
  const chosen = own ? time : seen ? observed : { us: receivedUs, ns: 0 }
  columns.timeUs[at] = chosen.us
  columns.timeNs[at] = chosen.ns
  columns.timeSource[at] = own ? 0 : seen ? 1 : 2
  columns.observedUs[at] = observed.us
  columns.observedNs[at] = observed.ns
}
