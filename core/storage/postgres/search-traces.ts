import type { Histogram, Page } from '../../model/answers.ts'
import type { TraceSummary } from '../../model/records.ts'
import { narrowing } from '../../query/structure-match.ts'
import { SPREAD_US } from '../spread.ts'
import { decodeCursor, encodeCursor } from '../sqlite/cursor.ts'
import { bucketize } from '../sqlite/histogram.ts'
import type { TraceQuery } from '../store.ts'
import { againColumns, filterSql, matchAgain, resourceIn, Values } from './filter-sql.ts'
import { readAsOf } from './search-logs.ts'
import { type AsOf, badCursor, hexId, idBytes, type Session, whole } from './session.ts'
import { type Extent, structuredPortions } from './structure-traces.ts'
import { seenBy, summariesOf } from './trace-read.ts'

/** Traces whose extent is asked for in one statement. */
const RESOLVE = 5000

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

/** Traces that were found, each at least once; all that follow have their first span at `frontier` or before. */
interface Portion {
  ids: string[]
  frontier: number
}

/**
 * Spans that a first look at matching spans is to pass; each further look passes four times as many as the one before, and
 * sixteen times where the index of attributes finds them: what the first looks did not find enough of is rare.
 */
const FIRST_LOOK = 20_000
const WIDER = { scanned: 4, indexed: 16 }
const MOST_LOOKS = 20

/** Traces by the extents in the range, latest first. */
async function* newestTraces(session: Session, query: TraceQuery, asOf: AsOf, end: number): AsyncGenerator<Portion> {
  const sql = `SELECT trace_id, start FROM ${session.schema}._extents WHERE ${await session.inParts('traces', query.start, end)}
    AND start >= ${whole(query.start)} AND start < ${whole(end)} AND ${seenBy(asOf)} ORDER BY start DESC`
  // A page is most often found at once; a search that passes over much is soon read in large portions.
  let portion = query.limit * 4
  const next = (): number => {
    portion = Math.min(5000, portion * 2)
    return portion
  }
  for await (const rows of session.stream<{ trace_id: string; start: number }>(sql, [], next, true)) {
    yield { ids: rows.map(({ trace_id }) => hexId(trace_id)), frontier: rows[rows.length - 1].start }
  }
}

/** Traces of which a span holds to what is asked of single spans, newest first by looking back further and further. */
async function* matchingNewest(session: Session, query: TraceQuery, asOf: AsOf, end: number): AsyncGenerator<Portion> {
  for await (const ids of matchingLate(session, query, asOf, end)) yield { ids, frontier: Number.POSITIVE_INFINITY }
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
    for await (const ids of matching(session, query, asOf, from, to)) yield { ids, frontier: to }
    yield { ids: [], frontier: from - 1 }
    to = from
    step = Math.max(1, step * wider)
  }
}

/** Spread traces of which a span holds to what is asked of single spans, more than an hour after the window's `end`. */
async function* matchingLate(session: Session, query: TraceQuery, asOf: AsOf, end: number): AsyncGenerator<string[]> {
  const from = end + SPREAD_US
  if ((await session.inParts('traces', from, Number.POSITIVE_INFINITY)) === 'false') return
  const among = await session.spread.within(session, from, end)
  if (among.length > 0) yield* matching(session, query, asOf, from, Number.POSITIVE_INFINITY, among)
}

/**
 * Traces of which a span that started in the range holds to what is asked of single spans; in portions, in no order.
 * @param among only these, by their ids in hex; null = all
 */
async function* matching(
  session: Session,
  query: TraceQuery,
  asOf: AsOf,
  from: number,
  to: number,
  among: string[] | null = null,
): AsyncGenerator<string[]> {
  const held = await session.inParts('traces', from, to)
  if (held === 'false') return
  const values = new Values()
  await session.entries.load(session)
  const filter = filterSql('traces', query.filter, values, session.entries.resources)
  const conditions = [held, `start >= ${whole(from)} AND start < ${whole(to)}`, seenBy(asOf), ...filter.conditions]
  if (among) conditions.push(`trace_id = ANY(${values.add(among.map(idBytes))}::bytea[])`)
  if (query.service !== null) conditions.push(resourceIn(session.entries.ofService(query.service)))
  if (query.operation !== null) conditions.push(`name = ${values.add(query.operation)}`)
  const where = `FROM ${session.schema}._traces WHERE ${conditions.join(' AND ')}`
  if (filter.again.length === 0) {
    const sql = `SELECT DISTINCT trace_id ${where}`
    for await (const rows of session.stream<{ trace_id: string }>(sql, values.list, () => 5000))
      yield rows.map(({ trace_id }) => hexId(trace_id))
    return
  }
  const again = againColumns('traces', filter, values)
  const sql = `SELECT trace_id${again} ${where}`
  for await (const rows of session.stream<{ trace_id: string }>(sql, values.list)) {
    const spans = matchAgain<{ trace_id: string }>('traces', filter, rows, session.entries.resources)
    yield [...new Set(spans.map(({ trace_id }) => trace_id))].map(hexId)
  }
}

async function extents(session: Session, ids: string[], asOf: AsOf): Promise<Extent[]> {
  const found: Extent[] = []
  for (let at = 0; at < ids.length; at += RESOLVE) {
    const rows = await session.rows<Extent>(
      `SELECT ${EXTENT} FROM ${session.schema}._extents WHERE trace_id = ANY($1::bytea[]) AND ${seenBy(asOf)} GROUP BY trace_id`,
      [ids.slice(at, at + RESOLVE).map(idBytes)],
    )
    for (const row of rows) found.push({ ...row, id: hexId(row.id) })
  }
  return found
}

const EXTENT = `trace_id AS id, min(start) AS start, max(start + dur) AS "end", bool_or(failed) AS failed`

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
  for await (const { ids, frontier } of portions(session, query, asOf, end)) {
    const fresh = [...new Set(ids)].filter((id) => !seen.has(id))
    for (const id of fresh) seen.add(id)
    for (const extent of await extents(session, fresh, asOf))
      if (wanted(query, extent) && isAfter(extent)) ready.push(extent)
    settle(frontier)
    if (found.length >= wantedCount) break
  }
  settle(Number.NEGATIVE_INFINITY)
  return page(session, query.limit, found, asOf, (last) => [last.start, last.id])
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
    items: await summariesOf(
      session,
      listed.map(({ id }) => id),
      asOf,
    ),
    nextCursor: more ? encodeCursor([...position(last), asOf.hi, asOf.gaps.join(',')]) : null,
    partial: null,
  }
}

/** One row a trace, of all that begin in the window and hold to what is asked of whole traces. */
async function wholeTraces(session: Session, query: TraceQuery, asOf: AsOf, columns = EXTENT): Promise<string> {
  const from = query.start - SPREAD_US
  const to = query.end + SPREAD_US
  const having = [`min(start) >= ${whole(query.start)}`, `min(start) < ${whole(query.end)}`]
  const dur = 'max(start + dur) - min(start)'
  if (query.minDuration !== null) having.push(`${dur} >= ${whole(query.minDuration)}`)
  if (query.maxDuration !== null) having.push(`${dur} <= ${whole(Math.floor(query.maxDuration))}`)
  if (query.status !== null) having.push(`bool_or(failed) = ${query.status === 'error'}`)
  const rows = `SELECT trace_id, start, dur, failed FROM ${session.schema}._extents WHERE ${seenBy(asOf)}`
  const near = `start >= ${whole(from)} AND start < ${whole(to)}`
  const all = [`${rows} AND ${await session.inParts('traces', from, to)} AND ${near}`]
  const isAllNear = (await session.parts('traces')).every(({ min, max }) => min >= from && max < to)
  const spread = isAllNear ? [] : await session.spread.within(session, query.start, to)
  if (spread.length > 0) {
    const ids = spread.map((id) => `'${idBytes(id)}'::bytea`).join(',')
    all.push(`${rows} AND trace_id IN (${ids}) AND NOT (${near})`)
  }
  return `SELECT ${columns} FROM (${all.join(' UNION ALL ')}) extents GROUP BY trace_id HAVING ${having.join(' AND ')}`
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
  const ids = new Set<string>()
  for await (const some of matching(session, query, asOf, query.start, query.end + SPREAD_US))
    for (const id of some) ids.add(id)
  for await (const some of matchingLate(session, query, asOf, query.end)) for (const id of some) ids.add(id)
  yield (await extents(session, [...ids], asOf)).filter((extent) => wanted(query, extent))
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
  const rows = await session.rows<{ bucket: number; failed: boolean; n: number }>(
    `SELECT (start - ${whole(query.start)}) / ${counts.bucketUs} AS bucket, failed, count(*) AS n
     FROM (${await wholeTraces(session, query, asOf, 'min(start) AS start, bool_or(failed) AS failed')}) traces GROUP BY 1, 2`,
  )
  for (const { bucket, failed, n } of rows) counts.add(query.start + bucket * counts.bucketUs, failed ? 1 : 0, n)
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
