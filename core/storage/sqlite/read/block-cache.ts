import type Database from 'better-sqlite3'
import { type BlockName, DamagedBlock, readGroupBytes, readingBlock, type SetAside } from '../blocks/damaged-block.ts'
import { LogBlock } from '../blocks/log-block.ts'
import { SpanBlock } from '../blocks/span-block.ts'
import { decodeStats, LOG_FIGURES, SPAN_FIGURES, type StoredStats } from '../blocks/stats.ts'
import { makePartials, type TracePartials } from '../blocks/trace-partials.ts'
import { EMPTY_BYTES, MatchColumns } from './match-columns.ts'
import type { QueryGuard } from './query-guard.ts'
import { SpreadTraces } from './spread-traces.ts'
import type { TraceTable } from './trace-table.ts'

interface BlockMeta extends StoredStats {
  id: number
  rows: number
  firstSeq: number
  lastSeq: number
  bytes: number
}

/** A span block's row of span_block, in its order of columns; times µs. */
export interface SpanMeta extends BlockMeta {
  traces: number
  minStart: number
  maxStart: number
  maxEnd: number
  minDur: number
  maxDur: number
}

export interface LogMeta extends BlockMeta {
  minTime: number
  maxTime: number
  maxSeverity: number
}

/** Per service of one block; small, and worth keeping while the block itself goes. */
export interface ServiceCount {
  service: string
  rows: number
  errors: number
  first: number
  last: number
}

const BLOCK_BYTES = 24 << 20
const PARTIAL_BYTES = 48 << 20
const COLUMN_BYTES = 48 << 20

/** What blocks hold, by block id. Blocks never change, so nothing here can be stale; ids are never used again. */
export class BlockCache {
  #db: Database.Database
  #spanMetas = new Map<number, SpanMeta>()
  #logMetas = new Map<number, LogMeta>()
  #spans = new ByteLru<SpanBlock>(BLOCK_BYTES)
  #logs = new ByteLru<LogBlock>(BLOCK_BYTES / 2)
  #partials = new ByteLru<TracePartials>(PARTIAL_BYTES)
  #columns = new ByteLru<MatchColumns>(COLUMN_BYTES)
  #reads = new Map<string, Database.Statement>()
  /** Damaged blocks found on this connection; the writer marks them in the file for all. */
  #found = { span: new Map<number, SetAside>(), log: new Map<number, SetAside>() }
  #damaged: (found: DamagedBlock) => void
  readonly spanServices = new Map<number, ServiceCount[]>()
  readonly logServices = new Map<number, ServiceCount[]>()
  readonly #spread: SpreadTraces

  /**
   * @param damaged is told of each damaged block that is found
   * @param keepSpread is given what is to lie in `meta` as `spread`
   */
  constructor(
    db: Database.Database,
    damaged: (found: DamagedBlock) => void = () => undefined,
    keepSpread: (packed: Uint8Array) => void = () => undefined,
  ) {
    this.#db = db
    this.#damaged = damaged
    this.#spread = new SpreadTraces(keepSpread)
  }

  /** Traces that reach over more than an hour; see SpreadTraces. */
  spread(guard: QueryGuard): TraceTable {
    const read = this.#db.prepare("SELECT value FROM meta WHERE key = 'spread'").pluck()
    return this.#spread.upTo(this.seq(), this, guard, () => (read.get() as Uint8Array | undefined) ?? null)
  }

  /** The running number of the last write. */
  seq(): number {
    return (this.#db.prepare("SELECT value FROM meta WHERE key = 'seq'").pluck().get() as number | undefined) ?? 0
  }

  spanMetas(): SpanMeta[] {
    return this.#metas('span', this.#spanMetas, SPAN_FIGURES, [
      'id, rows, first_seq AS firstSeq, last_seq AS lastSeq, bytes, traces, min_start AS minStart',
      'max_start AS maxStart, max_end AS maxEnd, min_dur AS minDur, max_dur AS maxDur',
    ])
  }

  logMetas(): LogMeta[] {
    return this.#metas('log', this.#logMetas, LOG_FIGURES, [
      'id, rows, first_seq AS firstSeq, last_seq AS lastSeq, bytes, min_time AS minTime, max_time AS maxTime',
      'max_severity AS maxSeverity',
    ])
  }

  #metas<M extends BlockMeta>(
    signal: 'span' | 'log',
    known: Map<number, M>,
    figures: readonly string[],
    columns: string[],
  ): M[] {
    const ids = this.#db.prepare(`SELECT id FROM ${signal}_block`).pluck().all() as number[]
    const aside = new Set(this.setAside(signal).map(({ id }) => id))
    const read = this.#db.prepare(`SELECT ${columns.join(', ')}, stats FROM ${signal}_block WHERE id = ?`)
    const metas: M[] = []
    for (const id of ids) {
      if (aside.has(id)) continue
      let meta = known.get(id)
      if (!meta) {
        try {
          meta = readMeta<M>(read, { signal, id }, figures)
        } catch (error) {
          if (!(error instanceof DamagedBlock)) throw error
          this.leaveOut(error)
          continue
        }
        known.set(id, meta)
      }
      metas.push(meta)
    }
    if (known.size > ids.length) {
      const live = new Set(ids)
      for (const id of known.keys()) if (!live.has(id)) this.#forget(signal, id)
    }
    return metas
  }

  /** Blocks that are left out of every query. */
  setAside(signal: 'span' | 'log'): SetAside[] {
    const marked = this.#db
      .prepare('SELECT id, rows, min_time AS minTime, max_time AS maxTime FROM damaged_block WHERE signal = ?')
      .all(signal) as SetAside[]
    const found = this.#found[signal]
    for (const { id } of marked) found.delete(id)
    return [...marked, ...found.values()]
  }

  /**
   * Leaves a damaged block out from now on.
   * @throws DamagedBlock the same, when it was left out already
   */
  leaveOut(damage: DamagedBlock): void {
    const { signal, id } = damage.block
    if (this.#found[signal].has(id)) throw damage
    const meta = signal === 'span' ? this.#spanMetas.get(id) : this.#logMetas.get(id)
    this.#found[signal].set(id, { id, rows: meta?.rows ?? 0, ...timesOf(meta) })
    this.#forget(signal, id)
    this.#damaged(damage)
  }

  #forget(signal: 'span' | 'log', id: number): void {
    if (signal === 'span') {
      this.#spanMetas.delete(id)
      this.#spans.delete(id)
      this.#partials.delete(id)
      this.#columns.delete(id)
      this.spanServices.delete(id)
    } else {
      this.#logMetas.delete(id)
      this.#logs.delete(id)
      this.logServices.delete(id)
    }
  }

  #data(table: string, block: BlockName): Uint8Array {
    let read = this.#reads.get(table)
    if (!read) {
      read = this.#db.prepare(`SELECT data FROM ${table} WHERE id = ?`).pluck()
      this.#reads.set(table, read)
    }
    return readGroupBytes(read, block)
  }

  /** The block; sections not yet opened are read while the query that asked runs. */
  spanBlock(meta: SpanMeta): SpanBlock {
    return this.#spans.get(meta.id, () => {
      const name: BlockName = { signal: 'span', id: meta.id }
      const block = new SpanBlock(
        name,
        { rows: meta.rows, read: () => this.#data('span_core', name) },
        () => this.#data('span_attr', name),
        () => this.#data('span_rest', name),
      )
      return { value: block, bytes: meta.rows * 90 + meta.bytes * 2 }
    })
  }

  /** The block as searches filter it: small, so that many stay at hand from one search to the next. */
  matchColumns(meta: SpanMeta): MatchColumns {
    return this.#columns.get(meta.id, () => ({
      value: new MatchColumns(
        meta.rows,
        () => this.spanBlock(meta),
        (bytes) => this.#columns.grow(meta.id, bytes),
      ),
      bytes: EMPTY_BYTES,
    }))
  }

  logBlock(meta: LogMeta): LogBlock {
    return this.#logs.get(meta.id, () => {
      const name: BlockName = { signal: 'log', id: meta.id }
      const block = new LogBlock(
        name,
        this.#data('log_core', name),
        () => this.#data('log_attr', name),
        () => this.#data('log_body', name),
      )
      return { value: block, bytes: meta.rows * 90 + meta.bytes * 3 }
    })
  }

  /** Start, end and failure of each trace as far as this block knows; rows later than `asOf` are left out. */
  partials(meta: SpanMeta, asOf: number): TracePartials {
    if (meta.lastSeq > asOf) {
      const block = this.spanBlock(meta)
      return makePartials(block, block.seq, asOf)
    }
    return this.#partials.get(meta.id, () => {
      const value = this.spanBlock(meta).partials()
      return { value, bytes: value.n * 37 }
    })
  }

  /** Frees everything; the next query reads anew. */
  clear(): void {
    this.#spanMetas.clear()
    this.#logMetas.clear()
    this.#spans.clear()
    this.#logs.clear()
    this.#partials.clear()
    this.#columns.clear()
    this.spanServices.clear()
    this.logServices.clear()
  }
}

function readMeta<M>(read: Database.Statement, block: BlockName, figures: readonly string[]): M {
  const row = readingBlock(block, () => read.get(block.id)) as (M & { stats: Uint8Array }) | undefined
  if (!row) throw new DamagedBlock(block, 'its row is missing')
  const { stats, ...columns } = row
  try {
    const values = figures.map((name) => (columns as Record<string, number>)[name])
    return { ...columns, ...decodeStats(stats, values) } as unknown as M
  } catch (error) {
    throw new DamagedBlock(block, (error as Error).message)
  }
}

function timesOf(meta: SpanMeta | LogMeta | undefined): { minTime: number | null; maxTime: number | null } {
  if (!meta) return { minTime: null, maxTime: null }
  return 'minStart' in meta
    ? { minTime: meta.minStart, maxTime: meta.maxEnd }
    : { minTime: meta.minTime, maxTime: meta.maxTime }
}

/** Least recently used first out, by bytes. */
class ByteLru<T> {
  #limit: number
  #bytes = 0
  #entries = new Map<number, { value: T; bytes: number }>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get(id: number, make: () => { value: T; bytes: number }): T {
    let entry = this.#entries.get(id)
    if (entry) this.#entries.delete(id)
    else {
      entry = make()
      this.#bytes += entry.bytes
    }
    this.#entries.set(id, entry)
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= this.#limit || oldest === id) break
      this.delete(oldest)
    }
    return entry.value
  }

  /** The entry takes so much more; it is weighed when the next one is asked for. */
  grow(id: number, bytes: number): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    entry.bytes += bytes
    this.#bytes += bytes
  }

  delete(id: number): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#bytes -= entry.bytes
    this.#entries.delete(id)
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }
}
