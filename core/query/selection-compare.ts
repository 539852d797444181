import type { ComparedKey, ComparedValue, SelectionComparison, TraceSelection } from '../model/answers.ts'
import { readRange } from '../model/number-range.ts'

/** Keys an answer lists, and values a key. */
const MOST_KEYS = 40
const MOST_VALUES = 8
/** Values of one key that are counted at a time; when there are more, the rarest are let go. */
const KEPT_VALUES = 4096
/** Numbers of more distinct values than this are told of by ranges, where those tell more. */
const FEW_NUMBERS = 12
/** 99.9 % on either side: hundreds of keys and thousands of values are looked at at once. */
const Z = 3.29
/** Shares that differ by less tell nobody anything, however sure it is. */
const LEAST_DIFFERENCE = 0.02

/** Whether a trace of this start and whole duration lies in the selection; µs. */
export function isSelected(
  { start, end, minDuration, maxDuration }: TraceSelection,
  from: number,
  dur: number,
): boolean {
  if (from < start || from >= end) return false
  return (minDuration === null || dur >= minDuration) && (maxDuration === null || dur <= maxDuration)
}

interface KeyCounts {
  selection: number
  rest: number
  values: Map<string, { selection: number; rest: number }>
  /** How many distinct values there were at least. */
  distinct: number
  /** Values were let go, or never looked at. */
  varied: boolean
}

/** Gathers in how many traces of a selection, and of the rest, each value occurs. Memory is bounded, whatever the data. */
export class SelectionCounts {
  #keys = new Map<string, KeyCounts>()
  /** By key and text of the range. */
  #ranges = new Map<string, Map<string, { selection: number; rest: number }>>()

  #key(key: string): KeyCounts {
    let counts = this.#keys.get(key)
    if (!counts) {
      counts = { selection: 0, rest: 0, values: new Map(), distinct: 0, varied: false }
      this.#keys.set(key, counts)
    }
    return counts
  }

  /** So many further traces have the key at all. */
  present(key: string, selection: number, rest: number): void {
    const counts = this.#key(key)
    counts.selection += selection
    counts.rest += rest
  }

  /** So many further traces have a span with this value. */
  add(key: string, value: string, selection: number, rest: number): void {
    const counts = this.#key(key)
    const known = counts.values.get(value)
    if (known) {
      known.selection += selection
      known.rest += rest
      return
    }
    counts.values.set(value, { selection, rest })
    counts.distinct = Math.max(counts.distinct, counts.values.size)
    if (counts.values.size > KEPT_VALUES) letRareGo(counts)
  }

  /** So many further traces have a span with a number in this range. @param range as `rangeText` writes it */
  addRange(key: string, range: string, selection: number, rest: number): void {
    let ranges = this.#ranges.get(key)
    if (!ranges) {
      ranges = new Map()
      this.#ranges.set(key, ranges)
    }
    const known = ranges.get(range)
    if (known) {
      known.selection += selection
      known.rest += rest
    } else ranges.set(range, { selection, rest })
  }

  /** The key has values, this many, that are too rare to be counted one by one. */
  tooMany(key: string, values: number): void {
    const counts = this.#key(key)
    counts.varied = true
    counts.distinct = Math.max(counts.distinct, values)
  }

  /**
   * What tells the two apart beyond chance, most telling first.
   * @param selection how many traces were looked at, of how many there are
   */
  finish(selection: { traces: number; of: number }, rest: { traces: number; of: number }): SelectionComparison {
    const keys: ComparedKey[] = []
    const varied: string[] = []
    let alike = 0
    for (const [key, counts] of this.#keys) {
      const differs = (value: string | null, one: { selection: number; rest: number }): ComparedValue => ({
        value,
        ...one,
        difference: leastDifference(one.selection, selection.traces, one.rest, rest.traces),
      })
      const single = [...counts.values]
        .map(([value, one]) => differs(value, one))
        .filter(tells)
        .sort(byDifference)
      const ranges = counts.distinct > FEW_NUMBERS || counts.varied ? [...(this.#ranges.get(key) ?? [])] : []
      const inRanges = ranges
        .map(([range, one]): ComparedValue => ({ ...differs(null, one), range: readRange(range) }))
        .filter(tells)
        .sort(byDifference)
      const most = (list: readonly ComparedValue[]): number => Math.abs(list[0]?.difference ?? 0)
      const values = most(inRanges) > most(single) ? inRanges : single
      const has = differs(null, {
        selection: Math.min(counts.selection, selection.traces),
        rest: Math.min(counts.rest, rest.traces),
      })
      // Having the key at all says more than any single value of it, as with the ids of what failed.
      if (tells(has) && (values.length === 0 || Math.abs(has.difference) > Math.abs(values[0].difference) + 0.01))
        values.unshift(has)
      const { distinct } = counts
      if (values.length > 0) {
        keys.push({
          key,
          selection: Math.min(counts.selection, selection.traces),
          rest: Math.min(counts.rest, rest.traces),
          distinct,
          varied: counts.varied,
          values: values.slice(0, MOST_VALUES),
        })
      } else if (counts.varied) varied.push(key)
      else alike++
    }
    keys.sort((a, b) => byDifference(a.values[0], b.values[0]) || (a.key < b.key ? -1 : 1))
    const listed = keys.slice(0, MOST_KEYS)
    return { selection, rest, keys: listed, alike, varied: varied.sort() }
  }
}

const tells = ({ difference }: ComparedValue): boolean => Math.abs(difference) >= LEAST_DIFFERENCE

function byDifference(a: ComparedValue, b: ComparedValue): number {
  const order = Math.abs(b.difference) - Math.abs(a.difference)
  return order || b.selection - a.selection || b.rest - a.rest || textOrder(a.value ?? '', b.value ?? '')
}

const textOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function letRareGo(counts: KeyCounts): void {
  counts.varied = true
  const kept = [...counts.values]
    .sort(([, a], [, b]) => b.selection - a.selection || b.rest - a.rest)
    .slice(0, KEPT_VALUES / 2)
  // The most frequent of the rest stay, too: the selection may lack just these.
  const frequent = [...counts.values].sort(([, a], [, b]) => b.rest - a.rest).slice(0, KEPT_VALUES / 4)
  counts.values = new Map([...kept, ...frequent])
}

/**
 * The bound of the difference of two shares (a of n, b of m) that lies nearest to zero, by Newcombe's interval of
 * Wilson scores; 0 where the interval holds zero, so that chance alone may have made it.
 */
function leastDifference(a: number, n: number, b: number, m: number): number {
  if (n === 0 || m === 0) return 0
  // A key may stand both on a span and on its resource, and its traces are then counted twice.
  const [p, q] = [Math.min(1, a / n), Math.min(1, b / m)]
  const one = wilson(p, n)
  const other = wilson(q, m)
  const low = p - q - Math.hypot(p - one.low, other.high - q)
  if (low > 0) return low
  const high = p - q + Math.hypot(one.high - p, q - other.low)
  return Math.min(high, 0)
}

function wilson(p: number, n: number): { low: number; high: number } {
  const z2 = Z * Z
  const centre = p + z2 / (2 * n)
  const spread = Z * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n))
  const scale = 1 + z2 / n
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) }
}
