import { SpanMark } from '../../model/columns.ts'
import type { AnyValue, KeyValue, SpanRecord, Trace } from '../../model/records.ts'
import { REST_KEY, restOf, rowOfSpan } from '../carried-rest.ts'
import { Rejections } from '../rejections.ts'
import { clientIds, zipkinRow } from './decode.ts'

const KINDS = new Set(['SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'])

function tagText(value: AnyValue = {}): string {
  if ('stringValue' in value) return value.stringValue as string
  const scalar = Object.values(value)[0]
  return scalar === undefined ? '' : typeof scalar === 'object' ? JSON.stringify(value) : String(scalar)
}

function tagsOf(pairs: readonly KeyValue[]): [string, string][] {
  return pairs.map(({ key, value }) => [key, tagText(value)])
}

function zipkinSpan(trace: Trace, span: SpanRecord) {
  const shared = (span.marks & SpanMark.sharedHalf) !== 0
  const tags = [
    ...tagsOf(trace.resources[span.resource].attributes.filter(({ key }) => key !== 'service.name')),
    ...tagsOf(span.attributes),
  ]
  if (span.status === 'ERROR') tags.push(['error', span.statusMessage])
  if (span.status !== 'UNSET') tags.push(['otel.status_code', span.status])
  const scope = trace.scopes[span.scope]
  for (const [key, value] of [
    ['w3c.tracestate', span.traceState],
    ['otel.scope.name', scope.name],
    ['otel.scope.version', scope.version],
    ['otel.dropped_attributes_count', span.droppedAttributesCount],
    ['otel.dropped_events_count', span.droppedEventsCount],
    ['otel.dropped_links_count', span.droppedLinksCount],
  ] as const)
    if (value) tags.push([key, String(value)])
  return {
    traceId: span.traceId,
    // The server half of a shared span goes back under the client's id.
    id: shared && span.parentId ? span.parentId : span.spanId,
    ...(shared ? { shared: true } : span.parentId ? { parentId: span.parentId } : {}),
    name: span.name,
    ...(KINDS.has(span.kind) ? { kind: span.kind } : {}),
    ...((span.marks & SpanMark.startUnknown) === 0 ? { timestamp: span.start } : {}),
    ...((span.marks & SpanMark.unfinished) === 0 ? { duration: Math.max(1, span.dur) } : {}),
    localEndpoint: { serviceName: span.service },
    tags: Object.fromEntries(tags) as Record<string, string>,
    annotations: span.events.map((event) => ({
      timestamp: Number(BigInt(event.timeUnixNano) / 1000n),
      value: event.attributes?.length
        ? `${JSON.stringify(event.name)}: ${JSON.stringify(Object.fromEntries(tagsOf(event.attributes)))}`
        : event.name,
    })),
  }
}

/**
 * Zipkin v2 JSON. What it has no place for (links, ns, typed values, resources …) goes in a tag of its own, which our
 * import reads back: see carried-rest.ts.
 */
export function exportZipkin(trace: Trace): unknown {
  const written = trace.spans.map((span) => zipkinSpan(trace, span))
  const clients = clientIds(written)
  return written.map((span, index) => {
    const readBack = zipkinRow(span, new Rejections(), (id) => clients.has(id))
    const rest = readBack ? restOf(rowOfSpan(trace, trace.spans[index]), readBack) : ''
    return rest === '' ? span : { ...span, tags: { ...span.tags, [REST_KEY]: rest } }
  })
}
