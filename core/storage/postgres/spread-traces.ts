import { SPREAD_US } from '../spread.ts'
import { SeenWrites } from './changes.ts'
import { SPANS_A_TRACE } from './count-traces.ts'
import { type AsOf, hexId, type Session, seenBy } from './session.ts'
import { inParts } from './settled-parts.ts'

/** From the begin of a trace's first span to the end of its last, µs. */
interface Extent {
  start: number
  end: number
}

/**
 * The traces that reach over more than an hour: there are few, and a search that looks at the hour around its window is
 * exact when it looks at these one by one. Kept from query to query; writes since the last look are joined when it is
 * asked for. Traces stay in it when retention takes them.
 */
export class SpreadTraces {
  #traces = new Map<string, Extent>()
  #seen = new SeenWrites()
  /** Null before the first look. */
  #seq: number | null = null
  #loading: Promise<void> | null = null

  /** Ids, in hex, of those that end at `from` or later and begin before `end`, µs. */
  async within(session: Session, from: number, end: number): Promise<string[]> {
    await this.#load(session)
    return [...this.#traces].flatMap(([id, extent]) => (extent.end >= from && extent.start < end ? [id] : []))
  }

  /** Those of these traces, in hex, that are spread. */
  async among(session: Session, ids: readonly string[]): Promise<string[]> {
    await this.#load(session)
    return ids.filter((id) => this.#traces.has(id))
  }

  /** Whether nothing was written since the last look. */
  isCurrent({ hi }: AsOf): boolean {
    return this.#seq !== null && hi <= this.#seq && this.#seen.gapsOf(this.#seq).length === 0
  }

  /** One at a time, as the first look passes all traces: who comes meanwhile waits for what it finds. */
  async #load(session: Session): Promise<void> {
    while (this.#loading) await this.#loading.catch(() => undefined)
    this.#loading = this.#join(session).finally(() => {
      this.#loading = null
    })
    await this.#loading
  }

  async #join(session: Session): Promise<void> {
    const { schema } = session
    const asOf = await session.asOf()
    const last = this.#seq
    let from = `${schema}._extents WHERE ${seenBy(asOf)}`
    if (last === null) {
      const parts = await session.parts('traces')
      await session.roomFor(parts.reduce((sum, { rows }) => sum + rows, 0) / SPANS_A_TRACE)
      const settled = inParts([...(await session.settled())])
      from = `(SELECT trace_id, start, dur FROM ${schema}._whole WHERE ${settled}
        UNION ALL SELECT trace_id, start, dur FROM ${schema}._extents WHERE NOT ${settled} AND ${seenBy(asOf)}) extents`
    } else {
      if (this.isCurrent(asOf)) return
      const since = `${this.#seen.after(last)} AND ${seenBy(asOf)}`
      const parts = await session.rows<{ part: number }>(
        `SELECT DISTINCT unnest(parts) AS part FROM ${schema}._writes WHERE ${since}`,
      )
      const where = parts.length === 0 ? 'false' : `${since} AND part IN (${parts.map(({ part }) => part).join(',')})`
      from += ` AND trace_id IN (SELECT trace_id FROM ${schema}._extents WHERE ${where})`
    }
    const rows = await session.rows<Extent & { id: string }>(
      `SELECT trace_id AS id, min(start) AS start, max(start + dur) AS "end" FROM ${from} GROUP BY 1 HAVING max(start + dur) - min(start) > ${SPREAD_US}`,
    )
    for (const { id, start, end } of rows) {
      const known = this.#traces.get(hexId(id)) ?? { start, end }
      this.#traces.set(hexId(id), { start: Math.min(known.start, start), end: Math.max(known.end, end) })
    }
    this.#seen.remember(asOf)
    this.#seq = asOf.hi
  }
}
