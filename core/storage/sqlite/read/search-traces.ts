import type { Histogram, Page } from '../../../model/answers.ts'
import type { TraceSummary } from '../../../model/records.ts'
import type { TraceQuery } from '../../store.ts'
import type { TracePartials } from '../blocks/trace-partials.ts'
import type { BlockCache } from './block-cache.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { bucketize } from './histogram.ts'
import type { QueryGuard } from './query-guard.ts'
import { summaryOf } from './trace-read.ts'
import { TraceScan } from './trace-scan.ts'
import { TraceTable } from './trace-table.ts'
import { wantedTraces } from './wanted-traces.ts'

/** Where the page before ended: µs of start, trace id, and the last write that this search looks at. */
interface Position {
  start: number
  traceId: string
  asOf: number
}

/**
 * One page of traces, newest first. Blocks are opened latest first; a trace is answered once no block that is left can
 * hold a newer one, and once all blocks that have a part of it were asked when it began and ended.
 */
export function searchTraces(cache: BlockCache, guard: QueryGuard, query: TraceQuery): Page<TraceSummary> {
  if (query.sort === 'duration') return slowestTraces(cache, guard, query)
  if (query.chains?.length) return structuredTraces(cache, guard, query)
  const after = query.cursor === null ? null : readPosition(query.cursor)
  const asOf = after?.asOf ?? cache.seq()
  const scan = new TraceScan(cache, guard, query, asOf)
  const end = after ? Math.min(query.end, after.start + 1) : query.end
  const blocks = scan.candidates(end)
  const table = new TraceTable()
  const resolved = new Set<number>()
  const queue = new NewestFirst(table)
  const items: TraceSummary[] = []
  let more = false
  const found = (partials: TracePartials, t: number): void => {
    // The trace cannot begin later than here, so this one began before the window.
    if (partials.start[t] < query.start) return
    // Where every span matches, a trace that begins in time is found by its first part.
    if (!scan.selective && partials.start[t] >= end) return
    const known = table.size
    const index = table.intern(partials.words, t * 4)
    table.merge(index, partials.start[t], partials.end[t], partials.failed[t])
    if (index === known) queue.push(index)
  }

  scan.lateMatches(end, found)
  // One round more than there are blocks: what the late ones gave may be all there is.
  for (let i = 0; i <= blocks.length && !more; i++) {
    const frontier = i < blocks.length ? blocks[i].maxStart : Number.NEGATIVE_INFINITY
    while (!more && queue.newest > frontier) {
      const index = queue.pop()
      if (resolved.has(index)) {
        guard.check()
        // At once, as the blocks that it lies in are still at hand.
        if (items.length < query.limit)
          items.push(summaryOf(cache, scan.metas, table.bytes.subarray(index * 16, index * 16 + 16), asOf))
        else more = true
        continue
      }
      scan.resolve(table, index)
      if (!scan.wanted(table, index) || !isAfter(table, index, after)) continue
      resolved.add(index)
      queue.push(index)
    }
    if (i < blocks.length && !more) scan.matches(blocks[i], found)
  }

  const last = items.at(-1)
  const nextCursor = more && last ? encodeCursor([last.start, last.traceId, asOf]) : null
  return { items, nextCursor, partial: null }
}

/** Rows that a first look at whole traces is to pass; each further look passes four times as many. */
const FIRST_LOOK = 200_000

/**
 * One page of traces that are asked about as a whole, newest first: looked for further and further back, as each must be
 * read with all its spans.
 */
function structuredTraces(cache: BlockCache, guard: QueryGuard, query: TraceQuery): Page<TraceSummary> {
  const after = query.cursor === null ? null : readPosition(query.cursor)
  const asOf = after?.asOf ?? cache.seq()
  const end = after ? Math.min(query.end, after.start + 1) : query.end
  const metas = cache.spanMetas().filter((meta) => meta.maxStart >= query.start && meta.minStart < end)
  const oldest = metas.reduce((least, meta) => Math.min(least, meta.minStart), end)
  const rows = metas.reduce((sum, meta) => sum + meta.rows, 0)
  let to = metas.reduce((most, meta) => Math.max(most, meta.maxStart + 1), query.start)
  to = Math.min(end, to)
  let width = ((to - oldest) * FIRST_LOOK) / Math.max(rows, FIRST_LOOK)
  const items: TraceSummary[] = []
  let more = false
  while (to > query.start && metas.length > 0 && !more) {
    const back = Math.floor(to - Math.max(1, width))
    const from = back <= oldest ? query.start : Math.max(query.start, back)
    const { scan, table, indexes } = wantedTraces(cache, guard, { ...query, start: from, end: to }, asOf)
    const id = (index: number): string => Buffer.from(table.words.buffer, index * 16, 16).toString('hex')
    const found = indexes
      .filter((index) => isAfter(table, index, after))
      .sort((a, b) => table.start[b] - table.start[a] || (id(a) < id(b) ? -1 : 1))
    for (const index of found) {
      guard.check()
      if (items.length === query.limit) {
        more = true
        break
      }
      items.push(summaryOf(cache, scan.metas, table.bytes.subarray(index * 16, index * 16 + 16), asOf))
    }
    to = from
    width *= 4
  }
  const last = items.at(-1)
  return { items, nextCursor: more && last ? encodeCursor([last.start, last.traceId, asOf]) : null, partial: null }
}

/** Counts traces by start. */
export function traceHistogram(cache: BlockCache, guard: QueryGuard, query: TraceQuery, buckets: number): Histogram {
  const counts = bucketize(query.start, query.end, buckets, ['ok', 'error'])
  const { table, indexes } = wantedTraces(cache, guard, query)
  for (const index of indexes) counts.add(table.start[index], table.failed[index])
  return counts.finish()
}

/** One page of traces, longest first; equal ones newest first, then by id. */
function slowestTraces(cache: BlockCache, guard: QueryGuard, query: TraceQuery): Page<TraceSummary> {
  const after = query.cursor === null ? null : decodeCursor(query.cursor, ['number', 'number', 'string', 'number'])
  const asOf = after ? (after[3] as number) : cache.seq()
  const { scan, table, indexes } = wantedTraces(cache, guard, query, asOf)
  const dur = (index: number): number => table.end[index] - table.start[index]
  const id = (index: number): string => Buffer.from(table.words.buffer, index * 16, 16).toString('hex')
  const compare = (a: number, b: number): number =>
    dur(b) - dur(a) || table.start[b] - table.start[a] || (id(a) < id(b) ? -1 : 1)
  const rest = after
    ? indexes.filter((index) => {
        const order = (after[0] as number) - dur(index) || (after[1] as number) - table.start[index]
        return order > 0 || (order === 0 && id(index) > (after[2] as string))
      })
    : indexes
  const page = rest.sort(compare).slice(0, query.limit)
  const items = page.map((index) => {
    guard.check()
    return summaryOf(cache, scan.metas, table.bytes.subarray(index * 16, index * 16 + 16), asOf)
  })
  const last = page.at(-1)
  const more = rest.length > page.length && last !== undefined
  return {
    items,
    nextCursor: more ? encodeCursor([dur(last), table.start[last], id(last), asOf]) : null,
    partial: null,
  }
}

function readPosition(cursor: string): Position {
  const [start, traceId, asOf] = decodeCursor(cursor, ['number', 'string', 'number'])
  return { start: start as number, traceId: traceId as string, asOf: asOf as number }
}

function isAfter(table: TraceTable, index: number, after: Position | null): boolean {
  if (!after || table.start[index] < after.start) return true
  if (table.start[index] > after.start) return false
  return Buffer.from(table.words.buffer, index * 16, 16).toString('hex') > after.traceId
}

/** A heap of traces by start, latest first, then by id. A start counts as it was when the trace was pushed. */
class NewestFirst {
  #table: TraceTable
  #starts: number[] = []
  #indexes: number[] = []

  constructor(table: TraceTable) {
    this.#table = table
  }

  get newest(): number {
    return this.#starts.length > 0 ? this.#starts[0] : Number.NEGATIVE_INFINITY
  }

  push(index: number): void {
    let at = this.#starts.length
    this.#starts.push(this.#table.start[index])
    this.#indexes.push(index)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(at, parent)) break
      this.#swap(at, parent)
      at = parent
    }
  }

  pop(): number {
    const top = this.#indexes[0]
    const start = this.#starts.pop() as number
    const index = this.#indexes.pop() as number
    if (this.#starts.length === 0) return top
    this.#starts[0] = start
    this.#indexes[0] = index
    for (let at = 0; ; ) {
      let first = at
      for (const child of [at * 2 + 1, at * 2 + 2]) {
        if (child < this.#starts.length && this.#before(child, first)) first = child
      }
      if (first === at) return top
      this.#swap(at, first)
      at = first
    }
  }

  #before(a: number, b: number): boolean {
    if (this.#starts[a] !== this.#starts[b]) return this.#starts[a] > this.#starts[b]
    const { bytes } = this.#table
    const left = this.#indexes[a] * 16
    const right = this.#indexes[b] * 16
    for (let i = 0; i < 16; i++) if (bytes[left + i] !== bytes[right + i]) return bytes[left + i] < bytes[right + i]
    return false
  }

  #swap(a: number, b: number): void {
    ;[this.#starts[a], this.#starts[b]] = [this.#starts[b], this.#starts[a]]
    ;[this.#indexes[a], this.#indexes[b]] = [this.#indexes[b], this.#indexes[a]]
  }
}
