import type { Histogram } from '../../../core/api/contract/shapes.ts'

/** A place in a list that stands newest first, and how the core is asked for what follows it. */
export interface Mark {
  /** Rows before it. */
  index: number
  /** All rows before this moment follow, µs; null where only the cursor tells. */
  end: number | null
  /** No row before the place is older than this moment, µs. It is later than `end` where no rows lie between. */
  since: number | null
  cursor: string | null
}

/** Rows `from` to before `to`, which lie in [start, end), µs. */
export interface Stretch {
  from: number
  to: number
  start: number
  end: number
}

/** Places of a list that are known, in order; a page can be asked for from each of them. */
export class Marks {
  #list: Mark[] = []

  get last(): Mark | undefined {
    return this.#list.at(-1)
  }

  clear(): void {
    this.#list = []
  }

  /** Of two at one place, what they tell is put together. */
  add(mark: Mark): void {
    const at = this.#after(mark.index)
    const known = this.#list[at - 1]
    if (known?.index !== mark.index) this.#list.splice(at, 0, mark)
    else {
      const { end, since } = mark
      known.end = known.end === null || end === null ? (known.end ?? end) : Math.min(known.end, end)
      known.since = known.since === null || since === null ? (known.since ?? since) : Math.max(known.since, since)
    }
  }

  /** The ends of the buckets of a stretch whose newest row is row `index`. */
  addCounts({ buckets, bucketUs }: Histogram, index: number): void {
    let before = index
    const mark = (time: number): void => this.add({ index: before, end: time, since: time, cursor: null })
    for (const { time, counts } of buckets.toReversed()) {
      mark(time + bucketUs)
      before += Object.values(counts).reduce((sum, count) => sum + count, 0)
    }
    if (buckets.length > 0) mark(buckets[0].time)
  }

  /** The last one at or before row `index`. */
  before(index: number): Mark {
    return this.#list[Math.max(0, this.#after(index) - 1)]
  }

  /** The stretch of time that row `index` lies in. */
  stretch(index: number): Stretch | null {
    return this.#stretch((mark) => mark.index > index)
  }

  /** The same for a moment, µs. */
  stretchAt(time: number): Stretch | null {
    return this.#stretch((mark) => (mark.since ?? 0) <= time)
  }

  #stretch(isPast: (mark: Mark) => boolean): Stretch | null {
    const timed = this.#list.filter((mark) => mark.end !== null)
    const at = timed.findIndex(isPast)
    if (at < 1) return null
    const [newest, oldest] = [timed[at - 1], timed[at]]
    return { from: newest.index, to: oldest.index, start: oldest.since ?? 0, end: newest.end ?? 0 }
  }

  /** Makes room for `rows` new rows in front. */
  shift(rows: number): void {
    this.#list = this.#list.map((mark) => ({ ...mark, index: mark.index + rows }))
  }

  /** Place of the first mark after row `index`. */
  #after(index: number): number {
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#list[middle].index <= index) low = middle + 1
      else high = middle
    }
    return low
  }
}
