import {
  type LogRecord,
  type ResourceRecord,
  type ScopeRecord,
  SPAN_KINDS,
  SPAN_STATUSES,
  type SpanRecord,
  type Trace,
} from '../../model/records.ts'
import { spanNanos } from './times.ts'

/** Rows of one resource, apart by scope, in the order in which they first come. */
interface ResourceRows<T> {
  resource: ResourceRecord
  scopes: Map<unknown, { scope: ScopeRecord; rows: T[] }>
}

function grouped<T>(
  rows: readonly T[],
  of: (row: T) => { resource: ResourceRecord; scope: ScopeRecord },
): ResourceRows<T>[] {
  const resources = new Map<string, ResourceRows<T>>()
  const texts = new Map<object, string>()
  // Equal ones may come as different objects; each object is written out once only.
  const key = (record: ResourceRecord): string => {
    const text = texts.get(record) ?? JSON.stringify(record)
    texts.set(record, text)
    return text
  }
  for (const row of rows) {
    const { resource, scope } = of(row)
    const ofResource = resources.get(key(resource)) ?? { resource, scopes: new Map() }
    resources.set(key(resource), ofResource)
    const ofScope = ofResource.scopes.get(key(scope)) ?? { scope, rows: [] }
    ofResource.scopes.set(key(scope), ofScope)
    ofScope.rows.push(row)
  }
  return [...resources.values()]
}

function envelopes<T>(
  groups: ResourceRows<T>[],
  scopesKey: 'scopeSpans' | 'scopeLogs',
  rowsKey: 'spans' | 'logRecords',
  write: (row: T) => unknown,
): unknown[] {
  return groups.map(({ resource, scopes }) => ({
    resource: { attributes: resource.attributes, droppedAttributesCount: resource.droppedAttributesCount },
    schemaUrl: resource.schemaUrl,
    [scopesKey]: [...scopes.values()].map(({ scope, rows }) => ({
      scope: {
        name: scope.name,
        version: scope.version,
        attributes: scope.attributes,
        droppedAttributesCount: scope.droppedAttributesCount,
      },
      schemaUrl: scope.schemaUrl,
      [rowsKey]: rows.map(write),
    })),
  }))
}

function otlpSpan(span: SpanRecord): unknown {
  const { start, end } = spanNanos(span)
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentId ?? '',
    traceState: span.traceState,
    flags: span.flags,
    name: span.name,
    kind: SPAN_KINDS.indexOf(span.kind),
    startTimeUnixNano: start.toString(),
    endTimeUnixNano: end.toString(),
    attributes: span.attributes,
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events,
    droppedEventsCount: span.droppedEventsCount,
    links: span.links,
    droppedLinksCount: span.droppedLinksCount,
    status: { code: SPAN_STATUSES.indexOf(span.status), message: span.statusMessage },
  }
}

function otlpLog(log: LogRecord): unknown {
  const nanos = (BigInt(log.time) * 1000n + BigInt(log.timeNs)).toString()
  return {
    timeUnixNano: log.timeSource === 'time' ? nanos : '0',
    observedTimeUnixNano: log.timeSource === 'observed' ? nanos : '0',
    severityNumber: log.severity,
    severityText: log.severityText,
    ...(log.bodyValue || log.body ? { body: log.bodyValue ?? { stringValue: log.body } } : {}),
    eventName: log.eventName,
    attributes: log.attributes,
    droppedAttributesCount: log.droppedAttributesCount,
    flags: log.flags,
    traceId: log.traceId ?? '',
    spanId: log.spanId ?? '',
  }
}

/**
 * OTLP/JSON (opentelemetry-proto 1.11), lossless: one resource envelope a resource, one scope envelope a scope, times
 * that were not known as 0. The trace's logs stand beside its spans, in `resourceLogs`.
 */
export function exportOtlp(trace: Trace): unknown {
  const spans = grouped(trace.spans, (span) => ({
    resource: trace.resources[span.resource],
    scope: trace.scopes[span.scope],
  }))
  const resourceSpans = envelopes(spans, 'scopeSpans', 'spans', otlpSpan)
  return trace.logs.length === 0 ? { resourceSpans } : { resourceSpans, ...exportOtlpLogs(trace.logs) }
}

/** Log records as OTLP/JSON. */
export function exportOtlpLogs(records: readonly LogRecord[]): { resourceLogs: unknown[] } {
  const logs = grouped(records, ({ resource, scope }) => ({ resource, scope }))
  return { resourceLogs: envelopes(logs, 'scopeLogs', 'logRecords', otlpLog) }
}
