import { createHash } from 'node:crypto'
import { GlassboxError } from '../../base/errors.ts'
import type { Decoded, SpanBatch } from '../../model/columns.ts'
import type { AnyValue, KeyValue, SpanEvent, SpanLink } from '../../model/records.ts'
import { REST_KEY, withRest } from '../carried-rest.ts'
import { doubleJson } from '../otlp/any-value.ts'
import {
  asCount,
  asDouble,
  asInt64,
  asList,
  asObject,
  asText,
  cleanString,
  type Json,
  parseBody,
  quoted,
} from '../otlp/json-values.ts'
import { Rejections } from '../rejections.ts'
import { batchFromRows, microsToNanos, NO_EXTRAS, type SpanRow, textPair } from '../span-row.ts'

const KINDS: Record<string, number> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }

/**
 * Decodes the JSON of Jaeger's query API: `{data:[trace…]}`, one bare trace, or a list of traces.
 * @throws GlassboxError `malformed_body`
 */
export function decodeJaegerJson(bytes: Uint8Array, receivedUs: number): Decoded<SpanBatch> {
  return jaegerFromJson(parseBody(bytes), receivedUs)
}

export function jaegerFromJson(body: unknown, receivedUs: number): Decoded<SpanBatch> {
  const traces = Array.isArray(body) ? body : 'data' in asObject(body) ? asList(asObject(body).data) : [body]
  if (!traces.every((trace) => Array.isArray(asObject(trace).spans))) {
    throw new GlassboxError('malformed_body', 'this is not a Jaeger trace: it has no list of spans')
  }
  const rejections = new Rejections()
  const warnings = new Set<string>()
  const rows: SpanRow[] = []
  for (const trace of traces) {
    const { spans, processes } = asObject(trace)
    const ids = new Set(asList(spans).map((span) => asText(asObject(span).spanID)))
    for (const span of asList(spans)) {
      const row = jaegerRow(asObject(span), asObject(processes), ids, rejections, warnings)
      if (row) rows.push(row)
    }
  }
  return batchFromRows(rows, rejections, [...warnings], receivedUs)
}

/** Hex as it stands, padded; any other word becomes a stable hash, and is kept as an attribute. */
function hexId(id: string, length: number): { hex: string; word: boolean } {
  if (/^[0-9a-f]+$/i.test(id) && id.length <= length && !/^0+$/.test(id))
    return { hex: id.toLowerCase().padStart(length, '0'), word: false }
  return { hex: createHash('sha256').update(id).digest('hex').slice(0, length), word: true }
}

/** One span as a row, or null when it is refused. `ids` are the span ids of its trace, as sent. */
export function jaegerRow(
  span: Json,
  processes: Json,
  ids: Set<string>,
  rejections: Rejections,
  warnings: Set<string>,
): SpanRow | null {
  const rawTrace = asText(span.traceID)
  const rawSpan = asText(span.spanID)
  if (rawTrace === '' || rawSpan === '') {
    rejections.add(
      rawTrace === '' ? 'invalid_trace_id' : 'invalid_span_id',
      `${rawTrace === '' ? 'traceID' : 'spanID'} is empty`,
    )
    return null
  }
  const start = microsToNanos(span.startTime)
  if (start === null) {
    rejections.add('invalid_time', `startTime ${quoted(span.startTime)} of span ${rawSpan} is not a number of µs`)
    return null
  }
  const traceId = hexId(rawTrace, 32)
  const spanId = hexId(rawSpan, 16)
  const { parent, links } = readReferences(span, rawTrace, ids)
  const tags = readTags(span.tags, warnings)
  const take = (key: string): AnyValue | undefined => {
    const at = tags.findIndex((tag) => tag.key === key)
    return at === -1 ? undefined : tags.splice(at, 1)[0].value
  }
  const kindTag = tags.find((tag) => tag.key === 'span.kind')
  const kind = KINDS[textOf(kindTag?.value)] ?? 0
  if (kind > 0) take('span.kind')
  const { status, message } = readStatus(tags, kind, take)
  const scopeName = textOf(take('otel.scope.name') ?? take('otel.library.name'))
  const scopeVersion = textOf(take('otel.scope.version') ?? take('otel.library.version'))
  const traceState = textOf(take('w3c.tracestate'))
  if (traceId.word) tags.push(textPair('jaeger.trace_id', rawTrace))
  if (spanId.word) tags.push(textPair('jaeger.span_id', rawSpan))
  const notes = asList(span.warnings).map(asText)
  if (notes.length > 0)
    tags.push({
      key: 'jaeger.warnings',
      value: { arrayValue: { values: notes.map((note) => ({ stringValue: note })) } },
    })
  const process = asObject(processes[asText(span.processID)] ?? span.process)
  const service = cleanString(asText(process.serviceName)) || 'unknown_service'
  const rest = textOf(take(REST_KEY))
  const droppedAttributes = countOf(take('otel.dropped_attributes_count'))
  const droppedEvents = countOf(take('otel.dropped_events_count'))
  const droppedLinks = countOf(take('otel.dropped_links_count'))
  const row: SpanRow = {
    ...NO_EXTRAS,
    traceId: traceId.hex,
    spanId: spanId.hex,
    parentId: parent === '' ? '' : hexId(parent, 16).hex,
    name: asText(span.operationName),
    kind,
    // Traces that start at 0 µs exist; a time of exactly 0 would read as unknown, so they move by 1 ns.
    startNs: start === 0n ? 1n : start,
    endNs: start + (microsToNanos(span.duration) ?? 0n) + (start === 0n ? 1n : 0n),
    status,
    statusMessage: message,
    service,
    resource: [
      textPair('service.name', service),
      ...readTags(process.tags, warnings).filter((tag) => tag.key !== 'service.name'),
    ],
    scopeName,
    scopeVersion,
    traceState,
    attributes: tags,
    droppedAttributes,
    events: asList(span.logs).map((item) => readLog(asObject(item), warnings)),
    droppedEvents,
    links,
    droppedLinks,
    marks: 0,
  }
  return withRest(row, rest)
}

/** The first CHILD_OF in the same trace is the parent, else the first FOLLOWS_FROM that exists; the rest are links. */
function readReferences(span: Json, traceId: string, ids: Set<string>): { parent: string; links: SpanLink[] } {
  const references = asList(span.references).map(asObject)
  const same = references.filter((reference) => asText(reference.traceID) === traceId)
  const chosen =
    same.find((reference) => reference.refType === 'CHILD_OF') ??
    same.find((reference) => reference.refType === 'FOLLOWS_FROM' && ids.has(asText(reference.spanID)))
  const links = references
    .filter((reference) => reference !== chosen)
    .map((reference) => ({
      traceId: hexId(asText(reference.traceID), 32).hex,
      spanId: hexId(asText(reference.spanID), 16).hex,
      attributes: [textPair('opentracing.ref_type', asText(reference.refType).toLowerCase())],
    }))
  const old = references.length === 0 ? asText(span.parentSpanID) : ''
  return { parent: chosen ? asText(chosen.spanID) : /^0*$/.test(old) ? '' : old, links }
}

function textOf(value: AnyValue | undefined): string {
  return value && 'stringValue' in value ? (value.stringValue as string) : ''
}

function countOf(value: AnyValue | undefined): number {
  return value && 'intValue' in value ? asCount(value.intValue) : 0
}

function readTags(input: unknown, warnings: Set<string>): KeyValue[] {
  const tags = new Map<string, KeyValue>()
  for (const item of asList(input)) {
    const tag = asObject(item)
    const key = cleanString(asText(tag.key))
    if (tags.has(key)) warnings.add(`tag ${key} occurs twice in one span: the first is kept`)
    else tags.set(key, { key, value: tagValue(asText(tag.type), tag.value) })
  }
  return [...tags.values()]
}

function tagValue(type: string, value: unknown): AnyValue {
  if (type === 'bool' || typeof value === 'boolean') return { boolValue: value === true || value === 'true' }
  if (type === 'int64') {
    const wide = asInt64(value)
    return wide === null ? { stringValue: asText(value) } : { intValue: wide.toString() }
  }
  if (type === 'float64') return { doubleValue: doubleJson(asDouble(value)) }
  if (type === 'binary') return { bytesValue: asText(value) }
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: doubleJson(value) }
  return {
    stringValue: cleanString(typeof value === 'object' && value !== null ? jsonText(value) : asText(value)),
  }
}

/** JSON that came in may be nested deeper than JSON can be written. */
function jsonText(value: object): string {
  try {
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? String(member) : member))
  } catch {
    return '(nested too deep)'
  }
}

/** The Collector's order: `error` true, then otel.status_code, then the HTTP status code unless error is false. */
function readStatus(
  tags: KeyValue[],
  kind: number,
  take: (key: string) => AnyValue | undefined,
): { status: number; message: string } {
  const errorTag = tags.find((tag) => tag.key === 'error')?.value
  const message = textOf(take('otel.status_description'))
  const code = take('otel.status_code')
  if (errorTag && (('boolValue' in errorTag && errorTag.boolValue) || textOf(errorTag).toLowerCase() === 'true')) {
    take('error')
    return { status: 2, message }
  }
  const word = textOf(code).toUpperCase()
  const number = code && 'intValue' in code ? Number(code.intValue) : -1
  if (word === 'ERROR' || number === 2) return { status: 2, message }
  if (word === 'OK' || number === 1) return { status: 1, message }
  if (errorTag && 'boolValue' in errorTag) return { status: 0, message }
  const http = tags.find((tag) => tag.key === 'http.status_code')?.value
  const httpCode = http && 'intValue' in http ? Number(http.intValue) : Number(textOf(http))
  return { status: httpCode >= 500 || (httpCode >= 400 && kind === 3) ? 2 : 0, message }
}

function readLog(log: Json, warnings: Set<string>): SpanEvent {
  const fields = readTags(log.fields, warnings)
  const nameAt = fields.findIndex((field) => field.key === 'event')
  const at = nameAt === -1 ? fields.findIndex((field) => field.key === 'message') : nameAt
  const name = at === -1 ? '' : textOf(fields[at].value)
  if (at !== -1 && name !== '') fields.splice(at, 1)
  return {
    timeUnixNano: (microsToNanos(log.timestamp) ?? 0n).toString(),
    name,
    ...(fields.length > 0 ? { attributes: fields } : {}),
  }
}
