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
import { type AsOf, hexId, idBytes, type Session } from './session.ts'

const ASSEMBLY =
  'trace_id, span_id, parent_id, resource, name, kind, start, dur, status, sample_rate, seq, ordinal, part'
const ORDER = 'start, start_ns, seq, ordinal'

interface AssemblyRow {
  trace_id: string
  span_id: string
  parent_id: string | null
  resource: number
  name: string
  kind: number
  start: number
  dur: number
  status: number
  sample_rate: number | null
  seq: number
  ordinal: number
  part: number
}

interface SpanRow extends AssemblyRow {
  start_ns: number
  dur_ns: number
  status_message: string | null
  scope: number
  attributes: string
  typed: string | null
  events: string | null
  links: string | null
  trace_state: string | null
  flags: number | null
  dropped_attributes: number | null
  dropped_events: number | null
  dropped_links: number | null
  marks: number | null
}

type Stored<R> = AssemblySpan & { row: R }

/** `session.entries` must be loaded. @throws GlassboxError `data_damaged` when a span's resource is missing */
function assembly<R extends AssemblyRow>(session: Session, row: R): Stored<R> {
  const resource = session.entries.resources.get(row.resource)
  if (!resource) throw new GlassboxError('data_damaged', `the resource of a span of trace ${row.trace_id} is missing`)
  return {
    row,
    spanId: hexId(row.span_id),
    parentId: row.parent_id === null ? null : hexId(row.parent_id),
    service: resource.service,
    name: row.name,
    kind: row.kind,
    start: row.start,
    dur: row.dur,
    status: row.status,
    sampleRate: row.sample_rate ?? 1,
  }
}

/** Condition that leaves out what was written after `asOf`; all of it plain numbers. */
export function seenBy({ hi, gaps }: AsOf): string {
  return gaps.length === 0 ? `seq <= ${hi}` : `seq <= ${hi} AND seq NOT IN (${gaps.join(',')})`
}

/** The partitions that these rows lie in, so that no other is looked at. */
function partsOf(rows: { part: number }[]): string {
  return rows.length === 0 ? 'false' : `t.part IN (${[...new Set(rows.map(({ part }) => part))].join(',')})`
}

/** Summaries of these traces, in the order asked for. */
export async function summariesOf(session: Session, traceIds: string[], asOf: AsOf): Promise<TraceSummary[]> {
  if (traceIds.length === 0) return []
  const byTrace = new Map<string, Stored<AssemblyRow>[]>()
  const sql = `SELECT ${ASSEMBLY} FROM ${session.schema}._traces WHERE trace_id = ANY($1::bytea[]) AND ${seenBy(asOf)} ORDER BY ${ORDER}`
  await session.entries.load(session)
  for (const row of await session.rows<AssemblyRow>(sql, [traceIds.map(idBytes)])) {
    const id = hexId(row.trace_id)
    const list = byTrace.get(id)
    if (list) list.push(assembly(session, row))
    else byTrace.set(id, [assembly(session, row)])
  }
  const traces = traceIds.flatMap((traceId) => {
    const stored = byTrace.get(traceId)
    return stored ? [{ traceId, spans: dedupeSpans(stored) }] : []
  })
  const roots = traces.map(({ spans }) => findRoot(spans).root.row)
  const attributes = await session.rows<{ at: number; attributes: string; typed: string | null }>(
    `SELECT r.at, t.attributes, t.typed FROM unnest($1::bytea[], $2::int8[], $3::int4[]) WITH ORDINALITY AS r (trace_id, seq, ordinal, at)
     JOIN ${session.schema}._traces t ON t.trace_id = r.trace_id AND t.seq = r.seq AND t.ordinal = r.ordinal AND ${partsOf(roots)}`,
    [roots.map((row) => row.trace_id), roots.map((row) => row.seq), roots.map((row) => row.ordinal)],
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
  const sql = `SELECT * FROM ${session.schema}._traces WHERE trace_id = $1::bytea ORDER BY ${ORDER}`
  await session.entries.load(session)
  for await (const rows of session.stream<SpanRow>(sql, [idBytes(traceId)], () => 5000)) {
    for (const row of rows) stored.push(assembly(session, row))
  }
  if (stored.length === 0) return throwIfRemoved(session, traceId)
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
      return spanRecord(row, resource.service, resources.index(resource), scopes.index(scope))
    }),
    resources: resources.records,
    scopes: scopes.records,
    logs: await logsOfTrace(session, traceId),
    partial: null,
    orphanCount: countOrphans(spans),
  }
}

async function throwIfRemoved(session: Session, traceId: string): Promise<null> {
  const [removed] = await session.rows<{ at: number }>(
    `SELECT at FROM ${session.schema}._removed WHERE trace_id = $1::bytea`,
    [idBytes(traceId)],
  )
  if (!removed) return null
  const when = new Date(removed.at / 1000).toISOString()
  throw new GlassboxError('trace_removed', `Trace ${traceId} was removed by retention at ${when}.`)
}

function spanRecord(row: SpanRow, service: string, resource: number, scope: number): SpanRecord {
  return {
    traceId: hexId(row.trace_id),
    spanId: hexId(row.span_id),
    parentId: row.parent_id === null ? null : hexId(row.parent_id),
    name: row.name,
    kind: SPAN_KINDS[row.kind] ?? 'UNSPECIFIED',
    start: row.start,
    startNs: row.start_ns,
    dur: row.dur,
    durNs: row.dur_ns,
    status: SPAN_STATUSES[row.status],
    statusMessage: row.status_message ?? '',
    service,
    resource,
    scope,
    attributes: rowAttributes(row.attributes, row.typed),
    events: row.events === null ? [] : (JSON.parse(row.events) as SpanEvent[]),
    links: row.links === null ? [] : (JSON.parse(row.links) as SpanLink[]),
    traceState: row.trace_state ?? '',
    flags: row.flags ?? 0,
    droppedAttributesCount: row.dropped_attributes ?? 0,
    droppedEventsCount: row.dropped_events ?? 0,
    droppedLinksCount: row.dropped_links ?? 0,
    marks: row.marks ?? 0,
    sampleRate: row.sample_rate ?? 1,
  }
}
