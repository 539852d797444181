import { SPAN_KINDS, SPAN_STATUSES, type SpanRecord, type Trace } from '../../model/records.ts'

/** µs and the ns below them as a decimal string of ns. */
export function nanosText(us: number, ns: number): string {
  return (BigInt(us) * 1000n + BigInt(ns)).toString()
}

function endNanos(span: SpanRecord): string {
  return (BigInt(span.start + span.dur) * 1000n + BigInt(span.startNs + span.durNs)).toString()
}

/** OTLP/JSON (opentelemetry-proto 1.11): one resource envelope a resource, one scope envelope a scope. */
export function exportOtlp(trace: Trace): unknown {
  const groups = new Map<string, SpanRecord[]>()
  for (const span of trace.spans) {
    const key = `${span.resource} ${span.scope}`
    groups.set(key, [...(groups.get(key) ?? []), span])
  }
  const resourceSpans = [...groups.values()].map((spans) => {
    const resource = trace.resources[spans[0].resource]
    const scope = trace.scopes[spans[0].scope]
    return {
      resource: { attributes: resource.attributes, droppedAttributesCount: resource.droppedAttributesCount },
      schemaUrl: resource.schemaUrl,
      scopeSpans: [
        {
          scope: {
            name: scope.name,
            version: scope.version,
            attributes: scope.attributes,
            droppedAttributesCount: scope.droppedAttributesCount,
          },
          schemaUrl: scope.schemaUrl,
          spans: spans.map((span) => ({
            traceId: span.traceId,
            spanId: span.spanId,
            parentSpanId: span.parentId ?? '',
            traceState: span.traceState,
            flags: span.flags,
            name: span.name,
            kind: SPAN_KINDS.indexOf(span.kind),
            startTimeUnixNano: nanosText(span.start, span.startNs),
            endTimeUnixNano: endNanos(span),
            attributes: span.attributes,
            droppedAttributesCount: span.droppedAttributesCount,
            events: span.events,
            droppedEventsCount: span.droppedEventsCount,
            links: span.links,
            droppedLinksCount: span.droppedLinksCount,
            status: { code: SPAN_STATUSES.indexOf(span.status), message: span.statusMessage },
          })),
        },
      ],
    }
  })
  return { resourceSpans }
}
