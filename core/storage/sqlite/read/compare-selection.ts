import type { SelectionComparison, TraceSelection } from '../../../model/answers.ts'
import { SPAN_KINDS } from '../../../model/records.ts'
import { isSelected, SelectionCounts } from '../../../query/selection-compare.ts'
import type { TraceQuery } from '../../store.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import { type ColumnEntries, columnEntries, dictionaryEntries, rangeEntries, tracesOfCells } from './column-entries.ts'
import { frequentKeys } from './count-values.ts'
import { resourceColumns } from './facet-traces.ts'
import type { QueryGuard } from './query-guard.ts'
import { blocksOf, splitTraces, tracesOfBlocks, type WantedTraces, wantedRows } from './wanted-rows.ts'
import { wantedTraces } from './wanted-traces.ts'

/** Attribute keys that are compared, most frequent first. */
const MOST_KEYS = 200
/** Rows that are looked at; of a larger store every so manieth block is. */
const MOST_ROWS = 2_000_000
/** Traces in several blocks that are looked at: what was seen of each must be remembered. */
const MOST_SPLIT = 20_000
/** From so many distinct values in one block on, those that less than this share of its traces have are passed over. */
const MANY_TEXTS = 500
const RARE = 0.005

const UNSEEN = 0
const REST = 1
const SELECTED = 2

/** Compares, column by column over the blocks, the traces in `selection` with the others that `query` finds. */
export function compareSelection(
  cache: BlockCache,
  guard: QueryGuard,
  query: TraceQuery,
  selection: TraceSelection,
): SelectionComparison {
  const wanted = wantedTraces(cache, guard, query)
  const { table, indexes } = wanted
  const side = new Uint8Array(table.size)
  const of = [0, 0, 0]
  for (const index of indexes) {
    const start = table.start[index]
    side[index] = isSelected(selection, start, table.end[index] - start) ? SELECTED : REST
    of[side[index]]++
  }
  const metas = chosenBlocks(cache, wanted, side)
  const blocks = tracesOfBlocks(cache, guard, wanted, metas)
  const counter = new Counter(side, fewSplit(splitTraces(wanted, blocks), side))
  const keys = frequentKeys(metas, MOST_KEYS)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted, blocks)) {
    const block = cache.spanBlock(meta)
    for (let row = 0; row < traceOf.length; row++) {
      const trace = traceOf[row]
      if (trace !== -1 && side[trace] === UNSEEN) traceOf[row] = -1
    }
    counter.traces(traceOf, table.failed)
    counter.count('service', traceOf, null, dictionaryEntries(block.services, block.service))
    counter.count('name', traceOf, null, dictionaryEntries(block.names, block.name))
    counter.count('kind', traceOf, null, dictionaryEntries(SPAN_KINDS, block.kind))
    for (const [key, texts] of resourceColumns(block))
      counter.count(key, traceOf, null, dictionaryEntries(texts, block.resource))
    for (const key of block.attributeKeys()) {
      if (!keys.has(key)) continue
      guard.check()
      const column = block.attribute(key)
      if (!column) continue
      const entries = columnEntries(column)
      counter.count(key, traceOf, column.rows, entries)
      const ranges = rangeEntries(column, entries)
      if (ranges) counter.ranges(key, traceOf, column.rows, ranges)
    }
  }
  return counter.counts.finish(
    { traces: counter.seen[SELECTED], of: of[SELECTED] },
    { traces: counter.seen[REST], of: of[REST] },
  )
}

/** All blocks of the traces, or so many that the rows can be looked at: those of the selection before others. */
function chosenBlocks(cache: BlockCache, wanted: WantedTraces, side: Uint8Array): SpanMeta[] {
  const all = blocksOf(wanted)
  if (rowsOf(all) <= MOST_ROWS) return all
  const { scan, table } = wanted
  const selected: SpanMeta[] = []
  const others: SpanMeta[] = []
  for (const meta of all) {
    const { n, words } = cache.partials(meta, scan.asOf)
    let has = false
    for (let t = 0; t < n && !has; t++) {
      const index = table.find(words, t * 4)
      has = index !== -1 && side[index] === SELECTED
    }
    ;(has ? selected : others).push(meta)
  }
  const half = everySo(selected, MOST_ROWS / 2)
  return [...half, ...everySo(others, MOST_ROWS - rowsOf(half))]
}

const rowsOf = (metas: readonly SpanMeta[]): number => metas.reduce((sum, meta) => sum + meta.rows, 0)

function everySo(metas: readonly SpanMeta[], most: number): SpanMeta[] {
  const step = Math.ceil(rowsOf(metas) / Math.max(1, most))
  return step <= 1 ? [...metas] : metas.filter((_, i) => i % step === 0)
}

/** Marks traces that lie in several of the blocks; beyond a number, such traces are left out of `side`. */
function fewSplit(split: Uint8Array, side: Uint8Array): Uint8Array {
  let seen = 0
  for (let index = 0; index < split.length; index++) if (split[index] === 1 && ++seen > MOST_SPLIT) side[index] = UNSEEN
  return split
}

/** Counts traces once a value. Within a block the rows of a trace lie together; across blocks it is remembered. */
class Counter {
  readonly counts = new SelectionCounts()
  /** Traces by side. */
  readonly seen = [0, 0, 0]
  readonly #side: Uint8Array
  readonly #split: Uint8Array
  readonly #remembered = new Set<number>()

  constructor(side: Uint8Array, split: Uint8Array) {
    this.#side = side
    this.#split = split
  }

  /** Whether this is the first time that a trace in several blocks has `text` under `key`. */
  #first(trace: number, key: string, text: string): boolean {
    const name = trace * 2 ** 28 + (hash(`${key}\n${text}`) & 0xfffffff)
    if (this.#remembered.has(name)) return false
    this.#remembered.add(name)
    return true
  }

  /** The traces of a block themselves, and whether they failed. */
  traces(traceOf: Int32Array, failed: Uint8Array): void {
    let last = -1
    for (let row = 0; row < traceOf.length; row++) {
      const trace = traceOf[row]
      if (trace === -1 || trace === last) continue
      last = trace
      if (this.#split[trace] === 1 && !this.#first(trace, '', '')) continue
      const [selection, rest] = this.#side[trace] === SELECTED ? [1, 0] : [0, 1]
      this.seen[this.#side[trace]]++
      this.counts.present('status', selection, rest)
      this.counts.add('status', failed[trace] === 1 ? 'error' : 'ok', selection, rest)
    }
  }

  /** The values of one key: each cell's entry, and the row that it belongs to where not every row has one. */
  count(key: string, traceOf: Int32Array, rows: Uint32Array | null, entries: ColumnEntries): void {
    this.#tally(key, traceOf, rows, entries, (counts, of) => {
      if (of.selection + of.rest > 0) this.counts.present(key, of.selection, of.rest)
      this.#pass(key, counts, of, entries.text)
    })
  }

  /** The numbers of one key once more, by ranges. */
  ranges(key: string, traceOf: Int32Array, rows: Uint32Array | null, entries: ColumnEntries): void {
    this.#tally(`${key}\nrange`, traceOf, rows, entries, ({ selection, rest }) => {
      for (let entry = 0; entry < entries.size; entry++)
        if (selection[entry] + rest[entry] > 0)
          this.counts.addRange(key, entries.text(entry), selection[entry], rest[entry])
    })
  }

  /** Counts the traces of a block by the entry of each cell and hands over what came of it. */
  #tally(
    key: string,
    traceOf: Int32Array,
    rows: Uint32Array | null,
    { index, size, text }: ColumnEntries,
    done: (counts: { selection: Uint32Array; rest: Uint32Array }, of: { selection: number; rest: number }) => void,
  ): void {
    const traces = tracesOfCells(traceOf, rows)
    const last = new Int32Array(size).fill(-1)
    const selection = new Uint32Array(size)
    const rest = new Uint32Array(size)
    let lastTrace = -1
    let [hasSelection, hasRest] = [0, 0]
    for (let cell = 0; cell < index.length; cell++) {
      const trace = traces[cell]
      if (trace === -1) continue
      const entry = index[cell]
      if (entry === -1 || last[entry] === trace) continue
      last[entry] = trace
      const selected = this.#side[trace] === SELECTED
      const split = this.#split[trace] === 1
      if (trace !== lastTrace) {
        lastTrace = trace
        if (!split || this.#first(trace, key, '\0')) {
          if (selected) hasSelection++
          else hasRest++
        }
      }
      if (split && !this.#first(trace, key, text(entry))) continue
      if (selected) selection[entry]++
      else rest[entry]++
    }
    done({ selection, rest }, { selection: hasSelection, rest: hasRest })
  }

  /** Hands the counts of one block on. Texts are made of values that can matter alone. */
  #pass(
    key: string,
    { selection, rest }: { selection: Uint32Array; rest: Uint32Array },
    of: { selection: number; rest: number },
    text: (entry: number) => string,
  ): void {
    const texts = selection.length
    const [leastSelection, leastRest] =
      texts > MANY_TEXTS ? [Math.max(1, of.selection * RARE), Math.max(1, of.rest * RARE)] : [1, 1]
    let passed = false
    for (let entry = 0; entry < texts; entry++) {
      if (selection[entry] >= leastSelection || rest[entry] >= leastRest)
        this.counts.add(key, text(entry), selection[entry], rest[entry])
      else passed ||= selection[entry] + rest[entry] > 0
    }
    if (passed) this.counts.tooMany(key, texts)
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value ^ (value >>> 15)
}
