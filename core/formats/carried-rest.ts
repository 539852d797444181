/**
 * Jaeger and Zipkin cannot carry all of OTLP: nanoseconds, typed values, link details, dropped counts … What a span
 * loses on such a way goes with it in one tag, and our own import puts it back. Other readers see one more tag.
 */
import { SpanMark } from '../model/columns.ts'
import { type KeyValue, SPAN_KINDS, SPAN_STATUSES, type SpanRecord, type Trace } from '../model/records.ts'
import { readEvent, readLink } from './otlp/decode-json.ts'
import { asCount, asInt64, asList, asObject, asText, canonicalPairs, cleanString } from './otlp/json-values.ts'
import { spanNanos } from './otlp/times.ts'
import type { SpanRow } from './span-row.ts'

/** Key of the tag: JSON with the fields of SpanRow that the form does not bring back. */
export const REST_KEY = 'glassbox.otlp'

/** Marks that cannot be worked out again from the span itself. */
const KEPT_MARKS = SpanMark.redacted | SpanMark.cut | SpanMark.sharedHalf

type Reader<T> = (value: unknown) => T | undefined

const text: Reader<string> = (value) => (typeof value === 'string' ? cleanString(value) : undefined)
const count: Reader<number> = (value) => asCount(value)
const below =
  (limit: number): Reader<number> =>
  (value) =>
    asCount(value) < limit ? asCount(value) : undefined
const nanos: Reader<bigint> = (value) => {
  const wide = asInt64(value)
  return wide === null || wide < 0n ? undefined : wide
}
const id: Reader<string> = (value) => (/^([0-9a-f]{16})?$/.test(asText(value)) ? asText(value) : undefined)
const pairs: Reader<KeyValue[]> = (value) => (Array.isArray(value) ? canonicalPairs(value) : undefined)

/** Each field that may be carried and how it is read; a value that cannot be read leaves the field as it was. */
const READERS: { [K in Exclude<keyof SpanRow, 'traceId'>]: Reader<SpanRow[K]> } = {
  spanId: (value) => id(value) || undefined,
  parentId: id,
  name: text,
  kind: below(SPAN_KINDS.length),
  startNs: nanos,
  endNs: nanos,
  status: below(SPAN_STATUSES.length),
  statusMessage: text,
  service: (value) => text(value) || undefined,
  resource: pairs,
  resourceDropped: count,
  resourceSchemaUrl: text,
  scopeName: text,
  scopeVersion: text,
  scopeAttributes: pairs,
  scopeDropped: count,
  scopeSchemaUrl: text,
  traceState: text,
  flags: count,
  attributes: pairs,
  droppedAttributes: count,
  events: (value) => asList(value).map(readEvent),
  droppedEvents: count,
  links: (value) => asList(value).map(readLink),
  droppedLinks: count,
  marks: (value) => asCount(value) & KEPT_MARKS,
}
const FIELDS = Object.keys(READERS) as (keyof typeof READERS)[]

/** A stored span in the terms of the readers. */
export function rowOfSpan(trace: Trace, span: SpanRecord): SpanRow {
  const resource = trace.resources[span.resource]
  const scope = trace.scopes[span.scope]
  const { start, end } = spanNanos(span)
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentId: span.parentId ?? '',
    name: span.name,
    kind: SPAN_KINDS.indexOf(span.kind),
    startNs: start,
    endNs: end,
    status: SPAN_STATUSES.indexOf(span.status),
    statusMessage: span.statusMessage,
    service: span.service,
    resource: resource.attributes,
    resourceDropped: resource.droppedAttributesCount,
    resourceSchemaUrl: resource.schemaUrl,
    scopeName: scope.name,
    scopeVersion: scope.version,
    scopeAttributes: scope.attributes,
    scopeDropped: scope.droppedAttributesCount,
    scopeSchemaUrl: scope.schemaUrl,
    traceState: span.traceState,
    flags: span.flags,
    attributes: span.attributes,
    droppedAttributes: span.droppedAttributesCount,
    events: span.events,
    droppedEvents: span.droppedEventsCount,
    links: span.links,
    droppedLinks: span.droppedLinksCount,
    marks: span.marks & KEPT_MARKS,
  }
}

/** JSON of the fields in which what was read back differs from the span; '' when nothing is lost. */
export function restOf(span: SpanRow, readBack: SpanRow): string {
  const lost = FIELDS.filter((field) => plain(span[field]) !== plain(readBack[field]))
  return lost.length === 0 ? '' : plain(Object.fromEntries(lost.map((field) => [field, span[field]])))
}

function plain(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))
}

/** The row with what its tag carried. A tag that is no such JSON changes nothing. */
export function withRest(row: SpanRow, tag: string): SpanRow {
  if (tag === '') return row
  let rest: Record<string, unknown>
  try {
    rest = asObject(JSON.parse(tag))
  } catch {
    return row
  }
  const whole: Record<string, unknown> = { ...row }
  for (const field of FIELDS) {
    const value = Object.hasOwn(rest, field) ? READERS[field](rest[field]) : undefined
    if (value !== undefined) whole[field] = value
  }
  return whole as unknown as SpanRow
}
