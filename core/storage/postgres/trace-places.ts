import { SPREAD_US } from '../spread.ts'
import { type AsOf, hexId, idBytes, type PartRange, type Session, seenBy } from './session.ts'

/** What is true of a whole trace. */
export interface Extent {
  id: string
  start: number
  end: number
  failed: boolean
}

/** Columns of an Extent, of rows of `_extents` grouped by trace. */
export const EXTENT = `trace_id AS id, min(start) AS start, max(start + dur) AS "end", bool_or(failed) AS failed`

/** Traces that may be looked for in every part. */
const LOOKED_FOR = 300
/** Traces whose extent is asked for in one statement. */
const RESOLVE = 5000

/**
 * Extents of traces of which some span starts in the range, µs: looked for in the parts of an hour around it, and of those
 * few that reach further in all parts.
 */
export async function extentsOf(
  session: Session,
  ids: string[],
  asOf: AsOf,
  range: { from: number; to: number },
): Promise<Extent[]> {
  if (ids.length === 0) return []
  const near = (await session.parts('traces')).filter(overlaps(range.from - SPREAD_US, range.to + SPREAD_US))
  const isAll = near.length === (await session.parts('traces')).length
  // A few are looked for everywhere sooner than it is known which traces reached far since the last write.
  const isSooner = ids.length <= LOOKED_FOR && !session.spread.isCurrent(await session.asOf())
  const spread = isAll ? [] : isSooner ? ids : await session.spread.among(session, ids)
  const beyond = new Set(spread)
  const found: Extent[] = []
  const ask = async (some: string[], held: string): Promise<void> => {
    for (let at = 0; at < some.length; at += RESOLVE) {
      const rows = await session.rows<Extent>(
        `SELECT ${EXTENT} FROM ${session.schema}._extents WHERE ${held} AND trace_id = ANY($1::bytea[]) AND ${seenBy(asOf)} GROUP BY trace_id`,
        [some.slice(at, at + RESOLVE).map(idBytes)],
      )
      for (const row of rows) found.push({ ...row, id: hexId(row.id) })
    }
  }
  await ask(
    ids.filter((id) => !beyond.has(id)),
    inList(near),
  )
  await ask(spread, 'true')
  return found
}

/** Condition for the parts that spans of these traces may lie in, as literals. */
export async function inPartsOf(session: Session, traces: readonly Extent[]): Promise<string> {
  return inList(await partsOf(session, traces))
}

/** Each trace with each part that spans of it may lie in: two lists of one length, ids as bytea takes them. */
export async function placesOf(
  session: Session,
  traces: readonly Extent[],
): Promise<{ parts: number[]; ids: string[]; held: string }> {
  const all = await partsOf(session, traces)
  const parts: number[] = []
  const ids: string[] = []
  for (const trace of traces) {
    for (const { part } of all.filter(overlaps(trace.start, trace.end + 1))) {
      parts.push(part)
      ids.push(idBytes(trace.id))
    }
  }
  return { parts, ids, held: inList(all) }
}

async function partsOf(session: Session, traces: readonly Extent[]): Promise<PartRange[]> {
  const left = await session.parts('traces')
  return left.filter((part) => traces.some(({ start, end }) => overlaps(start, end + 1)(part)))
}

const overlaps =
  (start: number, end: number) =>
  ({ min, max }: PartRange): boolean =>
    max >= start && min < end

function inList(parts: PartRange[]): string {
  return parts.length === 0 ? 'false' : `part IN (${parts.map(({ part }) => part).join(',')})`
}
