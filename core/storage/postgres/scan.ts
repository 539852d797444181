import { GlassboxError } from '../../base/errors.ts'
import { LogBatchBuilder, SpanBatchBuilder } from '../../model/batch-builder.ts'
import { AttrType } from '../../model/columns.ts'
import type { AnyValue } from '../../model/records.ts'
import type { MovePlace } from '../move-place.ts'
import { SCAN_ROWS, type ScanPart, type ScanRequest } from '../scan.ts'
import { dayOfPart } from './parts.ts'
import { type AsOf, badCursor, type Session, seenBy, whole } from './session.ts'

/** Writes a first step looks at; later ones follow from how many rows it brought. */
const FIRST_STEP = 8
const LARGEST_STEP = 100_000_000
const MOST_GAPS = 100_000

/** Everything up to write `hi` was read but for `gaps`; the next step looks at `step` writes. */
interface Place extends AsOf {
  step: number
}

function placeText({ hi, step, gaps }: Place): string {
  return `${hi}:${step}:${gaps.join(',')}`
}

/** @throws GlassboxError `bad_cursor` */
export function readPlace(cursor: string | null): Place {
  if (cursor === null) return { hi: 0, step: FIRST_STEP, gaps: [] }
  const match = /^(\d{1,15}):(\d{1,10}):((?:\d{1,15},?)*)$/.exec(cursor)
  const gaps = match?.[3] ? match[3].split(',').map(Number) : []
  if (!match || gaps.length > MOST_GAPS) throw badCursor()
  return { hi: Number(match[1]), step: Math.max(1, Number(match[2])), gaps }
}

export async function scanMark(session: Session): Promise<string> {
  return placeText({ ...(await session.asOf()), step: FIRST_STEP })
}

const SPAN_COLUMNS =
  'part, trace_id, span_id, parent_id, name, kind, start, start_ns, dur, dur_ns, status, status_message, resource, scope, attributes, typed, events, links, trace_state, flags, dropped_attributes, dropped_events, dropped_links, marks, sample_rate'
const LOG_COLUMNS =
  'part, time, time_ns, time_source, observed, observed_ns, severity, severity_text, body, body_type, event_name, trace_id, span_id, resource, scope, attributes, typed, flags, dropped_attributes'

/**
 * Rows of the next writes, in the order of writing, about 20,000 of them. A write that was under way when `upTo` was made
 * is left out here and stays among the cursor's gaps, so that a later scan after this one brings it.
 */
export async function scan(session: Session, request: ScanRequest): Promise<ScanPart> {
  const from = readPlace(request.after)
  const upTo = readPlace(request.upTo)
  const end = Math.min(from.hi + from.step, upTo.hi)
  const late = from.gaps.filter((gap) => gap <= upTo.hi && !upTo.gaps.includes(gap))
  const fresh = `(seq > ${from.hi} AND ${seenBy({ hi: end, gaps: upTo.gaps.filter((gap) => gap > from.hi) })})`
  const where = late.length === 0 ? fresh : `(${fresh} OR seq IN (${late.join(',')}))`
  const mine = await movedWrites(session, request.moved ?? null)
  const since = (column: string): string => (request.since === null ? '' : ` AND ${column} >= ${whole(request.since)}`)
  const spans = await session.rows<SpanRow>(
    `SELECT ${SPAN_COLUMNS} FROM ${session.schema}._traces WHERE ${where}${mine}${since('start')} ORDER BY seq, ordinal`,
  )
  const logs = await session.rows<LogRow>(
    `SELECT ${LOG_COLUMNS} FROM ${session.schema}._logs WHERE ${where}${mine}${since('time')} ORDER BY seq, ordinal`,
  )
  await session.load()
  const rows = spans.length + logs.length
  const step = rows === 0 ? from.step * 8 : Math.floor((from.step * SCAN_ROWS) / rows)
  const cursor = placeText({
    hi: end,
    step: Math.max(1, Math.min(LARGEST_STEP, from.step * 8, step)),
    gaps: upTo.gaps.filter((gap) => gap <= end),
  })
  return {
    spans: byDay(
      spans,
      new Map(),
      () => new SpanBatchBuilder(),
      (builder, row) => addSpan(session, builder, row),
    ),
    logs: byDay(
      logs,
      new Map(),
      () => new LogBatchBuilder(),
      (builder, row) => addLog(session, builder, row),
    ),
    cursor,
    done: end >= upTo.hi,
  }
}

/** Condition for the rows of one move; all of it plain numbers. */
async function movedWrites(session: Session, move: string | null): Promise<string> {
  if (move === null) return ''
  const rows = await session.rows<{ place: string }>(`SELECT place FROM ${session.schema}._moves WHERE move = $1`, [
    move,
  ])
  const writes = rows.length === 0 ? [] : (JSON.parse(rows[0].place) as MovePlace).writes
  const runs = writes.map(([first, last]) => `seq BETWEEN ${Number(first)} AND ${Number(last)}`)
  return runs.length === 0 ? ' AND false' : ` AND (${runs.join(' OR ')})`
}

interface Row {
  part: number
  resource: number
  scope: number
  attributes: string
  typed: string | null
}

/** One batch a day of receipt, of which only the day is known: its end, so that nothing ages too early. */
function byDay<R extends Row, B extends { finish(receivedUs: number): O }, O>(
  rows: R[],
  builders: Map<number, B>,
  make: () => B,
  add: (builder: B, row: R) => void,
): O[] {
  for (const row of rows) {
    const day = dayOfPart(row.part)
    let builder = builders.get(day)
    if (!builder) {
      builder = make()
      builders.set(day, builder)
    }
    add(builder, row)
  }
  return [...builders].map(([day, builder]) => builder.finish((day + 1) * 86_400e6 - 1))
}

interface SpanRow extends Row {
  trace_id: string
  span_id: string
  parent_id: string | null
  name: string
  kind: number
  start: number
  start_ns: number
  dur: number
  dur_ns: number
  status: number
  status_message: string | null
  events: string | null
  links: string | null
  trace_state: string | null
  flags: number | null
  dropped_attributes: number | null
  dropped_events: number | null
  dropped_links: number | null
  marks: number | null
  sample_rate: number | null
}

function addSpan(session: Session, builder: SpanBatchBuilder, row: SpanRow): void {
  const at = builder.openRow()
  const { columns, dictionary } = builder
  putHex(columns.traceId, at * 16, row.trace_id)
  putHex(columns.spanId, at * 8, row.span_id)
  if (row.parent_id !== null) putHex(columns.parentId, at * 8, row.parent_id)
  columns.startUs[at] = row.start
  columns.startNs[at] = row.start_ns
  columns.durUs[at] = row.dur
  columns.durNs[at] = row.dur_ns
  columns.name[at] = dictionary.internText(row.name)
  columns.kind[at] = row.kind
  columns.status[at] = row.status
  columns.statusMessage[at] = dictionary.internText(row.status_message ?? '')
  columns.traceState[at] = dictionary.internText(row.trace_state ?? '')
  columns.flags[at] = row.flags ?? 0
  columns.droppedAttributes[at] = row.dropped_attributes ?? 0
  columns.droppedEvents[at] = row.dropped_events ?? 0
  columns.droppedLinks[at] = row.dropped_links ?? 0
  columns.events[at] = dictionary.internText(row.events ?? '')
  columns.links[at] = dictionary.internText(row.links ?? '')
  columns.marks[at] = row.marks ?? 0
  columns.sampleRate[at] = row.sample_rate ?? 1
  addShared(session, builder, at, row)
}

interface LogRow extends Row {
  time: number
  time_ns: number
  time_source: number
  observed: number
  observed_ns: number
  severity: number
  severity_text: string | null
  body: string
  body_type: number
  event_name: string | null
  trace_id: string | null
  span_id: string | null
  flags: number | null
  dropped_attributes: number | null
}

function addLog(session: Session, builder: LogBatchBuilder, row: LogRow): void {
  const at = builder.openRow()
  const { columns, dictionary } = builder
  if (row.trace_id !== null) putHex(columns.traceId, at * 16, row.trace_id)
  if (row.span_id !== null) putHex(columns.spanId, at * 8, row.span_id)
  columns.timeUs[at] = row.time
  columns.timeNs[at] = row.time_ns
  columns.timeSource[at] = row.time_source
  columns.observedUs[at] = row.observed
  columns.observedNs[at] = row.observed_ns
  columns.severity[at] = row.severity
  columns.severityText[at] = dictionary.internText(row.severity_text ?? '')
  columns.body[at] = dictionary.internText(row.body)
  columns.bodyType[at] = row.body_type
  columns.eventName[at] = dictionary.internText(row.event_name ?? '')
  columns.flags[at] = row.flags ?? 0
  columns.droppedAttributes[at] = row.dropped_attributes ?? 0
  addShared(session, builder, at, row)
}

function addShared(session: Session, builder: SpanBatchBuilder | LogBatchBuilder, at: number, row: Row): void {
  const resource = session.entries.resources.get(row.resource)
  const scope = session.entries.scopes.get(row.scope)
  if (!resource || !scope) throw new GlassboxError('data_damaged', 'resource or scope of a stored row is missing')
  builder.columns.resource[at] = builder.addResource(resource)
  builder.columns.scope[at] = builder.addScope(scope)
  addAttributes(builder, row)
  builder.commitRow()
}

function addAttributes(builder: SpanBatchBuilder | LogBatchBuilder, { attributes, typed }: Row): void {
  const exact = typed === null ? null : (JSON.parse(typed) as Record<string, AnyValue>)
  const { dictionary } = builder
  for (const [key, plain] of Object.entries(JSON.parse(attributes) as Record<string, unknown>)) {
    const index = dictionary.internText(key)
    const put = (type: AttrType, value: number): void => builder.attributes.set(index, type, value)
    if (exact && Object.hasOwn(exact, key)) putExact(put, (text) => dictionary.internText(text), exact[key])
    else if (typeof plain === 'string') put(AttrType.string, dictionary.internText(plain))
    else if (typeof plain === 'boolean') put(AttrType.bool, plain ? 1 : 0)
    else if (typeof plain === 'number') put(Number.isInteger(plain) ? AttrType.int : AttrType.double, plain)
    else put(AttrType.empty, 0)
  }
}

/** What plain JSON cannot say, as `encode-rows.ts` keeps it. */
function putExact(put: (type: AttrType, value: number) => void, intern: (text: string) => number, value: AnyValue) {
  if ('doubleValue' in value) put(AttrType.double, Number(value.doubleValue))
  else if ('intValue' in value) put(AttrType.bigint, intern(String(value.intValue)))
  else if ('bytesValue' in value) put(AttrType.bytes, intern(String(value.bytesValue)))
  else if (Object.keys(value).length === 0) put(AttrType.empty, 0)
  else put(AttrType.json, intern(JSON.stringify(value)))
}

const DIGIT = new Uint8Array(128)
for (let value = 0; value < 16; value++) DIGIT['0123456789abcdef'.charCodeAt(value)] = value

/** Bytes as the driver gives them: `\\x01ab`. */
function putHex(column: Uint8Array, at: number, bytes: string): void {
  for (let i = 2; i < bytes.length; i += 2) {
    column[at + i / 2 - 1] = (DIGIT[bytes.charCodeAt(i)] << 4) | DIGIT[bytes.charCodeAt(i + 1)]
  }
}
