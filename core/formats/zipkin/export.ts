import { SpanMark } from '../../model/columns.ts'
import type { AnyValue, KeyValue, SpanRecord, Trace } from '../../model/records.ts'

const KINDS = new Set(['SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'])

function tagText(value: AnyValue = {}): string {
  if ('stringValue' in value) return value.stringValue as string
  const scalar = Object.values(value)[0]
  return scalar === undefined ? '' : typeof scalar === 'object' ? JSON.stringify(value) : String(scalar)
}

function tagsOf(pairs: readonly KeyValue[]): [string, string][] {
  return pairs.map(({ key, value }) => [key, tagText(value)])
}

function zipkinSpan(trace: Trace, span: SpanRecord): unknown {
  const shared = (span.marks & SpanMark.sharedHalf) !== 0
  const tags = [
    ...tagsOf(trace.resources[span.resource].attributes.filter(({ key }) => key !== 'service.name')),
    ...tagsOf(span.attributes),
  ]
  if (span.status === 'ERROR') tags.push(['error', span.statusMessage])
  if (span.status !== 'UNSET') tags.push(['otel.status_code', span.status])
  if (span.traceState) tags.push(['w3c.tracestate', span.traceState])
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
    tags: Object.fromEntries(tags),
    annotations: span.events.map((event) => ({
      timestamp: Number(BigInt(event.timeUnixNano) / 1000n),
      value: event.attributes?.length
        ? `${JSON.stringify(event.name)}: ${JSON.stringify(Object.fromEntries(tagsOf(event.attributes)))}`
        : event.name,
    })),
  }
}

/** Zipkin v2 JSON; links, flags and typed values do not survive it. */
export function exportZipkin(trace: Trace): unknown {
  return trace.spans.map((span) => zipkinSpan(trace, span))
}
