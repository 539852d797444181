import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import { RecentSpans } from '../sqlite/recent-spans.ts'
import type { RetentionPolicy, StorageStats, WriteResult } from '../store.ts'
import { connect, type PostgresTarget } from './connection.ts'
import { Lease } from './lease.ts'
import { noticeEmptied } from './marker.ts'
import { ensureMoves, forgetMove, noteMove, readMove, replaceWithMove, undoMove } from './moved-rows.ts'
import { isAway, isServerTrouble, postgresError } from './postgres-error.ts'
import { applyRetention, type RetentionResult } from './retention.ts'
import { readPlace } from './scan.ts'
import { dayOf, ensureDay, ensureSchema } from './schema.ts'
import { readStats } from './storage-stats.ts'
import { WriteQueue } from './write-queue.ts'
import { KnownEntries, type PendingWrite, writeTransaction } from './write-transaction.ts'

export interface WriterOptions {
  target: PostgresTarget
  /** Names this host in every row; the same after a restart. */
  hostId: string
  queueDir: string
  queueBytes: number
  durable: boolean
}

/** A statement without an answer for so long means a dead connection: the server hangs or the network swallows all. */
const ANSWER_MS = 30_000
const HEARTBEAT_MS = 5000
const UPKEEP_MS = 600_000
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 300_000
const RETRIES_A_ROUND = 10

/** Owns the writing connection: COPY, what waits on disk while Postgres is away, partitions, lease and retention. */
export class Writer {
  #options: WriterOptions
  #clock: Clock
  #notify: (method: string, argument: unknown) => void
  #client: pg.Client | null = null
  #known = new KnownEntries()
  #days = new Set<number>()
  #recent = new RecentSpans()
  #queue: WriteQueue
  #lease: Lease
  #turn: Promise<unknown> = Promise.resolve()
  #retry: NodeJS.Timeout | null = null
  #timers: NodeJS.Timeout[] = []
  #failures = 0
  #stopped = false
  #away: { since: number; reason: string } | null = null
  #last: StorageStats | null = null
  #seq = 0
  #upkeepMs = 0

  constructor(options: WriterOptions, clock: Clock, notify: (method: string, argument: unknown) => void) {
    this.#options = options
    this.#clock = clock
    this.#notify = notify
    this.#queue = new WriteQueue(options.queueDir, () => options.queueBytes)
    this.#lease = new Lease(options.target.schema, options.hostId)
  }

  /** Connects for the first time. @throws GlassboxError of the `postgres_…` kind */
  async open(): Promise<void> {
    await this.#connect()
    if (this.#client) this.#last = await readStats(this.#client, this.#options.target.schema)
    this.#timers.push(setInterval(() => void this.#inTurn(() => this.#heartbeat()), HEARTBEAT_MS))
    void this.#inTurn(() => this.#drain())
  }

  /** Work that uses the connection runs one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work)
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #connect(): Promise<void> {
    const { target, durable } = this.#options
    const client = await connect(target)
    try {
      await this.#answered(client, async () => {
        await ensureSchema(client, target, this.#clock.nowUs(), durable)
        await noticeEmptied(client, target.schema)
      })
    } catch (error) {
      await client.end().catch(() => undefined)
      throw postgresError(error, target)
    }
    client.on('end', () => {
      if (this.#client === client) this.#lost(new Error('the connection was closed'))
    })
    this.#client = client
    this.#known.forget()
    this.#days.clear()
    this.#failures = 0
    this.#setAway(null)
  }

  #setAway(reason: string | null): void {
    if (reason === null && this.#away) this.#notify('back', null)
    this.#away = reason === null ? null : { since: this.#away?.since ?? this.#clock.nowUs(), reason }
    if (this.#away) this.#notify('away', this.#away)
  }

  /** Closes the connection under a statement that has no answer in time, which makes the statement fail. */
  async #answered<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => void destroy(client), ANSWER_MS)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
    }
  }

  #lost(error: Error): void {
    const client = this.#client
    this.#client = null
    if (client) destroy(client)
    if (this.#stopped) return
    this.#setAway(postgresError(error, this.#options.target).message)
    this.#scheduleRetry()
  }

  #scheduleRetry(): void {
    if (this.#retry || this.#stopped) return
    const step = this.#failures % RETRIES_A_ROUND
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** step)
    // Hosts that lost the same server do not come back all at once.
    const delay = pause * (0.75 + Math.random() / 2)
    this.#retry = setTimeout(() => {
      this.#retry = null
      void this.#inTurn(async () => {
        if (this.#client || this.#stopped) return
        try {
          await this.#connect()
        } catch (error) {
          this.#failures++
          this.#setAway((error as Error).message)
          this.#scheduleRetry()
          return
        }
        await this.#drain()
      })
    }, delay)
  }

  /** @throws GlassboxError `storage_unavailable` when Postgres is away and the queue on disk is full; Error for bad rows */
  write(spans: SpanBatch[], logs: LogBatch[]): Promise<WriteResult> {
    return this.#inTurn(async () => {
      this.#recent.begin(spans.reduce((sum, batch) => sum + batch.n, 0))
      let duplicateSpans = 0
      const fresh: SpanBatch[] = []
      for (const batch of spans) {
        const keep = this.#recent.fresh(batch)
        const kept = keep ? selectRows(batch, keep) : batch
        duplicateSpans += batch.n - kept.n
        if (kept.n > 0) fresh.push(kept)
      }
      const pending: PendingWrite = { id: randomUUID(), spans: fresh, logs: logs.filter((batch) => batch.n > 0) }
      await this.#store(pending)
      this.#recent.commit()
      return {
        seq: this.#seq,
        storedSpans: pending.spans.reduce((sum, batch) => sum + batch.n, 0),
        storedLogs: pending.logs.reduce((sum, batch) => sum + batch.n, 0),
        duplicateSpans,
      }
    })
  }

  async #store(pending: PendingWrite): Promise<void> {
    if (this.#client && this.#queue.length === 0) {
      try {
        await this.#transact(this.#client, pending, false)
        return
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        else if (!isServerTrouble(error)) throw error
        else this.#scheduleDrain(error as Error)
      }
    }
    if (this.#queue.push(pending)) return
    const reason = this.#away?.reason ?? 'Postgres does not keep up'
    throw new GlassboxError(
      'storage_unavailable',
      `${reason}, and the queue on disk is full (${this.#queue.bytes} bytes)`,
      'Bring Postgres back, or raise storage.queueBytes.',
    )
  }

  /** Rows that were stored elsewhere before; see TelemetryWriter. @throws GlassboxError `postgres_…` and nothing stored */
  async writeMoved(
    spans: SpanBatch[],
    logs: LogBatch[],
    place: { move: string; cursor: string },
  ): Promise<WriteResult> {
    const { schema } = this.#options.target
    const now = this.#clock.nowUs()
    for (const batch of [...spans, ...logs]) batch.receivedUs = Math.min(batch.receivedUs, now)
    const pending = { id: randomUUID(), spans, logs }
    await this.#connected((client) =>
      this.#transact(client, pending, false, (seq) => noteMove(client, schema, place, seq)),
    )
    const sum = (list: { n: number }[]): number => list.reduce((total, { n }) => total + n, 0)
    return { seq: this.#seq, storedSpans: sum(spans), storedLogs: sum(logs), duplicateSpans: 0 }
  }

  movedTo(move: string): Promise<string | null> {
    return this.#connected(
      async (client) => (await readMove(client, this.#options.target.schema, move))?.cursor ?? null,
    )
  }

  endMove(move: string, undo: boolean): Promise<{ spans: number; logs: number }> {
    const { schema } = this.#options.target
    return this.#connected(async (client) => {
      if (undo) return undoMove(client, schema, move)
      await forgetMove(client, schema, move)
      return { spans: 0, logs: 0 }
    })
  }

  replaceWithMove(move: string, mark: string): Promise<{ spans: number; logs: number }> {
    const place = readPlace(mark)
    return this.#connected((client) => replaceWithMove(client, this.#options.target.schema, move, place))
  }

  /** Work of a move: it is told when the server is away instead of waiting in the queue. */
  #connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const { target, durable } = this.#options
    return this.#inTurn(async () => {
      const client = this.#client
      if (!client) throw new GlassboxError('postgres_unreachable', this.#away?.reason ?? 'Postgres is away')
      try {
        await ensureMoves(client, target.schema, durable)
        return await work(client)
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        throw postgresError(error, target)
      }
    })
  }

  async #transact(
    client: pg.Client,
    pending: PendingWrite,
    retried: boolean,
    alongside?: (seq: number) => Promise<void>,
  ): Promise<void> {
    const { target, hostId } = this.#options
    const context = { schema: target.schema, host: hostId, known: this.#known, retried }
    const attempt = async (): Promise<number> => {
      for (const { receivedUs } of [...pending.spans, ...pending.logs]) await this.#ensureDay(client, dayOf(receivedUs))
      return writeTransaction(client, context, pending, alongside)
    }
    this.#seq = await this.#answered(client, async () => {
      try {
        return await attempt()
      } catch (error) {
        // The day's partition was removed meanwhile, or the tables are new ones.
        if ((error as { code?: string }).code !== '23514') throw error
        this.#days.clear()
        return attempt()
      }
    })
    this.#notify('written', { seq: this.#seq })
  }

  async #ensureDay(client: pg.Client, day: number): Promise<void> {
    if (this.#days.has(day)) return
    await ensureDay(client, this.#options.target.schema, day, this.#options.durable)
    this.#days.add(day)
  }

  #scheduleDrain(error: Error): void {
    this.#setAway(postgresError(error, this.#options.target).message)
    this.#failures++
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures % RETRIES_A_ROUND))
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      void this.#inTurn(() => this.#drain())
    }, delay)
  }

  /** Stores what waits on disk, oldest first, one write a turn so that new ones get in behind. */
  async #drain(): Promise<void> {
    const client = this.#client
    if (!client || this.#stopped) return
    const waiting = this.#queue.peek()
    if (!waiting) return
    const { write, spans, logs } = waiting
    try {
      if (write) await this.#transact(client, write, true)
      else this.#notify('problem', `a queued write of ${spans} spans and ${logs} log records is damaged and left out`)
    } catch (error) {
      if (isAway(error)) return this.#lost(error as Error)
      if (isServerTrouble(error)) return this.#scheduleDrain(error as Error)
      const { message } = error as Error
      this.#notify('problem', `Postgres refused a queued write of ${spans} spans and ${logs} log records: ${message}`)
    }
    this.#queue.shift()
    if (this.#queue.length === 0) {
      this.#failures = 0
      this.#setAway(null)
    } else void this.#inTurn(() => this.#drain())
  }

  async #heartbeat(): Promise<void> {
    const client = this.#client
    if (!client || this.#stopped) return
    const { target } = this.#options
    try {
      await this.#answered(client, async () => {
        const lost = await noticeEmptied(client, target.schema)
        if (lost)
          this.#notify(
            'problem',
            `the server crashed and emptied the tables: ${lost.spans} spans and ${lost.logs} log records are gone`,
          )
        await this.#lease.renew(client)
        if (this.#clock.monotonicMs() < this.#upkeepMs) return
        this.#upkeepMs = this.#clock.monotonicMs() + UPKEEP_MS
        const today = dayOf(this.#clock.nowUs())
        for (let day = today; day <= today + 2; day++) await this.#ensureDay(client, day)
      })
    } catch (error) {
      if (isAway(error)) this.#lost(error as Error)
      else this.#notify('problem', `upkeep failed: ${(error as Error).message}`)
    }
  }

  retention(policy: RetentionPolicy): Promise<RetentionResult> {
    return this.#inTurn(async () => {
      const client = this.#client
      const nothing = { spans: 0, logs: 0, bytesFreed: 0 }
      if (!client) return { ...nothing, paused: `Postgres is away: ${this.#away?.reason ?? ''}` }
      const fence = await this.#lease.renew(client)
      if (fence === null) return { ...nothing, paused: null }
      try {
        return await this.#answered(client, () => applyRetention(client, this.#lease, policy))
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        throw postgresError(error, this.#options.target)
      }
    })
  }

  stats(): Promise<StorageStats> {
    if (!this.#client && this.#last) return Promise.resolve(this.#withState(this.#last))
    return this.#inTurn(async () => {
      const client = this.#client
      if (client) {
        try {
          this.#last = await this.#answered(client, () => readStats(client, this.#options.target.schema))
        } catch (error) {
          if (isAway(error)) this.#lost(error as Error)
        }
      }
      if (!this.#last) throw new GlassboxError('storage_unavailable', this.#away?.reason ?? 'Postgres gave no figures')
      return this.#withState(this.#last)
    })
  }

  #withState(stats: StorageStats): StorageStats {
    const { rows, bytes } = this.#queue
    return {
      ...stats,
      mode: this.#away ? 'away' : 'normal',
      modeSince: this.#away?.since ?? null,
      modeReason: this.#away?.reason ?? null,
      waiting: { ...rows, bytes, limitBytes: this.#options.queueBytes },
    }
  }

  /** Ends after what was being written; the rest stays on disk. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#retry) clearTimeout(this.#retry)
    await this.#turn
    const client = this.#client
    this.#client = null
    if (client) {
      await this.#lease.release(client).catch(() => undefined)
      await client.end().catch(() => undefined)
    }
  }
}

function destroy(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
