import { GlassboxError } from '../../base/errors.ts'
import { LogBatchBuilder, SpanBatchBuilder } from '../../model/batch-builder.ts'
import type { MovePlace } from '../move-place.ts'
import { SCAN_ROWS, type ScanPart, type ScanRequest } from '../scan.ts'
import type { CopyRows } from './copy-rows.ts'
import { dayOfPart } from './parts.ts'
import { readAttributes } from './read-attributes.ts'
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

/** The place of each column among those asked for. */
function places<const N extends string>(...names: N[]): Record<N, number> {
  return Object.fromEntries(names.map((name, place) => [name, place])) as Record<N, number>
}

const SHARED = [
  'part',
  'resource',
  'scope',
  'attributes',
  'typed',
  'trace_id',
  'span_id',
  'flags',
  'dropped_attributes',
] as const
const SPAN = places(
  ...SHARED,
  'parent_id',
  'name',
  'kind',
  'start',
  'start_ns',
  'dur',
  'dur_ns',
  'status',
  'status_message',
  'events',
  'links',
  'trace_state',
  'dropped_events',
  'dropped_links',
  'marks',
  'sample_rate',
)
const LOG = places(
  ...SHARED,
  'time',
  'time_ns',
  'time_source',
  'observed',
  'observed_ns',
  'severity',
  'severity_text',
  'body',
  'body_type',
  'event_name',
)

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
  await session.load()
  const spans = new Days(session, () => new SpanBatchBuilder(), fillSpan)
  await session.copyOut(
    `SELECT ${Object.keys(SPAN).join(', ')} FROM ${session.schema}._traces WHERE ${where}${mine}${since('start')} ORDER BY seq, ordinal`,
    Object.keys(SPAN).length,
    (row) => spans.add(row),
  )
  const logs = new Days(session, () => new LogBatchBuilder(), fillLog)
  await session.copyOut(
    `SELECT ${Object.keys(LOG).join(', ')} FROM ${session.schema}._logs WHERE ${where}${mine}${since('time')} ORDER BY seq, ordinal`,
    Object.keys(LOG).length,
    (row) => logs.add(row),
  )
  const rows = spans.rows + logs.rows
  const step = rows === 0 ? from.step * 8 : Math.floor((from.step * SCAN_ROWS) / rows)
  const cursor = placeText({
    hi: end,
    step: Math.max(1, Math.min(LARGEST_STEP, from.step * 8, step)),
    gaps: upTo.gaps.filter((gap) => gap <= end),
  })
  return { spans: spans.finish(), logs: logs.finish(), cursor, done: end >= upTo.hi }
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

/** A batch that is being built, and the places of its resources and scopes by their ids. */
interface Building<B> {
  builder: B
  resources: Map<number, number>
  scopes: Map<number, number>
}

/** One batch a day of receipt, of which only the day is known: its end, so that nothing ages too early. */
class Days<B extends SpanBatchBuilder | LogBatchBuilder> {
  readonly #session: Session
  readonly #make: () => B
  readonly #fill: (builder: B, at: number, row: CopyRows) => void
  readonly #days = new Map<number, Building<B>>()
  rows = 0

  constructor(session: Session, make: () => B, fill: (builder: B, at: number, row: CopyRows) => void) {
    this.#session = session
    this.#make = make
    this.#fill = fill
  }

  /** @throws GlassboxError `data_damaged` when a resource or a scope is missing */
  add(row: CopyRows): void {
    const day = dayOfPart(row.int(SPAN.part))
    let building = this.#days.get(day)
    if (!building) {
      building = { builder: this.#make(), resources: new Map(), scopes: new Map() }
      this.#days.set(day, building)
    }
    const { builder, resources, scopes } = building
    const { entries } = this.#session
    const at = builder.openRow()
    const { columns } = builder
    this.#fill(builder, at, row)
    row.copy(SPAN.trace_id, columns.traceId, at * 16)
    row.copy(SPAN.span_id, columns.spanId, at * 8)
    columns.flags[at] = row.int(SPAN.flags)
    columns.droppedAttributes[at] = row.int(SPAN.dropped_attributes)
    columns.resource[at] = placeOf(resources, row.int(SPAN.resource), (id) =>
      builder.addResource(found(entries.resources.get(id))),
    )
    columns.scope[at] = placeOf(scopes, row.int(SPAN.scope), (id) => builder.addScope(found(entries.scopes.get(id))))
    // A binary jsonb is a version byte and its text.
    const json = row.starts[SPAN.attributes] + 1
    readAttributes(builder, row.bytes, json, json + row.lengths[SPAN.attributes] - 1, row.text(SPAN.typed))
    builder.commitRow()
    this.rows++
  }

  finish(): ReturnType<B['finish']>[] {
    const receivedUs = (day: number): number => (day + 1) * 86_400e6 - 1
    return [...this.#days].map(([day, { builder }]) => builder.finish(receivedUs(day)) as ReturnType<B['finish']>)
  }
}

function placeOf(known: Map<number, number>, id: number, add: (id: number) => number): number {
  let place = known.get(id)
  if (place === undefined) {
    place = add(id)
    known.set(id, place)
  }
  return place
}

function found<E>(entry: E | undefined): E {
  if (!entry) throw new GlassboxError('data_damaged', 'resource or scope of a stored row is missing')
  return entry
}

function intern(
  { dictionary }: SpanBatchBuilder | LogBatchBuilder,
  row: CopyRows,
  field: number,
  like: number,
): number {
  const start = row.starts[field]
  return row.isNull(field) ? 0 : dictionary.internLike(like, row.bytes, start, start + row.lengths[field])
}

function fillSpan(builder: SpanBatchBuilder, at: number, row: CopyRows): void {
  const { columns } = builder
  const before = Math.max(0, at - 1)
  row.copy(SPAN.parent_id, columns.parentId, at * 8)
  columns.startUs[at] = row.int(SPAN.start)
  columns.startNs[at] = row.int(SPAN.start_ns)
  columns.durUs[at] = row.int(SPAN.dur)
  columns.durNs[at] = row.int(SPAN.dur_ns)
  columns.name[at] = intern(builder, row, SPAN.name, columns.name[before])
  columns.kind[at] = row.int(SPAN.kind)
  columns.status[at] = row.int(SPAN.status)
  columns.statusMessage[at] = intern(builder, row, SPAN.status_message, columns.statusMessage[before])
  columns.traceState[at] = intern(builder, row, SPAN.trace_state, columns.traceState[before])
  columns.droppedEvents[at] = row.int(SPAN.dropped_events)
  columns.droppedLinks[at] = row.int(SPAN.dropped_links)
  columns.events[at] = intern(builder, row, SPAN.events, columns.events[before])
  columns.links[at] = intern(builder, row, SPAN.links, columns.links[before])
  columns.marks[at] = row.int(SPAN.marks)
  columns.sampleRate[at] = row.int(SPAN.sample_rate, 1)
}

function fillLog(builder: LogBatchBuilder, at: number, row: CopyRows): void {
  const { columns } = builder
  const before = Math.max(0, at - 1)
  columns.timeUs[at] = row.int(LOG.time)
  columns.timeNs[at] = row.int(LOG.time_ns)
  columns.timeSource[at] = row.int(LOG.time_source)
  columns.observedUs[at] = row.int(LOG.observed)
  columns.observedNs[at] = row.int(LOG.observed_ns)
  columns.severity[at] = row.int(LOG.severity)
  columns.severityText[at] = intern(builder, row, LOG.severity_text, columns.severityText[before])
  columns.body[at] = intern(builder, row, LOG.body, columns.body[before])
  columns.bodyType[at] = row.int(LOG.body_type)
  columns.eventName[at] = intern(builder, row, LOG.event_name, columns.eventName[before])
}
