import { GlassboxError } from '../../base/errors.ts'
import type { ResourceEntry, ScopeEntry } from '../../model/columns.ts'
import {
  type ResourceRecord,
  type ScopeRecord,
  SPAN_KINDS,
  SPAN_STATUSES,
  type SpanEvent,
  type SpanLink,
  type SpanRecord,
  type Trace,
  type TraceSummary,
} from '../../model/records.ts'
import { type AssemblySpan, countOrphans, dedupeSpans, findRoot, summarize } from '../../query/trace-assembly.ts'
import { resourceRecord, Shared, scopeRecord } from '../sqlite/shared-records.ts'
import { attributeText, rowAttributes } from './attribute-value.ts'
import { logsOfTrace } from './log-read.ts'
import type { AsOf, Session } from './session.ts'

const ASSEMBLY = 'trace_id, span_id, parent_id, service, name, kind, start, dur, status, sample_rate, seq, ordinal, day'
const ORDER = 'start, start_ns, seq, ordinal'

interface AssemblyRow {
  trace_id: string
  span_id: string
  parent_id: string | null
  service: string
  name: string
  kind: number
  start: number
  dur: number
  status: number
  sample_rate: number
  seq: number
  ordinal: number
  day: number
}

interface SpanRow extends AssemblyRow {
  start_ns: number
  dur_ns: number
  status_message: string
  resource: number
  scope: number
  attributes: string
  typed: string | null
  events: string | null
  links: string | null
  trace_state: string
  flags: number
  dropped_attributes: number
  dropped_events: number
  dropped_links: number
  marks: number
}

type Stored<R> = AssemblySpan & { row: R }

function assembly<R extends AssemblyRow>(row: R): Stored<R> {
  return {
    row,
    spanId: row.span_id,
    parentId: row.parent_id,
    service: row.service,
    name: row.name,
    kind: row.kind,
    start: row.start,
    dur: row.dur,
    status: row.status,
    sampleRate: row.sample_rate,
  }
}

/** Condition that leaves out what was written after `asOf`; all of it plain numbers. */
export function seenBy({ hi, gaps }: AsOf): string {
  return gaps.length === 0 ? `seq <= ${hi}` : `seq <= ${hi} AND seq NOT IN (${gaps.join(',')})`
}

/** Summaries of these traces, in the order asked for. */
export async function summariesOf(session: Session, traceIds: string[], asOf: AsOf): Promise<TraceSummary[]> {
  if (traceIds.length === 0) return []
  const byTrace = new Map<string, Stored<AssemblyRow>[]>()
  const sql = `SELECT ${ASSEMBLY} FROM ${session.schema}._traces WHERE trace_id = ANY($1::text[]) AND ${seenBy(asOf)} ORDER BY ${ORDER}`
  for (const row of await session.rows<AssemblyRow>(sql, [traceIds])) {
    const list = byTrace.get(row.trace_id)
    if (list) list.push(assembly(row))
    else byTrace.set(row.trace_id, [assembly(row)])
  }
  const traces = traceIds.flatMap((traceId) => {
    const stored = byTrace.get(traceId)
    return stored ? [{ traceId, spans: dedupeSpans(stored) }] : []
  })
  const roots = traces.map(({ spans }) => findRoot(spans).root.row)
  const attributes = await session.rows<{ at: number; attributes: string; typed: string | null }>(
    `SELECT r.at, t.attributes, t.typed FROM unnest($1::text[], $2::int8[], $3::int4[], $4::int4[]) WITH ORDINALITY AS r (trace_id, seq, ordinal, day, at)
     JOIN ${session.schema}._traces t ON t.trace_id = r.trace_id AND t.seq = r.seq AND t.ordinal = r.ordinal AND t.day = r.day`,
    [
      roots.map((row) => row.trace_id),
      roots.map((row) => row.seq),
      roots.map((row) => row.ordinal),
      roots.map((row) => row.day),
    ],
  )
  const ofRoot = new Map(attributes.map((row) => [row.at - 1, rowAttributes(row.attributes, row.typed)]))
  return traces.map(({ traceId, spans }, i) =>
    summarize(traceId, spans, () => (key) => attributeText(ofRoot.get(i) ?? [], key)),
  )
}

/**
 * The whole trace with its logs, or null when it was never stored.
 * @throws GlassboxError `trace_removed` when retention took it
 */
export async function readTrace(session: Session, id: string): Promise<Trace | null> {
  if (!/^[0-9a-f]{32}$/i.test(id)) return null
  const traceId = id.toLowerCase()
  const stored: Stored<SpanRow>[] = []
  const sql = `SELECT * FROM ${session.schema}._traces WHERE trace_id = $1 ORDER BY ${ORDER}`
  for await (const rows of session.stream<SpanRow>(sql, [traceId], 5000)) stored.push(...rows.map(assembly))
  if (stored.length === 0) return throwIfRemoved(session, traceId)
  await session.entries.load(session)
  const spans = dedupeSpans(stored)
  const resources = new Shared<ResourceEntry, ResourceRecord>(resourceRecord)
  const scopes = new Shared<ScopeEntry, ScopeRecord>(scopeRecord)
  return {
    traceId,
    summary: summarize(traceId, spans, ({ row }) => {
      const attributes = rowAttributes(row.attributes, row.typed)
      return (key) => attributeText(attributes, key)
    }),
    spans: spans.map(({ row }) => {
      const resource = session.entries.resources.get(row.resource)
      const scope = session.entries.scopes.get(row.scope)
      if (!resource || !scope)
        throw new GlassboxError('data_damaged', `resource or scope of trace ${traceId} is missing`)
      return spanRecord(row, resources.index(resource), scopes.index(scope))
    }),
    resources: resources.records,
    scopes: scopes.records,
    logs: await logsOfTrace(session, traceId),
    orphanCount: countOrphans(spans),
  }
}

async function throwIfRemoved(session: Session, traceId: string): Promise<null> {
  const [removed] = await session.rows<{ at: number }>(
    `SELECT at FROM ${session.schema}._removed WHERE trace_id = $1`,
    [traceId],
  )
  if (!removed) return null
  const when = new Date(removed.at / 1000).toISOString()
  throw new GlassboxError('trace_removed', `Trace ${traceId} was removed by retention at ${when}.`)
}

function spanRecord(row: SpanRow, resource: number, scope: number): SpanRecord {
  return {
    traceId: row.trace_id,
    spanId: row.span_id,
    parentId: row.parent_id,
    name: row.name,
    kind: SPAN_KINDS[row.kind] ?? 'UNSPECIFIED',
    start: row.start,
    startNs: row.start_ns,
    dur: row.dur,
    durNs: row.dur_ns,
    status: SPAN_STATUSES[row.status],
    statusMessage: row.status_message,
    service: row.service,
    resource,
    scope,
    attributes: rowAttributes(row.attributes, row.typed),
    events: row.events === null ? [] : (JSON.parse(row.events) as SpanEvent[]),
    links: row.links === null ? [] : (JSON.parse(row.links) as SpanLink[]),
    traceState: row.trace_state,
    flags: row.flags,
    droppedAttributesCount: row.dropped_attributes,
    droppedEventsCount: row.dropped_events,
    droppedLinksCount: row.dropped_links,
    marks: row.marks,
    sampleRate: row.sample_rate,
  }
}
