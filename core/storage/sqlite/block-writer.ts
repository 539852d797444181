import type Database from 'better-sqlite3'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import type { WriteResult } from '../store.ts'
import { type EncodedLogBlock, encodeLogBlocks } from './blocks/encode-log-block.ts'
import { type EncodedSpanBlock, encodeSpanBlocks } from './blocks/encode-span-block.ts'
import type { NumberedBatch } from './blocks/pack-rows.ts'
import type { RecentSpans } from './recent-spans.ts'

/** Writes encoded blocks and keeps the running write number. All calls run inside the caller's transaction. */
export class BlockWriter {
  #db: Database.Database
  #statements: Record<
    'span' | 'spanCore' | 'spanAttr' | 'spanRest' | 'log' | 'logCore' | 'logAttr' | 'logBody' | 'seq',
    Database.Statement
  >
  seq: number
  /** Repeated spans that merging dropped since the last write told of them. */
  mergedAway = 0

  constructor(db: Database.Database) {
    this.#db = db
    this.seq = (db.prepare("SELECT value FROM meta WHERE key = 'seq'").pluck().get() as number | undefined) ?? 0
    this.#statements = {
      span: db.prepare('INSERT INTO span_block VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)'),
      spanCore: db.prepare('INSERT INTO span_core VALUES (?,?)'),
      spanAttr: db.prepare('INSERT INTO span_attr VALUES (?,?)'),
      spanRest: db.prepare('INSERT INTO span_rest VALUES (?,?)'),
      log: db.prepare('INSERT INTO log_block VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?)'),
      logCore: db.prepare('INSERT INTO log_core VALUES (?,?)'),
      logAttr: db.prepare('INSERT INTO log_attr VALUES (?,?)'),
      logBody: db.prepare('INSERT INTO log_body VALUES (?,?)'),
      seq: db.prepare("INSERT OR REPLACE INTO meta VALUES ('seq', ?)"),
    }
  }

  /**
   * One transaction: all or nothing.
   * @param recent finds repeated spans; null stores all
   * @param alongside what else the transaction does, given the number of the write
   */
  write(
    spans: SpanBatch[],
    logs: LogBatch[],
    recent: RecentSpans | null,
    alongside: (seq: number) => void = () => undefined,
  ): WriteResult {
    const seq = this.seq + 1
    let duplicateSpans = 0
    const fresh: NumberedBatch<SpanBatch>[] = []
    recent?.begin(spans.reduce((sum, batch) => sum + batch.n, 0))
    for (const batch of spans) {
      const keep = recent?.fresh(batch) ?? null
      const kept = keep ? selectRows(batch, keep) : batch
      duplicateSpans += batch.n - kept.n
      if (kept.n > 0) fresh.push({ batch: kept, seq })
    }
    const numberedLogs = logs.filter((batch) => batch.n > 0).map((batch) => ({ batch, seq }))
    const spanBlocks = fresh.length > 0 ? encodeSpanBlocks(fresh) : []
    const logBlocks = numberedLogs.length > 0 ? encodeLogBlocks(numberedLogs) : []
    this.#db
      .transaction(() => {
        for (const block of spanBlocks) this.insertSpans(block, 0)
        for (const block of logBlocks) this.insertLogs(block, 0)
        this.#statements.seq.run(seq)
        alongside(seq)
      })
      .immediate()
    this.seq = seq
    recent?.commit()
    const { mergedAway } = this
    this.mergedAway = 0
    return {
      ...(mergedAway > 0 && { mergedAway }),
      seq,
      storedSpans: fresh.reduce((sum, { batch }) => sum + batch.n, 0),
      storedLogs: numberedLogs.reduce((sum, { batch }) => sum + batch.n, 0),
      duplicateSpans,
    }
  }

  /** @param tier 0 as received, 1 merged */
  insertSpans(block: EncodedSpanBlock, tier: number): void {
    const s = block.stats
    const bytes = block.core.length + block.attr.length + block.rest.length + block.statsBytes.length
    const { lastInsertRowid: id } = this.#statements.span.run(
      block.day,
      tier,
      s.rows,
      s.traces,
      s.errors,
      s.minStart,
      s.maxStart,
      s.maxEnd,
      s.minDur,
      s.maxDur,
      s.firstSeq,
      s.lastSeq,
      s.minReceived,
      s.maxReceived,
      bytes,
      block.statsBytes,
    )
    this.#statements.spanCore.run(id, block.core)
    this.#statements.spanAttr.run(id, block.attr)
    this.#statements.spanRest.run(id, block.rest)
  }

  insertLogs(block: EncodedLogBlock, tier: number): void {
    const s = block.stats
    const bytes = block.core.length + block.attr.length + block.body.length + block.statsBytes.length
    const { lastInsertRowid: id } = this.#statements.log.run(
      block.day,
      tier,
      s.rows,
      s.minTime,
      s.maxTime,
      s.maxSeverity,
      s.firstSeq,
      s.lastSeq,
      s.minReceived,
      s.maxReceived,
      bytes,
      block.statsBytes,
    )
    this.#statements.logCore.run(id, block.core)
    this.#statements.logAttr.run(id, block.attr)
    this.#statements.logBody.run(id, block.body)
  }
}
