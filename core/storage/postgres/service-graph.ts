import type { NodeTrend, ServiceGraph } from '../../model/answers.ts'
import type { KeyValue } from '../../model/records.ts'
import { NodeTrendBuilder } from '../../query/node-trend.ts'
import {
  type GraphCall,
  type GraphPeer,
  type GraphScan,
  type GraphSink,
  PEER_KEYS,
  peerOf,
  ServiceGraphBuilder,
} from '../../query/service-graph.ts'
import type { NodeTrendQuery } from '../store.ts'
import { attributeText, rowAttributes } from './attribute-value.ts'
import { type Session, whole } from './session.ts'

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5
/** Spans a graph looks at; the newest of the range. */
const MAX_SPANS = 1_000_000

interface GraphRow {
  span_id: string
  parent_id: string | null
  resource: number
  kind: number
  status: number
  start: number
  dur: number
  sample_rate: number | null
  attributes: string | null
  typed: string | null
}

type GraphSpan = GraphRow & { service: string }

/** Who calls whom in the range. */
export async function serviceGraph(session: Session, range: { start: number; end: number }): Promise<ServiceGraph> {
  const builder = new ServiceGraphBuilder()
  return builder.finish(await findCalls(session, range, builder))
}

/** Calls of one node of that graph over time. */
export async function nodeTrend(session: Session, query: NodeTrendQuery): Promise<NodeTrend> {
  const builder = new NodeTrendBuilder(query)
  return builder.finish(await findCalls(session, query, builder))
}

/** Hands over every call of the range, by the rules of the other engine's file of this name. */
async function findCalls(session: Session, range: { start: number; end: number }, sink: GraphSink): Promise<GraphScan> {
  const sql = `SELECT span_id, parent_id, resource, kind, status, start, dur, sample_rate,
      CASE WHEN kind IN (${CLIENT}, ${PRODUCER}, ${CONSUMER}) THEN attributes END AS attributes, CASE WHEN kind IN (${CLIENT}, ${PRODUCER}, ${CONSUMER}) THEN typed END AS typed
    FROM ${session.schema}._traces WHERE ${await session.inParts('traces', range.start, range.end)}
      AND start >= ${whole(range.start)} AND start < ${whole(range.end)} ORDER BY start DESC LIMIT ${MAX_SPANS + 1}`
  const spans: GraphSpan[] = []
  const serviceOf = new Map<string, string>()
  await session.load()
  for await (const rows of session.stream<GraphRow>(sql, [], () => 10_000)) {
    for (const row of rows) {
      const service = session.entries.resources.get(row.resource)?.service ?? ''
      spans.push({ ...row, service })
      serviceOf.set(row.span_id, service)
    }
  }
  const all = spans.length <= MAX_SPANS
  if (!all) spans.pop()
  const answered = new Set<string>()
  for (const span of spans) incoming(span, serviceOf, answered, sink)
  for (const id of new Set(spans.map(({ resource }) => resource))) {
    const resource = session.entries.resources.get(id)
    if (resource) sink.describe(resource.service, JSON.parse(resource.attributes) as KeyValue[])
  }
  for (const span of spans) {
    if ((span.kind !== CLIENT && span.kind !== PRODUCER) || answered.has(span.span_id)) continue
    const called = peer(span)
    if (called) sink.call({ name: span.service, type: 'service' }, called, callOf(span))
  }
  const partial = {
    reason: `Only the newest ${MAX_SPANS} spans of the range were looked at`,
    hint: 'Choose a shorter range to see all of them',
  }
  return { spans: spans.length, partial: all ? null : partial }
}

function incoming(span: GraphSpan, serviceOf: Map<string, string>, answered: Set<string>, sink: GraphSink): void {
  const { kind, service: name, parent_id } = span
  const caller = parent_id === null ? null : (serviceOf.get(parent_id) ?? null)
  if (parent_id !== null && caller !== null && (caller !== name || kind === SERVER || kind === CONSUMER))
    answered.add(parent_id)
  const queue = kind === CONSUMER && caller === null ? peer(span) : null
  if (caller !== null && caller !== name) {
    sink.call({ name: caller, type: 'service' }, { name, type: 'service' }, callOf(span))
  } else if (queue?.type === 'queue') sink.call(queue, { name, type: 'service' }, callOf(span))
  else if (kind === SERVER || kind === CONSUMER || parent_id === null) sink.entry(name, callOf(span))
  else sink.see(name)
}

function callOf({ start, dur, status, sample_rate }: GraphSpan): GraphCall {
  return { start, dur, failed: status === 2, weight: Math.max(1, sample_rate ?? 1) }
}

function peer({ attributes, typed }: GraphSpan): GraphPeer | null {
  if (attributes === null) return null
  const known = rowAttributes(attributes, typed).filter(({ key }) => (PEER_KEYS as readonly string[]).includes(key))
  return peerOf((key) => attributeText(known, key) || undefined)
}
