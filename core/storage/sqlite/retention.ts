import type { Database } from 'better-sqlite3'
import type { Clock } from '../../base/clock.ts'
import type { RetentionPolicy } from '../store.ts'

export interface RetentionResult {
  spans: number
  logs: number
  bytesFreed: number
  paused: string | null
}

const DAY_US = 86_400_000_000
const TOMBSTONES = 2_000
const VACUUM_PAGES = 512

/** Deletes old blocks by time of receipt and by size, and distrusts a clock that jumped ahead by more than a day. */
export class Retention {
  #db: Database
  #clock: Clock
  /** Wall and monotonic time when the clock was last believed. */
  #trusted: { wallUs: number; monotonicMs: number } | null = null

  constructor(db: Database, clock: Clock) {
    this.#db = db
    this.#clock = clock
  }

  #meta(key: string): number | null {
    const value = this.#db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key)
    return value === undefined ? null : Number(value)
  }

  /** Null = the clock is believed. */
  checkClock(): string | null {
    const wallUs = this.#clock.nowUs()
    const monotonicMs = this.#clock.monotonicMs()
    // What was received last stands in for the last known time when none was kept.
    const known = this.#trusted?.wallUs ?? this.#meta('wall') ?? this.#newestReceived()
    this.#trusted ??= { wallUs: known ?? wallUs, monotonicMs }
    const elapsedUs = (monotonicMs - this.#trusted.monotonicMs) * 1000
    // A day of real running time confirms the new time.
    if (wallUs - this.#trusted.wallUs - elapsedUs > DAY_US && elapsedUs < DAY_US)
      return 'the clock jumped ahead by more than a day; nothing is deleted by age until it has run on for a day'
    this.#trusted = { wallUs, monotonicMs }
    this.#db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('wall', ?)").run(wallUs)
    return null
  }

  #newestReceived(): number | null {
    const sql = 'SELECT max(t) FROM (SELECT max(max_received) t FROM span_block UNION ALL SELECT max(max_received) FROM log_block)'
    return this.#db.prepare(sql).pluck().get() as number | null
  }

  /** Applies the policy; the size limit holds also while the clock is not believed. */
  run(policy: RetentionPolicy): RetentionResult {
    const paused = this.checkClock()
    const before = this.#db.pragma('page_count', { simple: true }) as number
    let spans = 0
    let logs = 0
    if (paused === null) {
      const now = this.#clock.nowUs()
      spans += this.#removeOlder('span', now - policy.tracesDays * DAY_US)
      logs += this.#removeOlder('log', now - policy.logsDays * DAY_US)
    }
    let over = (this.#db.prepare('SELECT coalesce(sum(bytes), 0) FROM span_block').pluck().get() as number) - policy.tracesBytes
    while (over > 0) {
      const oldest = this.#oldest('span')
      if (!oldest) break
      this.#remove('span', oldest.id)
      spans += oldest.rows
      over -= oldest.bytes
    }
    this.returnSpace()
    const after = this.#db.pragma('page_count', { simple: true }) as number
    return { spans, logs, bytesFreed: Math.max(0, before - after) * 16_384, paused }
  }

  /** Deletes the oldest tenth of all blocks, for a full disk. */
  removeOldestTenth(): number {
    let removed = 0
    for (const signal of ['span', 'log'] as const) {
      const count = this.#db.prepare(`SELECT count(*) FROM ${signal}_block`).pluck().get() as number
      for (let left = Math.ceil(count / 10); left > 0; left--) {
        const oldest = this.#oldest(signal)
        if (!oldest) break
        this.#remove(signal, oldest.id)
        removed += oldest.rows
      }
    }
    this.returnSpace()
    return removed
  }

  /** Gives free pages back to the file system, in small steps. */
  returnSpace(): void {
    while ((this.#db.pragma('freelist_count', { simple: true }) as number) > 0) {
      const before = this.#db.pragma('freelist_count', { simple: true }) as number
      this.#db.pragma(`incremental_vacuum(${VACUUM_PAGES})`)
      if ((this.#db.pragma('freelist_count', { simple: true }) as number) >= before) break
    }
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
  }

  #oldest(signal: 'span' | 'log'): { id: number; rows: number; bytes: number } | undefined {
    return this.#db
      .prepare(`SELECT id, rows, bytes FROM ${signal}_block ORDER BY max_received, id LIMIT 1`)
      .get() as { id: number; rows: number; bytes: number } | undefined
  }

  #removeOlder(signal: 'span' | 'log', beforeUs: number): number {
    const found = this.#db
      .prepare(`SELECT id, rows FROM ${signal}_block WHERE max_received < ?`)
      .all(beforeUs) as { id: number; rows: number }[]
    for (const { id } of found) this.#remove(signal, id)
    return found.reduce((sum, { rows }) => sum + rows, 0)
  }

  #remove(signal: 'span' | 'log', id: number): void {
    const columns = signal === 'span' ? 'min_start, max_start' : 'min_time, max_time'
    const groups = signal === 'span' ? ['core', 'attr', 'rest'] : ['core', 'attr', 'body']
    this.#db
      .transaction(() => {
        this.#db
          .prepare(`INSERT OR REPLACE INTO removed_block SELECT id, ?, ?, ${columns}, stats FROM ${signal}_block WHERE id = ?`)
          .run(signal, this.#clock.nowUs(), id)
        this.#db
          .prepare('DELETE FROM removed_block WHERE rowid NOT IN (SELECT rowid FROM removed_block ORDER BY rowid DESC LIMIT ?)')
          .run(TOMBSTONES)
        for (const table of [...groups, 'block']) this.#db.prepare(`DELETE FROM ${signal}_${table} WHERE id = ?`).run(id)
      })
      .immediate()
  }
}
