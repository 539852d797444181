import type { Changes } from '../store.ts'
import { type LogRow, logRecord, NEWEST_LOG } from './log-read.ts'
import { type AsOf, hexId, type Session, seenBy } from './session.ts'
import { extentsOf } from './trace-places.ts'
import { summariesOf } from './trace-read.ts'

const REMEMBERED = 1000

/** What readers of live data have seen: a write that was under way when they looked comes later, though its number is lower. */
export class SeenWrites {
  #gaps = new Map<number, number[]>()

  remember({ hi, gaps }: AsOf): void {
    this.#gaps.delete(hi)
    this.#gaps.set(hi, gaps)
    const oldest = this.#gaps.keys().next()
    if (this.#gaps.size > REMEMBERED && !oldest.done) this.#gaps.delete(oldest.value)
  }

  /** Writes below `seq` that were under way when a reader saw it. */
  gapsOf(seq: number): number[] {
    return this.#gaps.get(seq) ?? []
  }

  /** Condition for rows that came after a reader saw `seq`. */
  after(seq: number): string {
    const late = this.gapsOf(seq)
    return late.length === 0 ? `seq > ${Math.trunc(seq)}` : `(seq > ${Math.trunc(seq)} OR seq IN (${late.join(',')}))`
  }
}

/** What arrived after write `seq`, newest first, at most `limit` of each; the rest is counted. A limit of 0 only asks for the newest seq. */
export async function changesSince(session: Session, seen: SeenWrites, seq: number, limit: number): Promise<Changes> {
  const asOf = await session.asOf()
  const late = seen.after(seq)
  seen.remember(asOf)
  if (limit === 0) return { seq: asOf.hi, traces: [], logs: [], skippedTraces: 0, skippedLogs: 0 }
  const since = `${late} AND ${seenBy(asOf)}`
  const parts = await session.rows<{ part: number }>(
    `SELECT DISTINCT unnest(parts) AS part FROM ${session.schema}._writes WHERE ${since}`,
  )
  const where = parts.length === 0 ? 'false' : `${since} AND part IN (${parts.map(({ part }) => part).join(',')})`
  const traces = await session.rows<{ id: string; newest: number; total: number }>(
    `SELECT trace_id AS id, max(start) AS newest, count(*) OVER () AS total FROM ${session.schema}._extents WHERE ${where} GROUP BY 1 ORDER BY max(start) DESC LIMIT ${Math.trunc(limit)}`,
  )
  const [{ n }] = await session.rows<{ n: number }>(`SELECT count(*) AS n FROM ${session.schema}._logs WHERE ${where}`)
  const logs = await session.rows<LogRow>(
    `SELECT * FROM ${session.schema}._logs WHERE ${where} ORDER BY ${NEWEST_LOG} LIMIT ${Math.trunc(limit)}`,
  )
  await session.load()
  const starts = traces.map(({ newest }) => newest)
  const extents = await extentsOf(
    session,
    traces.map(({ id }) => hexId(id)),
    asOf,
    { from: Math.min(...starts), to: Math.max(...starts) },
  )
  const summaries = await summariesOf(session, extents, asOf)
  return {
    seq: asOf.hi,
    traces: summaries.sort((a, b) => b.start - a.start),
    logs: logs.map((row) => logRecord(session, row)),
    skippedTraces: (traces[0]?.total ?? 0) - traces.length,
    skippedLogs: n - logs.length,
  }
}
