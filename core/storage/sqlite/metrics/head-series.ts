import type { NativeHistogram } from '../../../model/native-histogram.ts'
import { SampleKind } from '../../../model/series.ts'

/** What became of one sample. */
export type Appended = 'stored' | 'duplicate' | 'duplicate_value' | 'too_old' | 'out_of_order'

/** The samples of one series that are not in a block yet, in time order. */
export class HeadSeries {
  readonly id: number
  times: number[] = []
  values: number[] = []
  /** Null as long as all samples are floats. */
  kinds: number[] | null = null
  histograms: (NativeHistogram | null)[] | null = null
  /** Of all samples ever seen, also those in blocks; ms. */
  firstTime: number
  lastTime: number
  /** No block holds a sample of the series after it, ms. */
  blocksUntil: number

  constructor(id: number, firstTime = Number.POSITIVE_INFINITY, lastTime = Number.NEGATIVE_INFINITY) {
    this.id = id
    this.firstTime = firstTime
    this.lastTime = lastTime
    this.blocksUntil = lastTime
  }

  /** @param windowMs how far behind the newest sample of the series another may come */
  append(time: number, value: number, kind: number, histogram: NativeHistogram | null, windowMs: number): Appended {
    const { times } = this
    if (time > this.lastTime) {
      this.#insert(times.length, time, value, kind, histogram)
      this.lastTime = time
      if (time < this.firstTime) this.firstTime = time
      return 'stored'
    }
    if (time < this.lastTime - windowMs) return windowMs > 0 ? 'too_old' : 'out_of_order'
    const at = lowerBound(times, time)
    if (at < times.length && times[at] === time) {
      return this.#holds(at, value, kind, histogram) ? 'duplicate' : 'duplicate_value'
    }
    this.#insert(at, time, value, kind, histogram)
    if (time < this.firstTime) this.firstTime = time
    return 'stored'
  }

  #holds(at: number, value: number, kind: number, histogram: NativeHistogram | null): boolean {
    if ((this.kinds?.[at] ?? SampleKind.float) !== kind) return false
    if (kind === SampleKind.stale) return true
    if (kind === SampleKind.float) return Object.is(this.values[at], value)
    return JSON.stringify(this.histograms?.[at]) === JSON.stringify(histogram)
  }

  #insert(at: number, time: number, value: number, kind: number, histogram: NativeHistogram | null): void {
    if (kind !== SampleKind.float && !this.kinds) this.kinds = new Array(this.times.length).fill(SampleKind.float)
    if (histogram && !this.histograms) this.histograms = new Array(this.times.length).fill(null)
    if (at === this.times.length) {
      this.times.push(time)
      this.values.push(value)
      this.kinds?.push(kind)
      this.histograms?.push(histogram)
    } else {
      this.times.splice(at, 0, time)
      this.values.splice(at, 0, value)
      this.kinds?.splice(at, 0, kind)
      this.histograms?.splice(at, 0, histogram)
    }
  }

  /** Others of its samples, from `first` to `last` (ms), lie in blocks, or will without having been here. */
  noteBlocks(first: number, last: number): void {
    this.firstTime = Math.min(this.firstTime, first)
    this.lastTime = Math.max(this.lastTime, last)
    this.blocksUntil = Math.max(this.blocksUntil, last)
  }

  /** Forgets the samples: they are in a block now. */
  clear(): void {
    this.blocksUntil = Math.max(this.blocksUntil, this.times.at(-1) ?? this.blocksUntil)
    this.times = []
    this.values = []
    this.kinds = null
    this.histograms = null
  }
}

/** The first index whose time is not before `time`. */
export function lowerBound(times: ArrayLike<number>, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle] < time) low = middle + 1
    else high = middle
  }
  return low
}
