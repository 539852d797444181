import { createHash } from 'node:crypto'
import { GlassboxError } from '../../base/errors.ts'
import { type Decoded, type SpanBatch, SpanMark } from '../../model/columns.ts'
import type { KeyValue } from '../../model/records.ts'
import { REST_KEY, withRest } from '../carried-rest.ts'
import { asCount, asList, asObject, asText, type Json, parseBody, quoted } from '../otlp/json-values.ts'
import { Rejections } from '../rejections.ts'
import { batchFromRows, microsToNanos, NO_EXTRAS, type SpanRow, textPair } from '../span-row.ts'

const KINDS: Record<string, number> = { SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5 }

/**
 * Decodes Zipkin v2 JSON: a list of spans, or a list of traces (lists of spans).
 * @throws GlassboxError `malformed_body`
 */
export function decodeZipkinJson(bytes: Uint8Array, receivedUs: number): Decoded<SpanBatch> {
  return zipkinFromJson(parseBody(bytes), receivedUs)
}

/**
 * The same from a value already parsed.
 * @param known ids (`traceId:id`) of client spans that were read before: a server span of the same id is its other half
 */
export function zipkinFromJson(
  body: unknown,
  receivedUs: number,
  known: readonly ReadonlySet<string>[] = [],
): Decoded<SpanBatch> {
  if (!Array.isArray(body)) throw new GlassboxError('malformed_body', 'Zipkin v2 is a JSON array of spans')
  const spans = body.flat().map(asObject)
  if (spans.some((span) => 'binaryAnnotations' in span)) {
    throw new GlassboxError('malformed_body', 'this is Zipkin v1 (binaryAnnotations)', 'Send Zipkin v2 JSON.')
  }
  const rejections = new Rejections()
  const clients = clientIds(spans)
  const rows: SpanRow[] = []
  for (const span of spans) {
    const row = zipkinRow(span, rejections, (id) => clients.has(id) || known.some((ids) => ids.has(id)))
    if (row) rows.push(row)
  }
  return batchFromRows(rows, rejections, [], receivedUs)
}

/** `traceId:id` of the client spans of a list. */
export function clientIds(spans: readonly unknown[]): Set<string> {
  const clients = spans.map(asObject).filter((span) => span.kind === 'CLIENT')
  return new Set(clients.map((span) => `${asText(span.traceId)}:${asText(span.id)}`))
}

/** One span as a row, or null when it is refused. `isClient` knows the ids (`traceId:id`) of client spans. */
export function zipkinRow(span: Json, rejections: Rejections, isClient: (id: string) => boolean): SpanRow | null {
  const traceId = asText(span.traceId).toLowerCase()
  const spanId = asText(span.id).toLowerCase()
  if (!/^[0-9a-f]{1,32}$/.test(traceId) || /^0+$/.test(traceId)) {
    rejections.add('invalid_trace_id', `traceId ${quoted(span.traceId)} is not 16 or 32 hex digits`)
    return null
  }
  if (!/^[0-9a-f]{1,16}$/.test(spanId) || /^0+$/.test(spanId)) {
    rejections.add('invalid_span_id', `id ${quoted(span.id)} is not 16 hex digits`)
    return null
  }
  const parent = asText(span.parentId).toLowerCase()
  const local = asObject(span.localEndpoint)
  const service = asText(local.serviceName) || 'unknown_service'
  const kind = KINDS[asText(span.kind)] ?? 0
  const own = spanId.padStart(16, '0')
  const sharedHalf = kind === 2 && (span.shared === true || isClient(`${asText(span.traceId)}:${asText(span.id)}`))
  const start = microsToNanos(span.timestamp) ?? 0n
  const duration = microsToNanos(span.duration)
  const tags = new Map(Object.entries(asObject(span.tags)).map(([key, value]) => [key, asText(value)]))
  const take = (key: string): string => {
    const value = tags.get(key) ?? ''
    tags.delete(key)
    return value
  }
  const failed = tags.has('error')
  const statusMessage = take('error')
  const code = tags.get('otel.status_code')
  if (code === 'OK' || code === 'ERROR') tags.delete('otel.status_code')
  const rest = take(REST_KEY)
  const carried = {
    statusMessage,
    status: failed || code === 'ERROR' ? 2 : code === 'OK' ? 1 : 0,
    scopeName: take('otel.scope.name'),
    scopeVersion: take('otel.scope.version'),
    traceState: take('w3c.tracestate'),
    droppedAttributes: asCount(take('otel.dropped_attributes_count')),
    droppedEvents: asCount(take('otel.dropped_events_count')),
    droppedLinks: asCount(take('otel.dropped_links_count')),
  }
  const attributes: KeyValue[] = [...tags].map(([key, value]) => textPair(key, value))
  const remote = asObject(span.remoteEndpoint)
  addEndpoint(attributes, remote, 'network.peer', tags.has('peer.service') ? '' : asText(remote.serviceName))
  addEndpoint(attributes, local, 'network.local', '')
  if (span.debug === true) attributes.push({ key: 'zipkin.debug', value: { boolValue: true } })
  const events = asList(span.annotations).map((item) => {
    const annotation = asObject(item)
    return { timeUnixNano: (microsToNanos(annotation.timestamp) ?? 0n).toString(), name: asText(annotation.value) }
  })
  const row: SpanRow = {
    ...NO_EXTRAS,
    ...carried,
    traceId: traceId.padStart(32, '0'),
    spanId: sharedHalf ? derivedId(own, service) : own,
    parentId: sharedHalf ? own : parentOf(parent),
    name: asText(span.name),
    kind,
    startNs: start,
    endNs: start > 0n && duration !== null ? start + duration : 0n,
    service,
    resource: [textPair('service.name', service)],
    attributes,
    events,
    links: [],
    marks: sharedHalf ? SpanMark.sharedHalf : 0,
  }
  return withRest(row, rest)
}

function parentOf(id: string): string {
  return /^[0-9a-f]{1,16}$/.test(id) && !/^0+$/.test(id) ? id.padStart(16, '0') : ''
}

function addEndpoint(attributes: KeyValue[], endpoint: Json, prefix: string, service: string): void {
  if (service) attributes.push(textPair('peer.service', service))
  const address = asText(endpoint.ipv4) || asText(endpoint.ipv6)
  if (address) attributes.push(textPair(`${prefix}.address`, address))
  const port = Number(asText(endpoint.port))
  if (Number.isInteger(port) && port > 0) attributes.push({ key: `${prefix}.port`, value: { intValue: String(port) } })
}

/** Client and server report the same id: the server half gets one of its own, the same whenever it comes again. */
function derivedId(spanId: string, service: string): string {
  return createHash('sha256').update(`${spanId}:server:${service}`).digest('hex').slice(0, 16)
}
