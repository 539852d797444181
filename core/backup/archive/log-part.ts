import { utf8 } from '../../base/utf8.ts'
import { AttrType, type LogBatch } from '../../model/columns.ts'
import { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import { gather, gatherIds } from '../../model/picked-rows.ts'
import { ColumnReader } from './column-reader.ts'
import { ColumnWriter } from './column-writer.ts'
import {
  allRows,
  internTexts,
  readAttributes,
  readShared,
  resourceOf,
  scopeOf,
  writeAttributes,
  writeShared,
  writeTexts,
} from './part-rows.ts'

/** The body of a part of log records (FORMAT.md, "Log records"), in the order given. */
export function encodeLogs(batches: readonly LogBatch[]): Uint8Array {
  const rows = allRows(batches)
  const out = new ColumnWriter()
  const u8 = (pick: (b: LogBatch) => Uint8Array) => gather(rows, pick, new Uint8Array(rows.n))
  const u16 = (pick: (b: LogBatch) => Uint16Array) => gather(rows, pick, new Uint16Array(rows.n))
  const u32 = (pick: (b: LogBatch) => Uint32Array) => gather(rows, pick, new Uint32Array(rows.n))
  const f64 = (pick: (b: LogBatch) => Float64Array) => gather(rows, pick, new Float64Array(rows.n))
  const { has, ids } = withTrace(
    gatherIds(rows, (b) => b.traceId, 16),
    gatherIds(rows, (b) => b.spanId, 8),
  )
  out.uints('hasTrace', has)
  out.bytes('traceAndSpanId', ids)
  out.numbers(
    'timeUs',
    f64((b) => b.timeUs),
    true,
  )
  out.uints(
    'timeNs',
    u16((b) => b.timeNs),
  )
  out.uints(
    'timeSource',
    u8((b) => b.timeSource),
  )
  out.numbers(
    'observedUs',
    f64((b) => b.observedUs),
    true,
  )
  out.uints(
    'observedNs',
    u16((b) => b.observedNs),
  )
  out.uints(
    'severity',
    u8((b) => b.severity),
  )
  writeTexts(out, 'severityText', rows, (b) => b.severityText)
  writeTexts(out, 'body', rows, (b) => b.body)
  out.uints(
    'bodyType',
    u8((b) => b.bodyType),
  )
  writeTexts(out, 'eventName', rows, (b) => b.eventName)
  out.uints(
    'flags',
    u32((b) => b.flags),
  )
  out.uints(
    'droppedAttributes',
    u32((b) => b.droppedAttributes),
  )
  writeShared(
    out,
    'resource',
    rows,
    (b) => b.resources,
    (b) => b.resource,
  )
  writeShared(
    out,
    'scope',
    rows,
    (b) => b.scopes,
    (b) => b.scope,
  )
  writeAttributes(out, rows)
  return out.finish(rows.n)
}

const ID_BYTES = 24

/** Only of the records that have a trace or a span: both ids. */
function withTrace(traceIds: Uint8Array, spanIds: Uint8Array): { has: Uint8Array; ids: Uint8Array } {
  const n = spanIds.length / 8
  const has = new Uint8Array(n)
  const ids = new Uint8Array(n * ID_BYTES)
  let at = 0
  for (let i = 0; i < n; i++) {
    const trace = traceIds.subarray(i * 16, i * 16 + 16)
    const span = spanIds.subarray(i * 8, i * 8 + 8)
    if (trace.every((byte) => byte === 0) && span.every((byte) => byte === 0)) continue
    has[i] = 1
    ids.set(trace, at)
    ids.set(span, at + 16)
    at += ID_BYTES
  }
  return { has, ids: ids.slice(0, at) }
}

/** A part of log records as a batch; `receivedUs` is the caller's to set. @throws GlassboxError `archive_damaged`, RangeError */
export function decodeLogs(body: Uint8Array): LogBatch {
  const from = new ColumnReader(body)
  const n = from.rows
  const dictionary = new DictionaryBuilder()
  const has = from.below('hasTrace', 2)
  const ids = from.bytes('traceAndSpanId', has.reduce((sum, one) => sum + one, 0) * ID_BYTES)
  const traceId = new Uint8Array(n * 16)
  const spanId = new Uint8Array(n * 8)
  for (let i = 0, at = 0; i < n; i++) {
    if (has[i] === 0) continue
    traceId.set(ids.subarray(at, at + 16), i * 16)
    spanId.set(ids.subarray(at + 16, at + ID_BYTES), i * 8)
    at += ID_BYTES
  }
  const bodyType = new Uint8Array(from.below('bodyType', 9))
  const bodies = from.texts('body')
  checkBodies(bodies.bytes, bodies.offsets, bodies.index, bodyType)
  const resources = readShared(from, 'resource', resourceOf)
  const scopes = readShared(from, 'scope', scopeOf)
  return {
    signal: 'logs',
    n,
    receivedUs: 0,
    resources: resources.entries,
    scopes: scopes.entries,
    traceId,
    spanId,
    timeUs: from.numbers('timeUs'),
    timeNs: new Uint16Array(from.below('timeNs', 1000)),
    timeSource: new Uint8Array(from.below('timeSource', 3)),
    observedUs: from.numbers('observedUs'),
    observedNs: new Uint16Array(from.below('observedNs', 1000)),
    severity: new Uint8Array(from.below('severity', 25)),
    severityText: internTexts(dictionary, from.texts('severityText')),
    body: internTexts(dictionary, bodies),
    bodyType,
    eventName: internTexts(dictionary, from.texts('eventName')),
    flags: from.uints('flags'),
    resource: resources.index,
    scope: scopes.index,
    droppedAttributes: from.uints('droppedAttributes'),
    attributes: readAttributes(from, dictionary),
    dictionary: dictionary.finish(),
  }
}

/** A typed body is JSON, or whoever shows it fails. */
function checkBodies(bytes: Uint8Array, offsets: Uint32Array, index: Uint32Array, types: Uint8Array): void {
  const checked = new Set<number>()
  for (let i = 0; i < index.length; i++) {
    if (types[i] !== AttrType.json || checked.has(index[i])) continue
    checked.add(index[i])
    JSON.parse(utf8.decode(bytes.subarray(offsets[index[i]], offsets[index[i] + 1])))
  }
}
