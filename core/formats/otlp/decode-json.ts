import { LogBatchBuilder, SpanBatchBuilder } from '../../model/batch-builder.ts'
import {
  AttrType,
  type Decoded,
  type LogBatch,
  type ResourceEntry,
  type ScopeEntry,
  type SpanBatch,
} from '../../model/columns.ts'
import type { SpanEvent, SpanLink } from '../../model/records.ts'
import { Rejections } from '../rejections.ts'
import { serviceName } from './any-value.ts'
import { setLogTimes } from './decode-protobuf.ts'
import {
  asCount,
  asInt64,
  asList,
  asNanos,
  asObject,
  asText,
  canonicalPairs,
  canonicalValue,
  cleanString,
  isZeroHex,
  type Json,
  parseBody,
  quoted,
  readId,
  setAttributes,
  writeHex,
} from './json-values.ts'
import { setSpanTimes } from './times.ts'

const BASE64_WARNING = 'ids came in base64; OTLP/JSON wants hex'

/**
 * Decodes an ExportTraceServiceRequest in OTLP/JSON (OTLP 1.11, JSON mapping). A bad span is rejected alone.
 * @param receivedUs wall clock of receipt, µs
 * @throws GlassboxError `malformed_body` with line and column
 */
export function decodeTracesJson(bytes: Uint8Array, receivedUs: number): Decoded<SpanBatch> {
  return tracesFromJson(parseOrEmpty(bytes), receivedUs)
}

/** The same from a value already parsed (file import). */
export function tracesFromJson(body: unknown, receivedUs: number): Decoded<SpanBatch> {
  const builder = new SpanBatchBuilder()
  const rejections = new Rejections()
  const warnings = new Set<string>()
  eachRow(body, 'resourceSpans', 'scopeSpans', 'spans', builder, warnings, (span, resource, scope) =>
    addSpan(span, resource, scope, builder, rejections, warnings, receivedUs),
  )
  return { batch: builder.finish(receivedUs), rejected: rejections.list(), warnings: [...warnings] }
}

/** Decodes an ExportLogsServiceRequest in OTLP/JSON; a bad id costs a record its link only. */
export function decodeLogsJson(bytes: Uint8Array, receivedUs: number): Decoded<LogBatch> {
  return logsFromJson(parseOrEmpty(bytes), receivedUs)
}

export function logsFromJson(body: unknown, receivedUs: number): Decoded<LogBatch> {
  const builder = new LogBatchBuilder()
  const warnings = new Set<string>()
  eachRow(body, 'resourceLogs', 'scopeLogs', 'logRecords', builder, warnings, (log, resource, scope) =>
    addLog(log, resource, scope, builder, receivedUs),
  )
  return { batch: builder.finish(receivedUs), rejected: [], warnings: [...warnings] }
}

function parseOrEmpty(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? {} : parseBody(bytes)
}

const KNOWN = ['resourceSpans', 'resourceLogs', 'resourceMetrics', 'partialSuccess']

function eachRow(
  body: unknown,
  resourcesKey: string,
  scopesKey: string,
  rowsKey: string,
  sink: { addResource(entry: ResourceEntry): number; addScope(entry: ScopeEntry): number },
  warnings: Set<string>,
  row: (row: Json, resource: number, scope: number) => void,
): void {
  const request = asObject(body)
  const keys = Object.keys(request)
  if (keys.length > 0 && !keys.some((key) => KNOWN.includes(key))) {
    warnings.add(
      `the body has no ${resourcesKey}: only lowerCamelCase names are known (found ${keys.slice(0, 3).join(', ')})`,
    )
  }
  for (const item of asList(request[resourcesKey])) {
    const envelope = asObject(item)
    const resourceJson = asObject(envelope.resource)
    const attributes = canonicalPairs(resourceJson.attributes)
    const resource = sink.addResource({
      service: serviceName(attributes),
      attributes: JSON.stringify(attributes),
      droppedAttributesCount: asCount(resourceJson.droppedAttributesCount),
      schemaUrl: asText(envelope.schemaUrl),
    })
    if (envelope.instrumentationLibrarySpans)
      warnings.add('instrumentationLibrarySpans is no longer part of OTLP and was not read')
    for (const scopeItem of asList(envelope[scopesKey])) {
      const scopeEnvelope = asObject(scopeItem)
      const scopeJson = asObject(scopeEnvelope.scope)
      const scope = sink.addScope({
        name: cleanString(asText(scopeJson.name)),
        version: cleanString(asText(scopeJson.version)),
        attributes: JSON.stringify(canonicalPairs(scopeJson.attributes)),
        droppedAttributesCount: asCount(scopeJson.droppedAttributesCount),
        schemaUrl: asText(scopeEnvelope.schemaUrl),
      })
      for (const entry of asList(scopeEnvelope[rowsKey])) row(asObject(entry), resource, scope)
    }
  }
}

/** An enum as a number or by its name; null when the name is not known. */
function asEnum(value: unknown, prefix: string, names: readonly string[]): number | null {
  if (value === undefined || value === null) return 0
  if (typeof value === 'string' && !/^\d+$/.test(value)) {
    const at = names.indexOf(value.startsWith(prefix) ? value.slice(prefix.length) : value)
    return at === -1 ? null : at
  }
  const number = asCount(value)
  return number < names.length ? number : 0
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const STATUSES = ['UNSET', 'OK', 'ERROR']

function addSpan(
  span: Json,
  resource: number,
  scope: number,
  builder: SpanBatchBuilder,
  rejections: Rejections,
  warnings: Set<string>,
  receivedUs: number,
): void {
  const traceId = readId(span.traceId, 16)
  const spanId = readId(span.spanId, 8)
  const parentId = readId(span.parentSpanId, 8)
  if (traceId.hex === null || isZeroHex(traceId.hex)) {
    rejections.add('invalid_trace_id', `traceId ${quoted(span.traceId)} is not 32 hex digits with one that is not 0`)
    return
  }
  if (spanId.hex === null || isZeroHex(spanId.hex)) {
    rejections.add('invalid_span_id', `spanId ${quoted(span.spanId)} is not 16 hex digits with one that is not 0`)
    return
  }
  const kind = asEnum(span.kind, 'SPAN_KIND_', KINDS)
  if (kind === null) {
    rejections.add('invalid_kind', `kind ${quoted(span.kind)} is not a span kind`)
    return
  }
  if (traceId.base64 || spanId.base64) warnings.add(BASE64_WARNING)
  const at = builder.openRow()
  const { columns, dictionary } = builder
  writeHex(traceId.hex, columns.traceId, at * 16)
  writeHex(spanId.hex, columns.spanId, at * 8)
  if (parentId.hex && parentId.hex !== spanId.hex) writeHex(parentId.hex, columns.parentId, at * 8)
  columns.kind[at] = kind
  columns.name[at] = dictionary.internText(asText(span.name))
  columns.traceState[at] = dictionary.internText(asText(span.traceState))
  columns.flags[at] = asCount(span.flags)
  const status = asObject(span.status)
  columns.status[at] = asEnum(status.code, 'STATUS_CODE_', STATUSES) ?? 0
  columns.statusMessage[at] = dictionary.internText(asText(status.message))
  columns.resource[at] = resource
  columns.scope[at] = scope
  columns.sampleRate[at] = 1
  columns.droppedAttributes[at] = asCount(span.droppedAttributesCount)
  columns.droppedEvents[at] = asCount(span.droppedEventsCount)
  columns.droppedLinks[at] = asCount(span.droppedLinksCount)
  const events = asList(span.events).map(readEvent)
  if (events.length > 0) columns.events[at] = dictionary.internText(JSON.stringify(events))
  const links = asList(span.links).map(readLink)
  if (links.length > 0) columns.links[at] = dictionary.internText(JSON.stringify(links))
  setSpanTimes(columns, at, asNanos(span.startTimeUnixNano), asNanos(span.endTimeUnixNano), receivedUs)
  setAttributes(canonicalPairs(span.attributes), dictionary, builder.attributes)
  builder.commitRow()
}

/** One event in canonical OTLP/JSON. */
export function readEvent(input: unknown): SpanEvent {
  const json = asObject(input)
  const event: SpanEvent = {
    timeUnixNano: (asInt64(json.timeUnixNano) ?? 0n).toString(),
    name: cleanString(asText(json.name)),
  }
  const attributes = canonicalPairs(json.attributes)
  if (attributes.length > 0) event.attributes = attributes
  const dropped = asCount(json.droppedAttributesCount)
  if (dropped > 0) event.droppedAttributesCount = dropped
  return event
}

/** One link in canonical OTLP/JSON; an id that is none becomes ''. */
export function readLink(input: unknown): SpanLink {
  const json = asObject(input)
  const link: SpanLink = { traceId: readId(json.traceId, 16).hex ?? '', spanId: readId(json.spanId, 8).hex ?? '' }
  const state = asText(json.traceState)
  if (state) link.traceState = state
  const attributes = canonicalPairs(json.attributes)
  if (attributes.length > 0) link.attributes = attributes
  const dropped = asCount(json.droppedAttributesCount)
  if (dropped > 0) link.droppedAttributesCount = dropped
  const flags = asCount(json.flags)
  if (flags > 0) link.flags = flags
  return link
}

function addLog(log: Json, resource: number, scope: number, builder: LogBatchBuilder, receivedUs: number): void {
  const at = builder.openRow()
  const { columns, dictionary } = builder
  const traceId = readId(log.traceId, 16).hex
  const spanId = readId(log.spanId, 8).hex
  if (traceId && !isZeroHex(traceId)) {
    writeHex(traceId, columns.traceId, at * 16)
    if (spanId) writeHex(spanId, columns.spanId, at * 8)
  }
  setLogTimes(columns, at, asNanos(log.timeUnixNano), asNanos(log.observedTimeUnixNano), receivedUs)
  const severity = severityNumber(log.severityNumber)
  columns.severity[at] = severity > 24 ? 0 : severity
  columns.severityText[at] = dictionary.internText(asText(log.severityText))
  columns.bodyType[at] = AttrType.empty
  const body = log.body === undefined || log.body === null ? {} : canonicalValue(log.body)
  if ('stringValue' in body) {
    columns.bodyType[at] = AttrType.string
    columns.body[at] = dictionary.internText(body.stringValue)
  } else if (Object.keys(body).length > 0) {
    columns.bodyType[at] = AttrType.json
    columns.body[at] = dictionary.internText(JSON.stringify(body))
  }
  columns.eventName[at] = dictionary.internText(asText(log.eventName))
  columns.flags[at] = asCount(log.flags)
  columns.droppedAttributes[at] = asCount(log.droppedAttributesCount)
  columns.resource[at] = resource
  columns.scope[at] = scope
  setAttributes(canonicalPairs(log.attributes), dictionary, builder.attributes)
  builder.commitRow()
}

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

function severityNumber(value: unknown): number {
  if (typeof value !== 'string' || /^\d+$/.test(value)) return asCount(value)
  const match = /^SEVERITY_NUMBER_([A-Z]+)(\d?)$/.exec(value)
  const band = match ? SEVERITIES.indexOf(match[1]) : -1
  return band === -1 || !match ? 0 : band * 4 + (match[2] ? Number(match[2]) : 1)
}
