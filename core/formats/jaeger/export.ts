import type { AnyValue, KeyValue, SpanLink, SpanRecord, Trace } from '../../model/records.ts'
import { REST_KEY, restOf, rowOfSpan } from '../carried-rest.ts'
import { Rejections } from '../rejections.ts'
import { jaegerRow } from './decode.ts'

interface Tag {
  key: string
  type: string
  value: unknown
}

function tag({ key, value = {} }: KeyValue): Tag {
  return { key, ...typed(value) }
}

function typed(value: AnyValue): Omit<Tag, 'key'> {
  if ('stringValue' in value) return { type: 'string', value: value.stringValue }
  if ('boolValue' in value) return { type: 'bool', value: value.boolValue }
  if ('intValue' in value) {
    const number = Number(value.intValue)
    return { type: 'int64', value: Number.isSafeInteger(number) ? number : value.intValue }
  }
  if ('doubleValue' in value) return { type: 'float64', value: value.doubleValue }
  if ('bytesValue' in value) return { type: 'binary', value: value.bytesValue }
  return { type: 'string', value: Object.keys(value).length === 0 ? '' : JSON.stringify(value) }
}

function text(key: string, value: string): Tag[] {
  return value === '' ? [] : [{ key, type: 'string', value }]
}

function spanTags(trace: Trace, span: SpanRecord): Tag[] {
  const scope = trace.scopes[span.scope]
  const tags = span.attributes.map(tag)
  if (span.kind !== 'UNSPECIFIED') tags.push(...text('span.kind', span.kind.toLowerCase()))
  if (span.status !== 'UNSET') tags.push(...text('otel.status_code', span.status))
  if (span.status === 'ERROR') tags.push({ key: 'error', type: 'bool', value: true })
  tags.push(...text('otel.status_description', span.statusMessage), ...text('w3c.tracestate', span.traceState))
  tags.push(...text('otel.scope.name', scope.name), ...text('otel.scope.version', scope.version))
  for (const [key, count] of [
    ['otel.dropped_attributes_count', span.droppedAttributesCount],
    ['otel.dropped_events_count', span.droppedEventsCount],
    ['otel.dropped_links_count', span.droppedLinksCount],
  ] as const) {
    if (count > 0) tags.push({ key, type: 'int64', value: count })
  }
  return tags
}

/** A link that came from Jaeger says which kind of reference it was; one of OTLP follows. */
function refType({ attributes = [] }: SpanLink): string {
  const type = attributes.find(({ key }) => key === 'opentracing.ref_type')?.value
  return type && 'stringValue' in type && type.stringValue === 'child_of' ? 'CHILD_OF' : 'FOLLOWS_FROM'
}

function jaegerSpan(trace: Trace, span: SpanRecord) {
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    operationName: span.name,
    references: [
      ...(span.parentId ? [{ refType: 'CHILD_OF', traceID: span.traceId, spanID: span.parentId }] : []),
      ...span.links.map((link) => ({ refType: refType(link), traceID: link.traceId, spanID: link.spanId })),
    ],
    startTime: span.start,
    duration: span.dur,
    tags: spanTags(trace, span),
    logs: span.events.map((event) => ({
      timestamp: Number(BigInt(event.timeUnixNano) / 1000n),
      fields: [...text('event', event.name), ...(event.attributes ?? []).map(tag)],
    })),
    processID: `p${span.resource + 1}`,
    warnings: null,
  }
}

/**
 * Jaeger's query API form. What it has no place for (ns, link attributes, nested values …) goes in a tag of its own,
 * which our import reads back: see carried-rest.ts.
 */
export function exportJaeger(trace: Trace): unknown {
  const processes: Record<string, unknown> = {}
  trace.resources.forEach((resource, index) => {
    const service = trace.spans.find((span) => span.resource === index)?.service ?? 'unknown_service'
    processes[`p${index + 1}`] = {
      serviceName: service,
      tags: resource.attributes.filter(({ key }) => key !== 'service.name').map(tag),
    }
  })
  const ids = new Set(trace.spans.map((span) => span.spanId))
  const spans = trace.spans.map((span) => {
    const written = jaegerSpan(trace, span)
    const readBack = jaegerRow(written, processes, ids, new Rejections(), new Set())
    if (readBack) written.tags.push(...text(REST_KEY, restOf(rowOfSpan(trace, span), readBack)))
    return written
  })
  return {
    data: [{ traceID: trace.traceId, spans, processes, warnings: null }],
    total: 1,
    limit: 0,
    offset: 0,
    errors: null,
  }
}
