import { SPREAD_US } from '../spread.ts'
import type { TraceQuery } from '../store.ts'
import { type AsOf, idBytes, type PartRange, type Session, seenBy, whole } from './session.ts'
import { inParts } from './settled-parts.ts'

export interface Counted {
  /** Number of the step of the histogram. */
  bucket: number
  failed: boolean
  n: number
}

/**
 * Counts the traces that begin in the window and hold to what is asked of whole traces, by steps of `bucketUs`. In settled
 * parts (see `settled-parts.ts`) sole traces are counted as they lie; all others are grouped: those with rows in several
 * parts, in parts that are not settled, and those that reach over more than an hour.
 */
export async function countTraces(
  session: Session,
  query: TraceQuery,
  asOf: AsOf,
  bucketUs: number,
): Promise<Counted[]> {
  const { schema } = session
  const from = query.start - SPREAD_US
  const to = query.end + SPREAD_US
  const held = (await session.parts('traces')).filter(({ min, max }) => max >= from && min < to)
  const settled = await session.settled()
  const done = held.filter(({ part }) => settled.has(part))
  const open = held.filter(({ part }) => !settled.has(part))
  const spread = (await session.spread.within(session, query.start, to)).map((id) => `'${idBytes(id)}'::bytea`)
  const isSpread = spread.length === 0 ? 'false' : `trace_id IN (${spread.join(',')})`
  const ofOpen = `SELECT trace_id FROM ${schema}._extents WHERE ${only(open)}`
  const apart = `(NOT sole OR ${isSpread} OR (${only(nearTo(open, done))} AND trace_id IN (${ofOpen})))`
  const near = `start >= ${whole(from)} AND start < ${whole(to)}`
  const bucket = `(start - ${whole(query.start)}) / ${bucketUs} AS bucket`
  const columns = 'trace_id, start, dur, failed'
  await session.roomFor(open.reduce((sum, { rows }) => sum + rows, 0) / SPANS_A_TRACE)
  return session.rows<Counted>(
    `SELECT bucket, failed, sum(n) AS n FROM (
       SELECT ${bucket}, failed, count(*) AS n FROM ${schema}._whole WHERE ${only(done)} AND NOT ${apart} AND ${asked(query, 'start', 'dur', 'failed')}
         GROUP BY 1, 2
       UNION ALL SELECT ${bucket}, failed, count(*) FROM (
         SELECT min(start) AS start, bool_or(failed) AS failed FROM (
           SELECT ${columns} FROM ${schema}._whole WHERE ${only(done)} AND ${apart}
           UNION ALL SELECT ${columns} FROM ${schema}._extents WHERE ${only(open)} AND ${seenBy(asOf)} AND (${near} OR ${isSpread})
           UNION ALL SELECT ${columns} FROM ${schema}._extents WHERE ${isSpread} AND NOT ${only(held)} AND ${seenBy(asOf)}
         ) rows GROUP BY trace_id
         HAVING ${asked(query, 'min(start)', '(max(start + dur) - min(start))', 'bool_or(failed)')}
       ) grouped GROUP BY 1, 2
     ) counted GROUP BY 1, 2`,
  )
}

/** As few as they may be where there are many traces. */
export const SPANS_A_TRACE = 8

const only = (parts: PartRange[]): string => inParts(parts.map(({ part }) => part))

/** What the query asks of a whole trace, of these expressions. */
export function asked(query: TraceQuery, start: string, dur: string, failed: string): string {
  const all = [`${start} >= ${whole(query.start)}`, `${start} < ${whole(query.end)}`]
  if (query.minDuration !== null) all.push(`${dur} >= ${whole(query.minDuration)}`)
  if (query.maxDuration !== null) all.push(`${dur} <= ${whole(Math.floor(query.maxDuration))}`)
  if (query.status !== null) all.push(`${failed} = ${query.status === 'error'}`)
  return all.join(' AND ')
}

/** Those of `parts` that may hold rows of a trace of `others`, unless it reaches over more than an hour. */
function nearTo(others: PartRange[], parts: PartRange[]): PartRange[] {
  return parts.filter(({ min, max }) =>
    others.some((other) => max >= other.min - SPREAD_US && min <= other.max + SPREAD_US),
  )
}
