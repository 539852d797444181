import type Database from 'better-sqlite3'
import { LogBlock } from './log-block.ts'
import { SpanBlock } from './span-block.ts'
import { decodeStats, type StoredStats } from './stats.ts'
import { makePartials, type TracePartials } from './trace-partials.ts'

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

/** What blocks hold, by block id. Blocks never change, so nothing here can be stale; ids are never used again. */
export class BlockCache {
  #db: Database.Database
  #spanMetas = new Map<number, SpanMeta>()
  #logMetas = new Map<number, LogMeta>()
  #spans = new ByteLru<SpanBlock>(BLOCK_BYTES)
  #logs = new ByteLru<LogBlock>(BLOCK_BYTES / 2)
  #partials = new ByteLru<TracePartials>(PARTIAL_BYTES)
  #reads = new Map<string, Database.Statement>()
  readonly spanServices = new Map<number, ServiceCount[]>()
  readonly logServices = new Map<number, ServiceCount[]>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  /** The running number of the last write. */
  seq(): number {
    return (this.#db.prepare("SELECT value FROM meta WHERE key = 'seq'").pluck().get() as number | undefined) ?? 0
  }

  spanMetas(): SpanMeta[] {
    return this.#metas('span', this.#spanMetas, [
      'id, rows, first_seq AS firstSeq, last_seq AS lastSeq, bytes, traces, min_start AS minStart',
      'max_start AS maxStart, max_end AS maxEnd, min_dur AS minDur, max_dur AS maxDur',
    ])
  }

  logMetas(): LogMeta[] {
    return this.#metas('log', this.#logMetas, [
      'id, rows, first_seq AS firstSeq, last_seq AS lastSeq, bytes, min_time AS minTime, max_time AS maxTime',
      'max_severity AS maxSeverity',
    ])
  }

  #metas<M extends BlockMeta>(signal: 'span' | 'log', known: Map<number, M>, columns: string[]): M[] {
    const ids = this.#db.prepare(`SELECT id FROM ${signal}_block`).pluck().all() as number[]
    const read = this.#db.prepare(`SELECT ${columns.join(', ')}, stats FROM ${signal}_block WHERE id = ?`)
    const metas = ids.map((id) => {
      const found = known.get(id)
      if (found) return found
      const { stats, ...columnsOf } = read.get(id) as M & { stats: Uint8Array }
      const meta = { ...columnsOf, ...decodeStats(stats) } as unknown as M
      known.set(id, meta)
      return meta
    })
    if (known.size > ids.length) {
      const live = new Set(ids)
      for (const id of known.keys()) if (!live.has(id)) this.#forget(signal, id)
    }
    return metas
  }

  #forget(signal: 'span' | 'log', id: number): void {
    if (signal === 'span') {
      this.#spanMetas.delete(id)
      this.#spans.delete(id)
      this.#partials.delete(id)
      this.spanServices.delete(id)
    } else {
      this.#logMetas.delete(id)
      this.#logs.delete(id)
      this.logServices.delete(id)
    }
  }

  #data(table: string, id: number): Uint8Array {
    let read = this.#reads.get(table)
    if (!read) {
      read = this.#db.prepare(`SELECT data FROM ${table} WHERE id = ?`).pluck()
      this.#reads.set(table, read)
    }
    return read.get(id) as Uint8Array
  }

  /** The block; sections not yet opened are read while the query that asked runs. */
  spanBlock(meta: SpanMeta): SpanBlock {
    return this.#spans.get(meta.id, () => {
      const block = new SpanBlock(
        this.#data('span_core', meta.id),
        () => this.#data('span_attr', meta.id),
        () => this.#data('span_rest', meta.id),
      )
      return { value: block, bytes: meta.rows * 90 + meta.bytes * 2 }
    })
  }

  logBlock(meta: LogMeta): LogBlock {
    return this.#logs.get(meta.id, () => {
      const block = new LogBlock(
        this.#data('log_core', meta.id),
        () => this.#data('log_attr', meta.id),
        () => this.#data('log_body', meta.id),
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
    this.spanServices.clear()
    this.logServices.clear()
  }
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
