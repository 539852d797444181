import type { Histogram } from '../../../core/api/contract/shapes.ts'
import { type Mark, Marks, type Stretch } from './marks.ts'

/** What the page holds of a list: some rows in turn, the first of which is row `from` of `total`. */
export interface HeldRows<T> {
  from: number
  rows: readonly T[]
  total: number
}

interface RowPage<T> {
  items: readonly T[]
  nextCursor: string | null
}

/** How the core is asked for a list. */
export interface RowSource<T> {
  key(row: T): string
  page(from: { end: number | null; cursor: string | null }, limit: number, signal: AbortSignal): Promise<RowPage<T>>
  /** Rows of a stretch of time by bucket. Null where rows are in another order: then one can only read on. */
  counts: ((start: number, end: number, buckets: number, signal: AbortSignal) => Promise<Histogram>) | null
}

/** Rows held at most: what is far from those in sight is dropped, and read again when it is needed. */
const MOST = 4000
/** Rows read at once, and how many are kept ready before and after those in sight. */
const PAGE = 400
/** So many rows before the wanted ones are read along rather than counted. */
const NEAR = 400
/** Above it the core joins whole traces. */
const MOST_A_PAGE = 900
const BUCKETS = 100

/**
 * A list of any length of which only some rows are held. Any row can be gone to: histograms tell how many rows lie before
 * a moment, so that a page that begins there has a known place.
 */
export class RowReader<T> {
  #marks = new Marks()
  #held: HeldRows<T> = { from: 0, rows: [], total: 0 }
  #source: RowSource<T> | null = null
  /** Rows that the live tail put in front: the core may know of more there. */
  #live = 0
  /** How many rows there are, once a page was the last. */
  #ended: number | null = null
  #wanted: { first: number; last: number } | null = null
  #running: AbortController | null = null
  readonly #show: (held: HeldRows<T>) => void
  readonly #failed: (error: unknown) => void
  readonly #renew: () => void

  /**
   * @param show is given what is held whenever that changes
   * @param renew is called when rows are wanted whose places are not known any more: the list is to be read anew
   */
  constructor(show: (held: HeldRows<T>) => void, failed: (error: unknown) => void, renew: () => void) {
    this.#show = show
    this.#failed = failed
    this.#renew = renew
  }

  /** A list that is at hand whole. */
  setAll(rows: readonly T[]): void {
    this.#begin(null)
    this.#set({ from: 0, rows, total: rows.length })
  }

  /** A list that begins with this page and has, if that is known, so many rows in each bucket of `counts`. */
  set(source: RowSource<T>, first: RowPage<T>, counts: Histogram | null): void {
    this.#begin(source)
    if (counts && source.counts && first.nextCursor !== null) this.#marks.addCounts(counts, 0)
    this.#marks.add({ index: 0, end: null, since: null, cursor: null })
    this.#marks.add({ index: first.items.length, end: null, since: null, cursor: first.nextCursor })
    if (first.nextCursor === null) this.#ended = first.items.length
    this.#set({ from: 0, rows: first.items, total: this.#marks.last?.index ?? 0 })
  }

  /** Whether rows follow the last one that is counted. */
  get open(): boolean {
    return this.#source !== null && this.#ended === null && (this.#marks.last?.cursor ?? null) !== null
  }

  /** Sees to it that these rows and some around them are held. Rows of other places stay until they are. */
  want(first: number, last: number): void {
    this.#wanted = { first, last }
    if (this.#running === null) void this.#work()
  }

  /** The place of the row of the moment `time`, µs, that `isIt` knows; it is held then. -1 where it is not found. */
  async find(time: number, isIt: (row: T) => boolean): Promise<number> {
    const place = (): number => {
      const at = this.#held.rows.findIndex(isIt)
      return at < 0 ? -1 : this.#held.from + at
    }
    if (place() >= 0 || !this.#source) return place()
    const signal = this.#start()
    try {
      if (this.#source.counts) await this.#goTo(time, signal)
      else
        while (place() < 0 && this.open && this.#held.rows.length < MOST)
          if (!(await this.#read(this.#held.from + this.#held.rows.length, PAGE, signal))) break
    } finally {
      this.#end(signal)
    }
    return place()
  }

  async #goTo(time: number, signal: AbortSignal): Promise<void> {
    let stretch = this.#marks.stretchAt(time)
    while (stretch && stretch.to - stretch.from > NEAR && (await this.#count(stretch, signal)))
      stretch = this.#marks.stretchAt(time)
    if (stretch) await this.#read(stretch.from, Math.min(MOST_A_PAGE, stretch.to - stretch.from + PAGE / 4), signal)
  }

  /** Puts rows in front, or, with `joined`, renews the first rows and has `added` more of them. */
  prepend(joined: readonly T[], added: number): void {
    if (added > 0) this.#marks.shift(added)
    if (this.#ended !== null) this.#ended += added
    this.#live += added
    const { from, rows, total } = this.#held
    if (from > 0) this.#set({ from: from + added, rows, total: total + added })
    else this.#set({ from: 0, rows: joined.slice(0, MOST), total: total + added })
  }

  stop(): void {
    this.#running?.abort()
    this.#running = null
    this.#wanted = null
  }

  #begin(source: RowSource<T> | null): void {
    this.stop()
    this.#marks.clear()
    this.#source = source
    this.#live = 0
    this.#ended = null
  }

  #set(held: HeldRows<T>): void {
    this.#held = held
    this.#show(held)
  }

  #start(): AbortSignal {
    this.#running?.abort()
    this.#running = new AbortController()
    return this.#running.signal
  }

  #end(signal: AbortSignal): void {
    if (this.#running?.signal === signal) this.#running = null
  }

  /** Reads until what was wanted last is held. */
  async #work(): Promise<void> {
    const signal = this.#start()
    try {
      for (let next = this.#next(); next !== null && !signal.aborted; next = this.#next())
        if (!(await this.#read(next.from, next.count, signal))) break
    } catch (error) {
      this.#wanted = null
      if (!signal.aborted) this.#failed(error)
    } finally {
      this.#end(signal)
    }
  }

  /** The rows to read next for what is wanted; null when all is there. */
  #next(): { from: number; count: number } | null {
    const wanted = this.#wanted
    if (!wanted || !this.#source) return null
    const { from, rows, total } = this.#held
    const end = from + rows.length
    const most = this.open ? Number.POSITIVE_INFINITY : total
    if (wanted.last < from - NEAR || wanted.first > end + NEAR)
      return this.#place(Math.max(0, Math.min(wanted.first, total - 1) - PAGE / 4), PAGE)
    if (wanted.first - PAGE / 2 < from && from > 0) return this.#place(Math.max(0, from - PAGE), Math.min(PAGE, from))
    if (wanted.last + PAGE > end && end < most) return this.#place(end, PAGE)
    return null
  }

  #place(from: number, count: number): { from: number; count: number } | null {
    if (from >= this.#live) return { from, count }
    this.#wanted = null
    this.#renew()
    return null
  }

  /** Reads rows from place `from` on; false when there were none. */
  async #read(from: number, count: number, signal: AbortSignal): Promise<boolean> {
    const source = this.#source
    if (!source) return false
    let mark = this.#marks.before(from)
    while (from - mark.index > NEAR) {
      const stretch = this.#marks.stretch(from)
      const counted = stretch !== null && (await this.#count(stretch, signal))
      if (!counted) await this.#page(source, mark, MOST_A_PAGE, signal)
      const nearer = this.#marks.before(from)
      // The list is shorter than it was when it was counted.
      if (!counted && nearer.index === mark.index) break
      mark = nearer
    }
    const items = await this.#page(source, mark, Math.min(MOST_A_PAGE, from - mark.index + count), signal)
    const begin = Math.max(from, mark.index)
    const wanted = items.slice(begin - mark.index)
    if (!signal.aborted) this.#join(begin, wanted)
    return wanted.length > 0
  }

  /** Counts a stretch of time more finely; false when it is no longer than a moment. */
  async #count({ from, start, end }: Stretch, signal: AbortSignal): Promise<boolean> {
    const counts = this.#source?.counts
    if (!counts || end - start <= 1) return false
    this.#marks.addCounts(await counts(start, end, BUCKETS, signal), from)
    return true
  }

  /** A page from a known place on; where it ended is known from then on. */
  async #page(source: RowSource<T>, mark: Mark, limit: number, signal: AbortSignal): Promise<readonly T[]> {
    const { items, nextCursor } = await source.page(mark, limit, signal)
    const index = mark.index + items.length
    if (nextCursor === null) this.#ended = index
    this.#marks.add({ index, end: null, since: null, cursor: nextCursor })
    return items
  }

  /** Takes rows in from place `begin` on: beside those that are held, or in their stead. */
  #join(begin: number, items: readonly T[]): void {
    const { from, rows } = this.#held
    const total = this.#ended ?? Math.max(this.#held.total, this.#marks.last?.index ?? 0)
    const isAfter = begin >= from && begin <= from + rows.length
    const isBefore = begin < from && begin + items.length >= from
    if (items.length === 0) this.#set({ from, rows, total })
    else if (!isAfter && !isBefore) this.#set({ from: begin, rows: items, total })
    else {
      const [head, tail] = isAfter ? [rows.slice(0, begin - from), items] : [items.slice(0, from - begin), rows]
      const known = new Set(head.map((row) => this.#source?.key(row)))
      const all = [...head, ...tail.filter((row) => !known.has(this.#source?.key(row)))]
      // What lies on the other side than the one that grew is furthest from the rows in sight.
      const surplus = Math.max(0, all.length - MOST)
      const kept = isAfter ? all.slice(surplus) : all.slice(0, all.length - surplus)
      this.#set({ from: isAfter ? from + surplus : begin, rows: kept, total })
    }
  }
}
