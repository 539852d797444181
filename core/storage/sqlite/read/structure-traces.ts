import { AttrType } from '../../../model/columns.ts'
import type { Filter, SpanChain } from '../../../model/filter.ts'
import { matchSpans } from '../../../query/filter-match.ts'
import { linkRows, StructureMatcher, type StructureRows } from '../../../query/structure-match.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import type { BlockCache } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import { splitTraces, tracesOfBlocks, type WantedTraces, wantedRows } from './wanted-rows.ts'

/** Those of the traces on which the chains hold. Blocks are looked at once each; traces in several of them last. */
export function keepStructured(
  cache: BlockCache,
  guard: QueryGuard,
  wanted: WantedTraces,
  chains: readonly SpanChain[],
): WantedTraces {
  const { table } = wanted
  const blocks = tracesOfBlocks(cache, guard, wanted)
  const split = splitTraces(wanted, blocks)
  const matcher = new StructureMatcher(chains, table.size)
  const sets = chains.flatMap((chain) => chain.sets)
  const keys = [...new Set(chains.flatMap(({ aggregates }) => aggregates.map(({ key }) => key)))].filter(Boolean)
  const apart = new SplitRows(sets, keys)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted, blocks)) {
    const block = cache.spanBlock(meta)
    const masks = new Map<Filter, Uint8Array>()
    const mask = (set: Filter): Uint8Array => {
      let own = masks.get(set)
      if (!own) {
        guard.check()
        own = new Uint8Array(block.rows).fill(1)
        matchSpans(set, block, own)
        masks.set(set, own)
      }
      return own
    }
    const numbers = (key: string): Float64Array => numbersOf(block, key)
    const whole = traceOf.map((trace) => (trace === -1 || split[trace] === 1 ? -1 : trace))
    apart.take(block, traceOf, split, mask, numbers)
    const links = linkRows(whole, wordsOf(block.spanIds), wordsOf(block.parentIds))
    matcher.add({ n: block.rows, trace: whole, ...links, mask, numbers })
  }
  guard.check()
  matcher.add(apart.rows())
  const indexes = wanted.indexes.filter((index) => matcher.holds(index))
  const flags = new Uint8Array(table.size)
  for (const index of indexes) flags[index] = 1
  return { ...wanted, indexes, flags }
}

/** Ids as two words each, in memory of their own, as stored bytes need not be aligned. */
function wordsOf(ids: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(ids).buffer)
}

function numbersOf(block: SpanBlock, key: string): Float64Array {
  if (key === 'dur') return block.durUs
  const found = new Float64Array(block.rows).fill(Number.NaN)
  const column = block.attribute(key)
  if (!column) return found
  for (let cell = 0; cell < column.rows.length; cell++) {
    const type = column.types[cell]
    if (type === AttrType.int || type === AttrType.double) found[column.rows[cell]] = column.numbers[cell]
    else if (type === AttrType.string || type === AttrType.bigint) {
      const text = column.text(column.index[cell])
      if (text.trim() !== '') found[column.rows[cell]] = Number(text)
    }
  }
  return found
}

/** The rows of traces that lie in several blocks, gathered until all are there. */
class SplitRows {
  readonly #sets: Filter[]
  readonly #keys: string[]
  #trace: number[] = []
  #spanIds: number[] = []
  #parentIds: number[] = []
  #masks: number[][]
  #numbers: number[][]

  constructor(sets: Filter[], keys: string[]) {
    this.#sets = sets
    this.#keys = keys
    this.#masks = sets.map(() => [])
    this.#numbers = keys.map(() => [])
  }

  take(
    block: SpanBlock,
    traceOf: Int32Array,
    split: Uint8Array,
    mask: (set: Filter) => Uint8Array,
    numbers: (key: string) => Float64Array,
  ): void {
    const rows: number[] = []
    for (let row = 0; row < traceOf.length; row++) if (traceOf[row] !== -1 && split[traceOf[row]] === 1) rows.push(row)
    if (rows.length === 0) return
    const spanIds = wordsOf(block.spanIds)
    const parentIds = wordsOf(block.parentIds)
    const masks = this.#sets.map(mask)
    const columns = this.#keys.map(numbers)
    for (const row of rows) {
      this.#trace.push(traceOf[row])
      this.#spanIds.push(spanIds[row * 2], spanIds[row * 2 + 1])
      this.#parentIds.push(parentIds[row * 2], parentIds[row * 2 + 1])
      for (let s = 0; s < masks.length; s++) this.#masks[s].push(masks[s][row])
      for (let k = 0; k < columns.length; k++) this.#numbers[k].push(columns[k][row])
    }
  }

  rows(): StructureRows {
    const trace = Int32Array.from(this.#trace)
    return {
      n: trace.length,
      trace,
      ...linkRows(trace, Uint32Array.from(this.#spanIds), Uint32Array.from(this.#parentIds)),
      mask: (set) => Uint8Array.from(this.#masks[this.#sets.indexOf(set)]),
      numbers: (key) => Float64Array.from(this.#numbers[this.#keys.indexOf(key)]),
    }
  }
}
