import {
  type LogRecord,
  type ResourceRecord,
  type ScopeRecord,
  SPAN_KINDS,
  SPAN_STATUSES,
  type SpanRecord,
  type Trace,
} from './records.ts'
import {
  buildStructure,
  packStructure,
  peerOf,
  type SpanType,
  type StructureSpan,
  TYPE_KEYS,
} from './trace-structure.ts'
import { valueText } from './value-text.ts'

/** A part of one trace, so that a page need not take a large one whole. Rows are those of the structure. */
export type TracePart =
  | { kind: 'structure' }
  /** Everything known of the spans with this id; more than one where a sender reused it. */
  | { kind: 'span'; spanId: string }
  /** One attribute of every span, of the span itself or of its resource. */
  | { kind: 'values'; key: string }
  /** Which spans hold this text, in any case, in name, service, status message, attribute or event. */
  | { kind: 'find'; text: string }

export interface SpanAnswer {
  spans: { span: SpanRecord; resource: ResourceRecord; scope: ScopeRecord }[]
  logs: LogRecord[]
}
export interface ValuesAnswer {
  values: string[]
  /** Index into `values` by row, -1 = no such attribute. */
  rows: number[]
}
export interface FindAnswer {
  /** Ascending. */
  rows: number[]
  /** Spans searched, so that a page notices that more have arrived. */
  count: number
}

/** `structure` answers packed bytes (core/model/trace-structure.ts). */
export interface TracePartAnswers {
  structure: Uint8Array
  span: SpanAnswer
  values: ValuesAnswer
  find: FindAnswer
}
export type TracePartAnswer = TracePartAnswers[TracePart['kind']]

/** A part of a trace that is at hand whole. */
export function partOfTrace(trace: Trace, part: TracePart): TracePartAnswer {
  if (part.kind === 'structure')
    return packStructure(buildStructure(trace.summary, trace.spans.map(structureSpan), trace.logs))
  if (part.kind === 'span') return spanAnswer(trace, part.spanId)
  return part.kind === 'values' ? valuesAnswer(trace, part.key) : findAnswer(trace, part.text)
}

function structureSpan(span: SpanRecord): StructureSpan {
  const texts = new Map(span.attributes.map((pair) => [pair.key, pair.value]))
  const attribute = (key: string): string | null => (texts.has(key) ? valueText(texts.get(key)) : null)
  let type: SpanType = 'other'
  for (const [name, keys] of TYPE_KEYS) if (keys.some((key) => texts.has(key))) type = name
  return {
    spanId: span.spanId,
    parentId: span.parentId,
    start: span.start,
    startNs: span.startNs,
    dur: span.dur,
    durNs: span.durNs,
    name: span.name,
    service: span.service,
    resource: span.resource,
    kind: SPAN_KINDS.indexOf(span.kind),
    status: SPAN_STATUSES.indexOf(span.status),
    marks: span.marks,
    type,
    peer: peerOf(attribute, type),
    links: span.links.length,
    events: span.events,
  }
}

function spanAnswer(trace: Trace, spanId: string): SpanAnswer {
  return {
    spans: trace.spans
      .filter((span) => span.spanId === spanId)
      .map((span) => ({ span, resource: trace.resources[span.resource], scope: trace.scopes[span.scope] })),
    logs: trace.logs.filter((log) => log.spanId === spanId),
  }
}

function valuesAnswer(trace: Trace, key: string): ValuesAnswer {
  const places = new Map<string, number>()
  const rows = trace.spans.map((span) => {
    const pair =
      span.attributes.find((one) => one.key === key) ??
      trace.resources[span.resource].attributes.find((one) => one.key === key)
    if (!pair) return -1
    const text = valueText(pair.value)
    const place = places.get(text) ?? places.size
    places.set(text, place)
    return place
  })
  return { values: [...places.keys()], rows }
}

function findAnswer(trace: Trace, text: string): FindAnswer {
  const wanted = text.toLowerCase()
  const holds = (one: string): boolean => one.toLowerCase().includes(wanted)
  const holdsPairs = (pairs: SpanRecord['attributes']): boolean =>
    pairs.some((pair) => holds(`${pair.key}=${valueText(pair.value)}`))
  const inResource = trace.resources.map((resource) => holdsPairs(resource.attributes))
  const rows: number[] = []
  trace.spans.forEach((span, row) => {
    if (
      holds(span.name) ||
      holds(span.service) ||
      holds(span.spanId) ||
      holds(span.statusMessage) ||
      inResource[span.resource] ||
      holdsPairs(span.attributes) ||
      span.events.some((event) => holds(event.name) || holdsPairs(event.attributes ?? []))
    )
      rows.push(row)
  })
  return { rows, count: trace.spans.length }
}
