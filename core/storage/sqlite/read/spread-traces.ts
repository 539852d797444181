import { SPREAD_US } from '../../spread.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import { findPartial, type TracePartials } from '../blocks/trace-partials.ts'
import type { QueryGuard } from './query-guard.ts'
import { TraceTable } from './trace-table.ts'

/** Joining a trace costs as much as asking so many filters for one. */
const JOIN_COST = 8
/** What costs more, in filters asked, is kept in the file, so that it is not done again after each start. */
const WORTH_KEEPING = 2_000_000
const ENTRY_BYTES = 32

interface Block {
  traces: number
  /** µs */
  minStart: number
  maxStart: number
  lastSeq: number
  traceBloom: Uint8Array
}

/** What is asked of BlockCache. */
interface Blocks<B extends Block> {
  spanMetas(): B[]
  partials(block: B, asOf: number): TracePartials
}

/**
 * The traces of which the parts in two blocks begin more than an hour apart: there are few, and a search that looks at
 * the blocks around its window is exact when it looks at these one by one. Kept from query to query, as blocks never
 * change; what was written since is joined when it is asked for. Traces stay in it when retention takes them.
 */
export class SpreadTraces {
  #table = new TraceTable()
  /** Writes up to this one are in the table; null before the first look. */
  #seq: number | null = null
  /** What was spent since it was last kept in the file, in filters asked. */
  #spent = 0
  #keep: (packed: Uint8Array) => void
  #worth: number

  /** @param keep is given the table now and then, packed as `read` of `upTo` is to give it back */
  constructor(keep: (packed: Uint8Array) => void, worth = WORTH_KEEPING) {
    this.#keep = keep
    this.#worth = worth
  }

  /**
   * All of them, `start` and `end` being the earliest and the latest begin of a part, µs, in all that is stored.
   * @param seq the last write to look at
   * @param read gives what was kept in the file, null when nothing was
   */
  upTo<B extends Block>(seq: number, cache: Blocks<B>, guard: QueryGuard, read: () => Uint8Array | null): TraceTable {
    this.#seq ??= this.#unpack(read())
    const known = this.#seq
    if (seq <= known) return this.#table
    const metas = cache.spanMetas()
    const fresh = metas.filter((meta) => meta.lastSeq > known)
    const old = metas.filter((meta) => meta.lastSeq <= known)
    const traces = (of: readonly B[]): number => of.reduce((sum, meta) => sum + meta.traces, 0)
    const single = traces(fresh) * (JOIN_COST + old.length)
    const joined = traces(metas) * JOIN_COST
    const found =
      single > joined
        ? joinBegins(metas, cache, guard)
        : withOldParts(joinBegins(fresh, cache, guard), old, cache, guard)
    for (let index = 0; index < found.size; index++) {
      const isSpread = found.end[index] - found.start[index] > SPREAD_US
      if (isSpread || this.#table.find(found.words, index * 4) !== -1)
        this.#table.merge(this.#table.intern(found.words, index * 4), found.start[index], found.end[index], 0)
    }
    this.#seq = seq
    this.#spent += Math.min(single, joined)
    if (this.#spent > this.#worth) {
      this.#spent = 0
      this.#keep(this.#pack())
    }
    return this.#table
  }

  /** The number of the last write, then id, start and end of each trace. */
  #pack(): Uint8Array {
    const { size, bytes, start, end } = this.#table
    const packed = new DataView(new ArrayBuffer(8 + size * ENTRY_BYTES))
    packed.setFloat64(0, this.#seq ?? 0)
    const out = new Uint8Array(packed.buffer)
    for (let index = 0; index < size; index++) {
      const at = 8 + index * ENTRY_BYTES
      out.set(bytes.subarray(index * 16, index * 16 + 16), at)
      packed.setFloat64(at + 16, start[index])
      packed.setFloat64(at + 24, end[index])
    }
    return out
  }

  #unpack(packed: Uint8Array | null): number {
    if (!packed) return 0
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
    for (let at = 8; at + ENTRY_BYTES <= packed.length; at += ENTRY_BYTES) {
      const words = new Uint32Array(packed.slice(at, at + 16).buffer)
      this.#table.merge(this.#table.intern(words, 0), view.getFloat64(at + 16), view.getFloat64(at + 24), 0)
    }
    return view.getFloat64(0)
  }
}

/** The traces of these blocks; `start` and `end` are the earliest and the latest begin of their parts. */
function joinBegins<B extends Block>(metas: readonly B[], cache: Blocks<B>, guard: QueryGuard): TraceTable {
  const table = new TraceTable(metas.reduce((sum, meta) => sum + meta.traces, 0))
  for (const meta of metas) {
    guard.check()
    const { n, words, start } = cache.partials(meta, Number.POSITIVE_INFINITY)
    for (let t = 0; t < n; t++) table.merge(table.intern(words, t * 4), start[t], start[t], 0)
  }
  return table
}

/** Adds what older blocks have of these traces and that is far from the newer parts. */
function withOldParts<B extends Block>(
  table: TraceTable,
  old: readonly B[],
  cache: Blocks<B>,
  guard: QueryGuard,
): TraceTable {
  const hashes = Array.from({ length: table.size }, (_, index) => traceHash(table.bytes, index * 16))
  for (const meta of old) {
    guard.check()
    for (let index = 0; index < hashes.length; index++) {
      const isFar = meta.minStart < table.end[index] - SPREAD_US || meta.maxStart > table.start[index] + SPREAD_US
      if (!isFar || !bloomHas(meta.traceBloom, hashes[index].hi, hashes[index].lo)) continue
      const partials = cache.partials(meta, Number.POSITIVE_INFINITY)
      const t = findPartial(partials, table.words, index * 4)
      if (t !== -1) table.merge(index, partials.start[t], partials.start[t], 0)
    }
  }
  return table
}
