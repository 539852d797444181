import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Histogram, Page } from '../../../core/model/answers.ts'
import type { LogBatch, SpanBatch } from '../../../core/model/columns.ts'
import type { LogRecord, Trace, TraceSummary } from '../../../core/model/records.ts'
import type { BlockName } from '../../../core/storage/sqlite/blocks/damaged-block.ts'
import { checkBlocks } from '../../../core/storage/sqlite/check-blocks.ts'
import { BlockCache } from '../../../core/storage/sqlite/read/block-cache.ts'
import { QueryGuard } from '../../../core/storage/sqlite/read/query-guard.ts'
import { openReadConnection, readMethods } from '../../../core/storage/sqlite/read/read-methods.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'
import type { LogQuery, SqlResult, TraceQuery, WriteResult } from '../../../core/storage/store.ts'

const HOUR_MS = 3_600_000

/** The writing and the reading half of the engine in one thread, on a folder of their own, with a clock that tests turn. */
export class TestStore {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'glassbox-store-'))
  readonly #flag = new Int32Array(new SharedArrayBuffer(4))
  #nowMs: number
  #monotonicMs = 0
  #writer: Writer
  #read: { methods: ReturnType<typeof readMethods>; close(): void }

  constructor(nowMs: number) {
    this.#nowMs = nowMs
    this.#writer = this.#openWriter()
    this.#read = this.#openReader()
  }

  get nowUs(): number {
    return this.#nowMs * 1000
  }

  #openWriter(): Writer {
    const clock = {
      nowUs: () => this.nowUs,
      monotonicMs: () => this.#monotonicMs,
      witness: () => ({ wallUs: this.nowUs, uptimeMs: this.#monotonicMs, boot: 'test' }),
    }
    return new Writer({ dataDir: this.dataDir, reserveBytes: 1000 }, clock, () => undefined)
  }

  #openReader(): { methods: ReturnType<typeof readMethods>; close(): void } {
    const db = openReadConnection(this.dataDir)
    const cache = new BlockCache(
      db,
      ({ block }) => this.#writer.setAside(block),
      (packed) => this.#writer.keepSpread(packed),
    )
    return { methods: readMethods(db, cache), close: () => db.close() }
  }

  /** Forgets what is cached of blocks. */
  reopenReader(): void {
    this.#read.close()
    this.#read = this.#openReader()
  }

  /** Blocks that a look through the whole file finds damaged. */
  findDamage(): BlockName[] {
    const db = openReadConnection(this.dataDir)
    try {
      return checkBlocks(db).damaged.map(({ block }) => block)
    } finally {
      db.close()
    }
  }

  passHours(hours: number): void {
    this.#nowMs += hours * HOUR_MS
    this.#monotonicMs += hours * HOUR_MS
  }

  write(spans: SpanBatch[], logs: LogBatch[]): WriteResult {
    return this.#writer.write(spans, logs)
  }

  compact(): void {
    this.#writer.compact()
  }

  /** Removes what was received more than `hours` ago. */
  retain(hours: number, tracesBytes = 1e12): ReturnType<Writer['retention']> {
    return this.#writer.retention({ tracesDays: hours / 24, tracesBytes, logsDays: hours / 24 })
  }

  setPinned(traceIds: string[]): void {
    this.#writer.setPinned(traceIds)
  }

  /** Forgets what only memory holds, as a restart does. */
  restart(): void {
    this.#writer.stop()
    this.#read.close()
    this.#writer = this.#openWriter()
    this.#read = this.#openReader()
  }

  stats(): ReturnType<Writer['stats']> {
    return this.#writer.stats()
  }

  #guard(): QueryGuard {
    return new QueryGuard(this.#flag)
  }

  searchTraces(query: TraceQuery): Page<TraceSummary> {
    return this.#read.methods.searchTraces(query, this.#guard())
  }

  traceHistogram(query: TraceQuery, buckets: number): Histogram {
    return this.#read.methods.traceHistogram({ query, buckets }, this.#guard())
  }

  trace(traceId: string): Trace | null {
    return this.#read.methods.trace(traceId, this.#guard())
  }

  searchLogs(query: LogQuery): Page<LogRecord> {
    return this.#read.methods.searchLogs(query, this.#guard())
  }

  logHistogram(query: LogQuery, buckets: number): Histogram {
    return this.#read.methods.logHistogram({ query, buckets }, this.#guard())
  }

  sql(query: string, limit = 10_000): SqlResult {
    return this.#read.methods.sql({ query, limit }, this.#guard())
  }

  get methods(): ReturnType<typeof readMethods> {
    return this.#read.methods
  }

  guard(): QueryGuard {
    return this.#guard()
  }

  stop(): void {
    this.#read.close()
    this.#writer.stop()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
