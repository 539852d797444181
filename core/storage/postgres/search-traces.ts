import type { Histogram, Page } from '../../model/answers.ts'
import type { TraceSummary } from '../../model/records.ts'
import { narrowing } from '../../query/structure-match.ts'
import { SPREAD_US } from '../spread.ts'
import { decodeCursor, encodeCursor } from '../sqlite/read/cursor.ts'
import { bucketize } from '../sqlite/read/histogram.ts'
import type { TraceQuery } from '../store.ts'
import { asked, countTraces, SPANS_A_TRACE } from './count-traces.ts'
import { againColumns, filterSql, matchAgain, resourceIn, Values } from './filter-sql.ts'
import { readAsOf } from './search-logs.ts'
import { type AsOf, badCursor, hexId, idBytes, type Session, seenBy, whole } from './session.ts'
import { inParts } from './settled-parts.ts'
import { structuredPortions } from './structure-traces.ts'
import { EXTENT, type Extent, extentsOf } from './trace-places.ts'
import { summariesOf } from './trace-read.ts'
import { type PossibleRows, possibleRows } from './value-filters.ts'

function isSelective({ filter, service, operation }: TraceQuery): boolean {
  return filter.length > 0 || service !== null || operation !== null
}

function wanted(query: TraceQuery, { start, end, failed }: Extent): boolean {
  if (start < query.start || start >= query.end) return false
  const dur = end - start
  if (query.minDuration !== null && dur < query.minDuration) return false
  if (query.maxDuration !== null && dur > query.maxDuration) return false
  return query.status === null || (query.status === 'error') === failed
}

const newestFirst = (a: Extent, b: Extent): number => b.start - a.start || (a.id < b.id ? -1 : 1)

/** A trace and a time at which one of its spans began, µs. */
interface Found {
  id: string
  start: number
}

/** Traces that were found, each at least once; all that follow have their first span at `frontier` or before. */
interface Portion {
  found: Found[]
  frontier: number
}

/**
 * Spans that a first look at matching spans is to pass; each further look passes four times as many as the one before, and
 * sixteen times where the index of attributes finds them: what the first looks did not find enough of is rare.
 */
const FIRST_LOOK = 5000
const WIDER = { scanned: 4, indexed: 16 }
const MOST_LOOKS = 20
/** Traces of one portion whose whole extent is asked for at once. */
const MOST_RESOLVED = 5000

/** Parts that one statement looks into: planning it takes far more than twice as long for twice as many. */
const PARTS_AT_ONCE = 24

/** Parts that a page is looked for in before all others: planning a statement over many takes as long as running it. */
const FIRST_PARTS = 3

/** Traces by the extents in the range, latest first. */
async function* newestTraces(session: Session, query: TraceQuery, asOf: AsOf, end: number): AsyncGenerator<Portion> {
  const held = (await session.parts('traces')).filter(({ min, max }) => max >= query.start && min < end)
  const latest = held.toSorted((a, b) => b.max - a.max)
  // After this time the first ones alone hold anything.
  const until = latest[FIRST_PARTS]?.max ?? Number.NEGATIVE_INFINITY
  // A page is most often found at once; a search that passes over much is soon read in large portions.
  const all = query.minDuration === null && query.maxDuration === null && query.status === null
  let portion = query.limit + (all ? 10 : query.limit * 4)
  const next = (): number => {
    const now = portion
    portion = Math.min(MOST_RESOLVED, portion * 4)
    return now
  }
  for (const [parts, from, to] of [
    [latest.slice(0, FIRST_PARTS), Math.max(query.start, until + 1), end],
    [held, query.start, Math.min(end, until + 1)],
  ] as const) {
    if (from >= to) continue
    const sql = `SELECT trace_id AS id, start FROM ${session.schema}._extents WHERE ${inParts(parts.map(({ part }) => part))}
      AND start >= ${whole(from)} AND start < ${whole(to)} AND ${seenBy(asOf)} ORDER BY start DESC`
    for await (const rows of session.stream<Found>(sql, [], next, true)) {
      for (const row of rows) row.id = hexId(row.id)
      yield { found: rows, frontier: rows[rows.length - 1].start }
    }
  }
}

/** Traces of which a span holds to what is asked of single spans, newest first by looking back further and further. */
async function* matchingNewest(session: Session, query: TraceQuery, asOf: AsOf, end: number): AsyncGenerator<Portion> {
  const spans = await spanSearch(session, query, asOf)
  for await (const found of matchingLate(spans, end)) yield { found, frontier: Number.POSITIVE_INFINITY }
  const parts = (await session.parts('traces')).filter(({ min, max }) => max >= query.start && min < end + SPREAD_US)
  if (parts.length === 0) return
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const oldest = Math.max(query.start, Math.min(...parts.map(({ min }) => min)))
  let to = Math.min(end + SPREAD_US, Math.max(...parts.map(({ max }) => max)) + 1)
  let step = ((to - oldest) * FIRST_LOOK) / Math.max(rows, FIRST_LOOK)
  const indexed = query.filter.some((term) => term.type === 'attribute' && term.op === '=' && term.value !== '')
  const wider = indexed ? WIDER.indexed : WIDER.scanned
  for (let look = 1; to > oldest; look++) {
    const from = look === MOST_LOOKS ? oldest : Math.max(oldest, Math.floor(to - step))
    const some: Found[] = []
    for await (const found of matching(spans, from, to)) for (const one of found) some.push(one)
    yield* latestFirst(some, query.limit)
    yield { found: [], frontier: from - 1 }
    to = from
    step = Math.max(1, step * wider)
  }
}

/** In portions, each time more, so that a page that is full needs no more of them; a trace begins with its first span. */
function* latestFirst(found: Found[], limit: number): Generator<Portion> {
  found.sort((a, b) => b.start - a.start)
  let portion = limit * 2
  for (let at = 0; at < found.length; ) {
    const some = found.slice(at, at + portion)
    at += portion
    yield { found: some, frontier: found[at]?.start ?? some[some.length - 1].start }
    portion = Math.min(MOST_RESOLVED, portion * 4)
  }
}

/** What is asked of single spans, and where they may lie. */
interface SpanSearch {
  session: Session
  query: TraceQuery
  asOf: AsOf
  possible: PossibleRows
}

async function spanSearch(session: Session, query: TraceQuery, asOf: AsOf): Promise<SpanSearch> {
  await session.load()
  const { needed } = filterSql('traces', query.filter, new Values(), session.entries.resources)
  return { session, query, asOf, possible: await possibleRows(session, await session.parts('traces'), needed) }
}

/** Spread traces of which a span holds to what is asked of single spans, more than an hour after the window's `end`. */
async function* matchingLate(spans: SpanSearch, end: number): AsyncGenerator<Found[]> {
  const { session } = spans
  const from = end + SPREAD_US
  if ((await session.inParts('traces', from, Number.POSITIVE_INFINITY)) === 'false') return
  const among = await session.spread.within(session, from, end)
  if (among.length > 0) yield* matching(spans, from, Number.POSITIVE_INFINITY, among)
}

/**
 * Traces of which a span that started in the range holds to what is asked of single spans, with the start of the latest such
 * span; in portions, in no order, and a trace may come again.
 * @param among only these, by their ids in hex; null = all
 */
async function* matching(
  spans: SpanSearch,
  from: number,
  to: number,
  among: string[] | null = null,
): AsyncGenerator<Found[]> {
  const { session, query, asOf, possible } = spans
  const held = (await session.parts('traces')).filter(({ min, max }) => max >= from && min < to)
  const places: string[] = []
  const passed = held.filter(({ part }) => !possible.has(part)).toReversed()
  for (let at = 0; at < passed.length; at += PARTS_AT_ONCE)
    places.push(inParts(passed.slice(at, at + PARTS_AT_ONCE).map(({ part }) => part)))
  const some = held.flatMap(({ part }) => {
    const rows = possible.get(part)
    return rows ? [{ part, rows }] : []
  })
  if (some.length > 0)
    places.push(`${inParts(some.map(({ part }) => part))} AND (${some.map(({ rows }) => rows).join(' OR ')})`)
  for (const place of places) {
    const values = new Values()
    const filter = filterSql('traces', query.filter, values, session.entries.resources)
    const conditions = [place, `start >= ${whole(from)} AND start < ${whole(to)}`, seenBy(asOf), ...filter.conditions]
    if (among) conditions.push(`trace_id = ANY(${values.add(among.map(idBytes))}::bytea[])`)
    if (query.service !== null) conditions.push(resourceIn(session.entries.ofService(query.service)))
    if (query.operation !== null) conditions.push(`name = ${values.add(query.operation)}`)
    const where = `FROM ${session.schema}._traces WHERE ${conditions.join(' AND ')}`
    if (filter.again.length === 0) {
      const sql = `SELECT trace_id AS id, max(start) AS start ${where} GROUP BY 1`
      for await (const rows of session.stream<Found>(sql, values.list, () => 5000))
        yield rows.map(({ id, start }) => ({ id: hexId(id), start }))
      continue
    }
    const again = againColumns('traces', filter, values)
    const sql = `SELECT trace_id AS id, start${again} ${where}`
    for await (const rows of session.few<Found>(sql, values.list)) {
      const matched = matchAgain<Found>('traces', filter, rows, session.entries.resources)
      yield matched.map(({ id, start }) => ({ id: hexId(id), start }))
    }
  }
}

/** One page of traces, newest first; a cursor continues on the writes that the first page looked at. */
export async function searchTraces(session: Session, query: TraceQuery): Promise<Page<TraceSummary>> {
  if (query.sort === 'duration') return slowestTraces(session, query)
  if (query.chains?.length) return structuredTraces(session, query)
  const after = query.cursor === null ? null : decodeCursor(query.cursor, ['number', 'string', 'number', 'string'])
  const position = after ? { start: after[0] as number, id: after[1] as string } : null
  const asOf = after ? readAsOf(after[2] as number, after[3] as string) : await session.asOf()
  const wantedCount = query.limit + 1
  const seen = new Set<string>()
  const ready: Extent[] = []
  const found: Extent[] = []
  const isAfter = ({ start, id }: Extent): boolean =>
    !position || start < position.start || (start === position.start && id > position.id)
  const settle = (frontier: number): void => {
    // What is left can begin no later than the frontier, so anything later is in its final order.
    ready.sort(newestFirst)
    while (found.length < wantedCount && ready.length > 0 && ready[0].start > frontier)
      found.push(ready.shift() as Extent)
  }
  const end = position ? Math.min(query.end, position.start + 1) : query.end
  const portions = isSelective(query) ? matchingNewest : newestTraces
  for await (const { found: some, frontier } of portions(session, query, asOf, end)) {
    const fresh = some.filter(({ id }) => !seen.has(id))
    for (const { id } of fresh) seen.add(id)
    for (const extent of await resolve(session, fresh, asOf))
      if (wanted(query, extent) && isAfter(extent)) ready.push(extent)
    settle(frontier)
    if (found.length >= wantedCount) break
  }
  settle(Number.NEGATIVE_INFINITY)
  return page(session, query.limit, found, asOf, (last) => [last.start, last.id])
}

/** The whole extents of traces that were found, each once. */
function resolve(session: Session, found: Found[], asOf: AsOf): Promise<Extent[]> {
  let from = Number.POSITIVE_INFINITY
  let to = Number.NEGATIVE_INFINITY
  for (const { start } of found) {
    from = Math.min(from, start)
    to = Math.max(to, start)
  }
  return extentsOf(session, [...new Set(found.map(({ id }) => id))], asOf, { from, to: to + 1 })
}

/** Rows that a first look at whole traces is to pass; each further look passes four times as many. */
const FIRST_STRUCTURED = 50_000

/** One page of traces that are asked about as a whole, looked for further and further back. */
async function structuredTraces(session: Session, query: TraceQuery): Promise<Page<TraceSummary>> {
  const after = query.cursor === null ? null : decodeCursor(query.cursor, ['number', 'string', 'number', 'string'])
  const position = after ? { start: after[0] as number, id: after[1] as string } : null
  const asOf = after ? readAsOf(after[2] as number, after[3] as string) : await session.asOf()
  const end = position ? Math.min(query.end, position.start + 1) : query.end
  const parts = (await session.parts('traces')).filter(({ min, max }) => max >= query.start && min < end)
  const oldest = Math.min(end, ...parts.map(({ min }) => min))
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const found: Extent[] = []
  let to = Math.min(end, Math.max(query.start, ...parts.map(({ max }) => max + 1)))
  let width = ((to - oldest) * FIRST_STRUCTURED) / Math.max(rows, FIRST_STRUCTURED)
  while (to > query.start && parts.length > 0 && found.length <= query.limit) {
    const back = Math.floor(to - Math.max(1, width))
    const from = back <= oldest ? query.start : Math.max(query.start, back)
    const some = await wantedTraces(session, { ...query, start: from, end: to }, asOf)
    const rest = some.filter(({ start, id }) => !position || start < position.start || id > position.id)
    for (const extent of rest.sort(newestFirst)) found.push(extent)
    to = from
    width *= 4
  }
  return page(session, query.limit, found, asOf, (last) => [last.start, last.id])
}

async function page(
  session: Session,
  limit: number,
  found: Extent[],
  asOf: AsOf,
  position: (last: Extent) => (number | string)[],
): Promise<Page<TraceSummary>> {
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  const more = found.length > limit && last !== undefined
  return {
    items: await summariesOf(session, listed, asOf),
    nextCursor: more ? encodeCursor([...position(last), asOf.hi, asOf.gaps.join(',')]) : null,
    partial: null,
  }
}

/** One row a trace, of all that begin in the window and hold to what is asked of whole traces. */
async function wholeTraces(session: Session, query: TraceQuery, asOf: AsOf): Promise<string> {
  const from = query.start - SPREAD_US
  const to = query.end + SPREAD_US
  const having = asked(query, 'min(start)', '(max(start + dur) - min(start))', 'bool_or(failed)')
  const rows = `SELECT trace_id, start, dur, failed FROM ${session.schema}._extents WHERE ${seenBy(asOf)}`
  const near = `start >= ${whole(from)} AND start < ${whole(to)}`
  const all = [`${rows} AND ${await session.inParts('traces', from, to)} AND ${near}`]
  const parts = await session.parts('traces')
  const isAllNear = parts.every(({ min, max }) => min >= from && max < to)
  const spans = parts.reduce((sum, { min, max, rows: held }) => sum + (max >= from && min < to ? held : 0), 0)
  await session.roomFor(spans / SPANS_A_TRACE)
  const spread = isAllNear ? [] : await session.spread.within(session, query.start, to)
  if (spread.length > 0) {
    const ids = spread.map((id) => `'${idBytes(id)}'::bytea`).join(',')
    all.push(`${rows} AND trace_id IN (${ids}) AND NOT (${near})`)
  }
  return `SELECT ${EXTENT} FROM (${all.join(' UNION ALL ')}) extents GROUP BY trace_id HAVING ${having}`
}

/** All traces that the query asks for, in portions and in no order. */
export async function* wantedPortions(session: Session, query: TraceQuery, asOf: AsOf): AsyncGenerator<Extent[]> {
  const { chains = [] } = query
  if (chains.length === 0) {
    yield* matchingPortions(session, query, asOf)
    return
  }
  // A set that every such trace has a span of narrows the search as a filter does.
  const begin = isSelective(query) ? null : narrowing(chains)
  for await (const portion of matchingPortions(session, begin ? { ...query, filter: begin } : query, asOf))
    yield* structuredPortions(session, portion, chains, asOf)
}

async function* matchingPortions(session: Session, query: TraceQuery, asOf: AsOf): AsyncGenerator<Extent[]> {
  if (!isSelective(query)) {
    for await (const rows of session.stream<Extent>(await wholeTraces(session, query, asOf), [], () => 20_000))
      yield rows.map((row) => ({ ...row, id: hexId(row.id) }))
    return
  }
  const latest = new Map<string, Found>()
  const keep = (found: Found[]): void => {
    for (const one of found) if (!latest.has(one.id)) latest.set(one.id, one)
  }
  const spans = await spanSearch(session, query, asOf)
  for await (const some of matching(spans, query.start, query.end + SPREAD_US)) keep(some)
  for await (const some of matchingLate(spans, query.end)) keep(some)
  yield (await resolve(session, [...latest.values()], asOf)).filter((extent) => wanted(query, extent))
}

/** All traces that the query asks for, in no order. */
async function wantedTraces(session: Session, query: TraceQuery, asOf: AsOf): Promise<Extent[]> {
  const found: Extent[] = []
  for await (const portion of wantedPortions(session, query, asOf)) for (const extent of portion) found.push(extent)
  return found
}

/** Counts traces by start; the server counts unless spans are asked about. */
export async function traceHistogram(session: Session, query: TraceQuery, buckets: number): Promise<Histogram> {
  const counts = bucketize(query.start, query.end, buckets, ['ok', 'error'])
  const asOf = await session.asOf()
  if (isSelective(query) || query.chains?.length) {
    for (const { start, failed } of await wantedTraces(session, query, asOf)) counts.add(start, failed ? 1 : 0)
    return counts.finish()
  }
  for (const { bucket, failed, n } of await countTraces(session, query, asOf, counts.bucketUs))
    counts.add(query.start + bucket * counts.bucketUs, failed ? 1 : 0, n)
  return counts.finish()
}

/** One page of traces, longest first; equal ones newest first, then by id. */
async function slowestTraces(session: Session, query: TraceQuery): Promise<Page<TraceSummary>> {
  const after =
    query.cursor === null ? null : decodeCursor(query.cursor, ['number', 'number', 'string', 'number', 'string'])
  const asOf = after ? readAsOf(after[3] as number, after[4] as string) : await session.asOf()
  const dur = ({ start, end }: Extent): number => end - start
  const compare = (a: Extent, b: Extent): number => dur(b) - dur(a) || newestFirst(a, b)
  let traces = await wantedTraces(session, query, asOf)
  if (after) {
    if (!Number.isFinite(after[0])) throw badCursor()
    const last = {
      id: after[2] as string,
      start: after[1] as number,
      end: (after[1] as number) + (after[0] as number),
      failed: false,
    }
    traces = traces.filter((extent) => extent.id !== last.id && compare(last, extent) < 0)
  }
  return page(session, query.limit, traces.sort(compare), asOf, (last) => [dur(last), last.start, last.id])
}
