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
import { resourceRecord, Shared, scopeRecord } from '../sqlite/read/shared-records.ts'
import { attributeText, rowAttributes } from './attribute-value.ts'
import { logsOfTrace } from './log-read.ts'
import { type AsOf, hexId, idBytes, type Session, seenBy } from './session.ts'
import { type Extent, placesOf } from './trace-places.ts'

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

/** A span as lists need it: attributes of a root only. */
type ListedRow = AssemblyRow & { attributes: string | null; typed: string | null }

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

/** Summaries of these traces, in the order asked for. */
export async function summariesOf(session: Session, traces: readonly Extent[], asOf: AsOf): Promise<TraceSummary[]> {
  if (traces.length === 0) return []
  await session.load()
  const byTrace = new Map<string, Stored<ListedRow>[]>(traces.map(({ id }) => [id, []]))
  const { parts, ids, held } = await placesOf(session, traces)
  // What a root's attributes say is shown; of a trace without a root, those of its oldest span are asked for afterwards.
  const sql = `SELECT ${ASSEMBLY}, CASE WHEN parent_id IS NULL THEN attributes END AS attributes, CASE WHEN parent_id IS NULL THEN typed END AS typed
    FROM unnest($1::int4[], $2::bytea[]) AS w (in_part, id) JOIN ${session.schema}._traces ON part = in_part AND trace_id = id
    WHERE ${held} AND ${seenBy(asOf)} ORDER BY ${ORDER}`
  for (const row of await session.rows<ListedRow>(sql, [parts, ids]))
    byTrace.get(hexId(row.trace_id))?.push(assembly(session, row))
  const found = [...byTrace].flatMap(([traceId, stored]) =>
    stored.length === 0 ? [] : [{ traceId, spans: dedupeSpans(stored) }],
  )
  const rootless = found.map(({ spans }) => findRoot(spans).root.row).filter(({ parent_id }) => parent_id !== null)
  for (const row of await attributesOf(session, rootless)) Object.assign(rootless[row.at - 1], row)
  return found.map(({ traceId, spans }) =>
    summarize(traceId, spans, ({ row }) => {
      const attributes = row.attributes === null ? [] : rowAttributes(row.attributes, row.typed)
      return (key) => attributeText(attributes, key)
    }),
  )
}

async function attributesOf(
  session: Session,
  spans: ListedRow[],
): Promise<{ at: number; attributes: string; typed: string | null }[]> {
  if (spans.length === 0) return []
  const held = `t.part IN (${[...new Set(spans.map(({ part }) => part))].join(',')})`
  return session.rows(
    `SELECT r.at, t.attributes, t.typed FROM unnest($1::bytea[], $2::int8[], $3::int4[], $4::int4[]) WITH ORDINALITY AS r (trace_id, seq, ordinal, part, at)
     JOIN ${session.schema}._traces t ON t.part = r.part AND t.trace_id = r.trace_id AND t.seq = r.seq AND t.ordinal = r.ordinal AND ${held}`,
    [
      spans.map((row) => row.trace_id),
      spans.map((row) => row.seq),
      spans.map((row) => row.ordinal),
      spans.map((row) => row.part),
    ],
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
  await session.load()
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
