import type { Histogram, Page } from '../../model/answers.ts'
import type { TraceSummary } from '../../model/records.ts'
import { decodeCursor, encodeCursor } from '../sqlite/cursor.ts'
import { bucketize } from '../sqlite/histogram.ts'
import type { TraceQuery } from '../store.ts'
import { againColumns, filterSql, matchAgain, Values } from './filter-sql.ts'
import { readAsOf } from './search-logs.ts'
import { type AsOf, badCursor, type Session, whole } from './session.ts'
import { seenBy, summariesOf } from './trace-read.ts'

/** Spans of a trace may lie this long before or after the window and still be looked at, µs; as in the other engine. */
const BEYOND_US = 3_600_000_000
/** Traces whose extent is asked for in one statement. */
const RESOLVE = 5000

/** What is true of a whole trace. */
interface Extent {
  id: string
  start: number
  end: number
  failed: boolean
}

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

/** Spans that match the conditions on single spans, latest start first, in portions; all that follow start at `frontier` or before. */
async function* matching(
  session: Session,
  query: TraceQuery,
  asOf: AsOf,
  end: number,
  ordered: boolean,
): AsyncGenerator<{ spans: { trace_id: string; start: number }[]; frontier: number }> {
  const selective = isSelective(query)
  const to = selective ? end + BEYOND_US : end
  const values = new Values()
  await session.entries.load(session)
  const filter = filterSql('traces', query.filter, values, session.entries.resources)
  const conditions = [
    await session.days('traces', query.start, to),
    `start >= ${whole(query.start)} AND start < ${whole(to)}`,
    seenBy(asOf),
    ...filter.conditions,
  ]
  if (query.service !== null) conditions.push(`service = ${values.add(query.service)}`)
  if (query.operation !== null) conditions.push(`name = ${values.add(query.operation)}`)
  const again = againColumns('traces', filter, values)
  const sql = `SELECT trace_id, start${again} FROM ${session.schema}._traces WHERE ${conditions.join(' AND ')}${ordered ? ' ORDER BY start DESC' : ''}`
  for await (const rows of session.stream<{ trace_id: string; start: number }>(sql, values.list)) {
    const spans = matchAgain<{ trace_id: string; start: number }>('traces', filter, rows, session.entries.resources)
    yield { spans, frontier: rows[rows.length - 1].start }
  }
}

async function extents(session: Session, ids: string[], asOf: AsOf): Promise<Extent[]> {
  const found: Extent[] = []
  for (let at = 0; at < ids.length; at += RESOLVE) {
    found.push(
      ...(await session.rows<Extent>(
        `SELECT trace_id AS id, min(start) AS start, max(start + dur) AS "end", bool_or(status = 2) AS failed
         FROM ${session.schema}._traces WHERE trace_id = ANY($1::text[]) AND ${seenBy(asOf)} GROUP BY 1`,
        [ids.slice(at, at + RESOLVE)],
      )),
    )
  }
  return found
}

/** One page of traces, newest first; a cursor continues on the writes that the first page looked at. */
export async function searchTraces(session: Session, query: TraceQuery): Promise<Page<TraceSummary>> {
  if (query.sort === 'duration') return slowestTraces(session, query)
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
  for await (const { spans, frontier } of matching(session, query, asOf, end, true)) {
    const fresh = [...new Set(spans.map(({ trace_id }) => trace_id))].filter((id) => !seen.has(id))
    for (const id of fresh) seen.add(id)
    for (const extent of await extents(session, fresh, asOf))
      if (wanted(query, extent) && isAfter(extent)) ready.push(extent)
    settle(frontier)
    if (found.length >= wantedCount) break
  }
  settle(Number.NEGATIVE_INFINITY)
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

/** All traces that the query asks for, in no order. */
async function wantedTraces(session: Session, query: TraceQuery, asOf: AsOf): Promise<Extent[]> {
  const found: Extent[] = []
  if (!isSelective(query)) {
    const from = query.start - BEYOND_US
    const to = query.end + BEYOND_US
    const sql = `SELECT trace_id AS id, min(start) AS start, max(start + dur) AS "end", bool_or(status = 2) AS failed
      FROM ${session.schema}._traces WHERE ${await session.days('traces', from, to)} AND start >= ${whole(from)} AND start < ${whole(to)}
      AND ${seenBy(asOf)} GROUP BY 1 HAVING min(start) >= ${whole(query.start)} AND min(start) < ${whole(query.end)}`
    for await (const rows of session.stream<Extent>(sql, [], 20_000))
      found.push(...rows.filter((row) => wanted(query, row)))
    return found
  }
  const ids = new Set<string>()
  for await (const { spans } of matching(session, query, asOf, query.end, false))
    for (const { trace_id } of spans) ids.add(trace_id)
  return (await extents(session, [...ids], asOf)).filter((extent) => wanted(query, extent))
}

/** Counts traces by start. */
export async function traceHistogram(session: Session, query: TraceQuery, buckets: number): Promise<Histogram> {
  const counts = bucketize(query.start, query.end, buckets, ['ok', 'error'])
  for (const { start, failed } of await wantedTraces(session, query, await session.asOf()))
    counts.add(start, failed ? 1 : 0)
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
