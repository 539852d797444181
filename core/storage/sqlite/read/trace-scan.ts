import { keepEqual, matchSpans } from '../../../query/filter-match.ts'
import { SPREAD_US } from '../../spread.ts'
import type { TraceQuery } from '../../store.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import type { TracePartials } from '../blocks/trace-partials.ts'
import { findPartial } from '../blocks/trace-partials.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import { BlockSkip } from './block-skip.ts'
import type { QueryGuard } from './query-guard.ts'
import { TraceTable } from './trace-table.ts'

/** From so many looked up one by one, joining all blocks once is cheaper. */
const SINGLE_LOOKUPS = 1000

/** What search and histogram share: which traces of a block match, and what is true of a whole trace. */
export class TraceScan {
  readonly metas: SpanMeta[]
  readonly asOf: number
  #cache: BlockCache
  #guard: QueryGuard
  #query: TraceQuery
  #skip: BlockSkip
  #lookups = 0
  #joined: TraceTable | null = null

  constructor(cache: BlockCache, guard: QueryGuard, query: TraceQuery, asOf: number) {
    this.#cache = cache
    this.#guard = guard
    this.#query = query
    this.asOf = asOf
    this.metas = cache.spanMetas().filter((meta) => meta.firstSeq <= asOf)
    this.#skip = new BlockSkip('traces', query.filter, query.service)
  }

  /** Whether anything is asked of single spans. */
  get selective(): boolean {
    const { filter, service, operation } = this.#query
    return filter.length > 0 || service !== null || operation !== null
  }

  /**
   * Blocks that may hold a matching span of a trace that starts before `end`, latest first; for those of spread traces,
   * which may lie in later ones, see `lateMatches`.
   */
  candidates(end: number): SpanMeta[] {
    return this.metas
      .filter(
        (meta) =>
          meta.maxStart >= this.#query.start &&
          meta.minStart < end + (this.selective ? SPREAD_US : 0) &&
          this.#mayMatch(meta),
      )
      .sort((a, b) => b.maxStart - a.maxStart || b.id - a.id)
  }

  #mayMatch(meta: SpanMeta): boolean {
    return this.#skip.mayLast(meta.minDur, meta.maxDur) && this.#skip.mayMatch(meta)
  }

  /** Spread traces with a part from `from` on that begin before `end`; nobody knows of a later begin as of this search. */
  #spreadTraces(from: number, end: number): { table: TraceTable; indexes: number[] } {
    const table = this.#cache.spread(this.#guard)
    const indexes: number[] = []
    for (let index = 0; index < table.size; index++)
      if (table.end[index] >= from && table.start[index] < end) indexes.push(index)
    return { table, indexes }
  }

  /** Calls `found` for each trace that starts before `end` and has a matching span in a block too late for `candidates`. */
  lateMatches(end: number, found: (partials: TracePartials, trace: number) => void): void {
    if (!this.selective) return
    const late = this.metas.filter((meta) => meta.minStart >= end + SPREAD_US && this.#mayMatch(meta))
    if (late.length === 0) return
    const { table, indexes } = this.#spreadTraces(end + SPREAD_US, end)
    const hashes = indexes.map((index) => ({ index, ...traceHash(table.bytes, index * 16) }))
    for (const meta of late) {
      this.#guard.check()
      const own = hashes.filter(({ hi, lo }) => bloomHas(meta.traceBloom, hi, lo))
      const mask = own.length > 0 ? this.#mask(meta) : null
      if (!mask) continue
      const partials = this.#cache.partials(meta, this.asOf)
      for (const { index } of own) {
        const t = findPartial(partials, table.words, index * 4)
        if (t === -1) continue
        const row = mask.indexOf(1, partials.firstRow[t])
        if (row !== -1 && row < partials.firstRow[t + 1]) found(partials, t)
      }
    }
  }

  /** Makes whole what `table`, joined from the blocks around the window, knows of spread traces. */
  completeSpread(table: TraceTable): void {
    const { table: spread, indexes } = this.#spreadTraces(this.#query.start, this.#query.end + SPREAD_US)
    for (const index of indexes) {
      const at = table.find(spread.words, index * 4)
      if (at !== -1) this.resolve(table, at)
    }
  }

  /** Calls `found` for each trace of the block that has a matching span. */
  matches(meta: SpanMeta, found: (partials: TracePartials, trace: number) => void): void {
    this.#guard.check()
    if (!this.selective) {
      const partials = this.#cache.partials(meta, this.asOf)
      for (let t = 0; t < partials.n; t++) if (partials.end[t] >= partials.start[t]) found(partials, t)
      return
    }
    const mask = this.#mask(meta)
    if (!mask) return
    const partials = this.#cache.partials(meta, this.asOf)
    const { firstRow } = partials
    let t = 0
    for (let row = mask.indexOf(1); row !== -1; row = mask.indexOf(1, firstRow[t])) {
      while (firstRow[t + 1] <= row) t++
      found(partials, t++)
    }
  }

  #mask(meta: SpanMeta): Uint8Array | null {
    const { filter, service, operation } = this.#query
    const block = this.#cache.matchColumns(meta)
    const mask = new Uint8Array(block.rows).fill(1)
    if (service !== null) {
      const wanted = block.services.indexOf(service)
      if (wanted === -1) return null
      keepEqual(mask, block.service, wanted)
    }
    if (operation !== null) {
      const wanted = block.names.indexOf(operation)
      if (wanted === -1) return null
      keepEqual(mask, block.name, wanted)
    }
    if (meta.lastSeq > this.asOf) {
      const { seq } = block
      for (let row = 0; row < mask.length; row++) if (seq[row] > this.asOf) mask[row] = 0
    }
    return matchSpans(filter, block, mask) ? mask : null
  }

  /** Fills in start, end and failure of trace `index` of `table`, from every block that has it. */
  resolve(table: TraceTable, index: number): void {
    if (!this.#joined && ++this.#lookups > SINGLE_LOOKUPS) this.#joined = this.join(this.metas)
    if (this.#joined) {
      const at = this.#joined.find(table.words, index * 4)
      if (at !== -1) table.merge(index, this.#joined.start[at], this.#joined.end[at], this.#joined.failed[at])
      return
    }
    const { hi, lo } = traceHash(table.bytes, index * 16)
    for (const meta of this.metas) {
      if (!bloomHas(meta.traceBloom, hi, lo)) continue
      this.#guard.check()
      const partials = this.#cache.partials(meta, this.asOf)
      const t = findPartial(partials, table.words, index * 4)
      if (t !== -1) table.merge(index, partials.start[t], partials.end[t], partials.failed[t])
    }
  }

  /** All traces of these blocks. */
  join(metas: readonly SpanMeta[]): TraceTable {
    const table = new TraceTable(metas.reduce((sum, meta) => sum + meta.traces, 0))
    for (const meta of metas) {
      this.#guard.check()
      const { n, words, start, end, failed } = this.#cache.partials(meta, this.asOf)
      for (let t = 0; t < n; t++)
        if (end[t] >= start[t]) table.merge(table.intern(words, t * 4), start[t], end[t], failed[t])
    }
    return table
  }

  /** Whether the whole trace is one the query asks for. */
  wanted(table: TraceTable, index: number): boolean {
    const { start, end, minDuration, maxDuration, status } = this.#query
    const from = table.start[index]
    if (!(from >= start && from < end)) return false
    const dur = table.end[index] - from
    if (minDuration !== null && dur < minDuration) return false
    if (maxDuration !== null && dur > maxDuration) return false
    return status === null || (status === 'error') === (table.failed[index] === 1)
  }
}
