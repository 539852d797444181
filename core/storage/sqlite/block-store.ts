import type { Database, Statement } from 'better-sqlite3'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { WriteResult } from '../store.ts'
import { type EncodedLogBlock, encodeLogBlocks } from './log-block.ts'
import { RecentSpans } from './recent-spans.ts'
import { selectRows } from './select-rows.ts'
import { type EncodedSpanBlock, encodeSpanBlocks } from './span-block.ts'

/** Puts batches into the tables as blocks, one transaction a write. */
export class BlockStore {
  #db: Database
  #recent: RecentSpans
  #statements = new Map<string, Statement>()

  constructor(db: Database, recent: RecentSpans) {
    this.#db = db
    this.#recent = recent
  }

  #run(sql: string, ...values: unknown[]): number {
    let statement = this.#statements.get(sql)
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return Number(statement.run(...values).lastInsertRowid)
  }

  /** All or nothing. Throws what SQLite throws. */
  write({ spans, logs }: { spans: SpanBatch[]; logs: LogBatch[] }): WriteResult {
    try {
      const result = this.#db
        .transaction(() => {
          const seq = 1 + Number(this.#db.prepare("SELECT value FROM meta WHERE key = 'seq'").pluck().get() ?? 0)
          const result: WriteResult = { seq, storedSpans: 0, storedLogs: 0, duplicateSpans: 0 }
          const fresh: SpanBatch[] = []
          for (const batch of spans) {
            const rows = this.#recent.freshRows(batch)
            result.duplicateSpans += batch.n - rows.length
            result.storedSpans += rows.length
            if (rows.length > 0) fresh.push(rows.length === batch.n ? batch : selectRows(batch, rows))
          }
          if (fresh.length > 0)
            for (const block of encodeSpanBlocks(fresh.map((batch) => ({ batch, seq })))) this.addSpans(block, 0)
          const filled = logs.filter((batch) => batch.n > 0)
          for (const batch of filled) result.storedLogs += batch.n
          if (filled.length > 0)
            for (const block of encodeLogBlocks(filled.map((batch) => ({ batch, seq })))) this.addLogs(block, 0)
          this.#run("INSERT OR REPLACE INTO meta (key, value) VALUES ('seq', ?)", seq)
          return result
        })
        .immediate()
      this.#recent.commit()
      return result
    } catch (error) {
      this.#recent.rollback()
      throw error
    }
  }

  addSpans({ day, stats: s, statsBytes, core, attr, rest }: EncodedSpanBlock, tier: number): void {
    const bytes = statsBytes.length + core.length + attr.length + rest.length
    const id = this.#run(
      `INSERT INTO span_block (day, tier, rows, traces, errors, min_start, max_start, max_end, min_dur, max_dur,
       first_seq, last_seq, min_received, max_received, bytes, stats) VALUES (?${', ?'.repeat(15)})`,
      day, tier, s.rows, s.traces, s.errors, s.minStart, s.maxStart, s.maxEnd, s.minDur, s.maxDur,
      s.firstSeq, s.lastSeq, s.minReceived, s.maxReceived, bytes, statsBytes,
    )
    this.#run('INSERT INTO span_core VALUES (?, ?)', id, core)
    this.#run('INSERT INTO span_attr VALUES (?, ?)', id, attr)
    this.#run('INSERT INTO span_rest VALUES (?, ?)', id, rest)
  }

  addLogs({ day, stats: s, statsBytes, core, attr, body }: EncodedLogBlock, tier: number): void {
    const bytes = statsBytes.length + core.length + attr.length + body.length
    const id = this.#run(
      `INSERT INTO log_block (day, tier, rows, min_time, max_time, max_severity, first_seq, last_seq, min_received,
       max_received, bytes, stats) VALUES (?${', ?'.repeat(11)})`,
      day, tier, s.rows, s.minTime, s.maxTime, s.maxSeverity, s.firstSeq, s.lastSeq, s.minReceived,
      s.maxReceived, bytes, statsBytes,
    )
    this.#run('INSERT INTO log_core VALUES (?, ?)', id, core)
    this.#run('INSERT INTO log_attr VALUES (?, ?)', id, attr)
    this.#run('INSERT INTO log_body VALUES (?, ?)', id, body)
  }
}
