// Over 500 lines: one connection and one state (reachable, away, draining) run through every step of a write.
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../metric-move.ts'
import { RecentSpans } from '../sqlite/recent-spans.ts'
import type { RefusedRows, RetentionPolicy, StorageStats, WriteResult } from '../store.ts'
import { type EngineUsage, withHeadTimes } from '../usage.ts'
import { Caretaker } from './caretaker.ts'
import { connect, type PostgresTarget } from './connection.ts'
import { Lease } from './lease.ts'
import { ChangeListener } from './listener.ts'
import { noticeEmptied } from './marker.ts'
import { MetricKeeper } from './metrics/metric-keeper.ts'
import { ensureMoves, forgetMove, noteMove, readMove, removeHost, replaceWithMove, undoMove } from './moved-rows.ts'
import { DAYS_AHEAD, dayOf, nextPart, openParts } from './parts.ts'
import { savePinned } from './pinned-traces.ts'
import { isAway, isServerTrouble, postgresError } from './postgres-error.ts'
import { Reconnect } from './reconnect.ts'
import type { RetentionResult } from './retention.ts'
import { readPlace } from './scan.ts'
import { ensureSchema } from './schema.ts'
import { readStats, unknownStats } from './storage-stats.ts'
import { storageUsage } from './storage-usage.ts'
import { closeFullParts } from './upkeep.ts'
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
const ANSWER_MS = 10_000
/** At the first connection the series and recent samples are read as well. */
const RECOVER_MS = 120_000
const HEARTBEAT_MS = 5000
const UPKEEP_MS = 600_000
const CLOCK_US = 3600e6
const METRICS_MS = 500
/** A question about metrics waits no longer for what other hosts have just stored. */
const FOLLOW_MS = 2000

/** Owns the writing connection: COPY, what waits on disk while Postgres is away, partitions, lease and retention. */
export class Writer {
  #options: WriterOptions
  #clock: Clock
  #notify: (method: string, argument: unknown) => void
  #client: pg.Client | null = null
  #known = new KnownEntries()
  /** By day, the part that takes its rows. */
  #parts = new Map<number, number>()
  #recent = new RecentSpans()
  #queue: WriteQueue
  #refusedLater: (rows: RefusedRows) => void
  #lease: Lease
  readonly metrics: MetricKeeper
  #metricsWait = false
  #turn: Promise<unknown> = Promise.resolve()
  #reconnect: Reconnect
  #listener: ChangeListener
  #caretaker: Caretaker
  #timers: NodeJS.Timeout[] = []
  #stopped = false
  #away: { since: number; reason: string } | null = null
  #last: StorageStats | null = null
  #seq = 0
  /** How far this machine's clock is ahead of the database's, where that is more than drift. */
  #aheadUs = 0
  #upkeepMs = 0
  /** Null until the host has said; what an earlier run saved holds as long. */
  #pinned: readonly string[] | null = null

  /** @param refusedLater told of rows that were answered as stored while they waited, and are refused */
  constructor(
    options: WriterOptions,
    clock: Clock,
    notify: (method: string, argument: unknown) => void,
    refusedLater: (rows: RefusedRows) => void,
  ) {
    this.#refusedLater = refusedLater
    this.#options = options
    this.#clock = clock
    this.#notify = notify
    this.#queue = new WriteQueue(options.queueDir, () => options.queueBytes, clock)
    this.#lease = new Lease(options.target.schema, options.hostId)
    this.metrics = new MetricKeeper({ ...options, schema: options.target.schema }, clock)
    this.#caretaker = new Caretaker(options.target, this.#lease, this.metrics, clock, (sentence) =>
      notify('problem', sentence),
    )
    this.#reconnect = new Reconnect(options.target, () => void this.#inTurn(() => this.#retry()))
    this.#listener = new ChangeListener(options.target, (seq) => {
      if (seq !== this.#seq) notify('heard', seq)
    })
  }

  /**
   * Connects for the first time. A server that is away now is waited for.
   * @throws GlassboxError of the `postgres_…` kind when the address, the login or the tables there are not right
   */
  async open(): Promise<void> {
    try {
      await this.#connect()
      if (this.#client) this.#last = await readStats(this.#client, this.#options.target.schema)
    } catch (error) {
      if ((error as GlassboxError).code !== 'postgres_unreachable') throw error
      this.#setAway((error as Error).message)
      this.#reconnect.failed()
    }
    this.#timers.push(setInterval(() => void this.#inTurn(() => this.#heartbeat()), HEARTBEAT_MS))
    this.#timers.push(setInterval(() => this.#flushMetrics(), METRICS_MS))
    this.#listener.start()
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
        await this.#compareClocks(client)
        await ensureSchema(client, target, this.#clock.nowUs() - this.#aheadUs, durable)
        await this.#noticeEmptied(client)
        if (this.#pinned) await savePinned(client, target.schema, this.#options.hostId, this.#pinned)
      })
      await this.#answered(client, () => this.metrics.recover(client), RECOVER_MS)
    } catch (error) {
      await client.end().catch(() => undefined)
      throw postgresError(error, target)
    }
    client.on('end', () => {
      if (this.#client === client) this.#lost(new Error('the connection was closed'))
    })
    this.#client = client
    this.#known.forget()
    this.#parts.clear()
    this.#reconnect.succeeded()
    this.#setAway(null)
  }

  async #noticeEmptied(client: pg.Client): Promise<void> {
    const lost = await noticeEmptied(client, this.#options.target.schema)
    if (!lost) return
    const { spans, logs } = lost
    this.#notify(
      'problem',
      `the server crashed and emptied the tables: ${spans} spans and ${logs} log records are gone`,
    )
  }

  #setAway(reason: string | null): void {
    if (reason === null && this.#away) this.#notify('back', null)
    this.#away = reason === null ? null : { since: this.#away?.since ?? this.#clock.nowUs(), reason }
    if (this.#away) this.#notify('away', { ...this.#away, connected: this.#client !== null })
  }

  /** Closes the connection under a statement that has no answer in time, which makes the statement fail. */
  async #answered<T>(client: pg.Client, work: () => Promise<T>, limitMs = ANSWER_MS): Promise<T> {
    const timer = setTimeout(() => void destroy(client), limitMs)
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
    this.#reconnect.failed()
  }

  /** The server takes nothing now, or was away: connects unless it is connected, then stores what waits. */
  async #retry(): Promise<void> {
    if (this.#stopped) return
    if (!this.#client) {
      try {
        await this.#connect()
      } catch (error) {
        this.#setAway((error as Error).message)
        this.#reconnect.failed()
        return
      }
    }
    await this.#drain()
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
        await this.#transact(this.#client, [pending], false)
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
      this.#transact(client, [pending], false, (seq) => noteMove(client, schema, place, seq)),
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

  /** Moves all samples into chunks; the place after them. */
  async metricMark(): Promise<string> {
    await this.saveMetrics()
    await this.#caretaker.checkpoint()
    return this.#connected((client) => this.metrics.mark(client))
  }

  writeMovedMetrics(samples: MovedSamples[], step: MetricStep): Promise<void> {
    return this.#connected((client) => this.#answered(client, () => this.metrics.writeMoved(client, samples, step)))
  }

  writeMetricExtras(extras: MetricExtras): Promise<void> {
    return this.#connected((client) => this.metrics.writeExtras(client, extras))
  }

  endMetricMove(move: string, undo: boolean): Promise<void> {
    return this.#connected((client) => this.metrics.endMove(client, move, undo))
  }

  usage(): Promise<EngineUsage> {
    return this.#connected(async (client) =>
      withHeadTimes(await storageUsage(client, this.#options.target.schema), this.metrics.memory.headRange()),
    )
  }

  /** Removes this host's rows; those of other hosts stay, and metrics while there are such hosts. */
  clear(): Promise<{ spans: number; logs: number }> {
    return this.#connected(async (client) => {
      const { alone, ...removed } = await removeHost(client, this.#options.target.schema, this.#options.hostId)
      if (alone) this.metrics.forgetAll()
      return removed
    })
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
    writes: PendingWrite[],
    retried: boolean,
    alongside?: (seq: number) => Promise<void>,
  ): Promise<void> {
    const { target, hostId } = this.#options
    const partOf = (receivedUs: number): number => this.#parts.get(this.#dayOf(receivedUs)) as number
    const context = { schema: target.schema, host: hostId, known: this.#known, retried, partOf }
    const attempt = async (): Promise<number> => {
      for (const { receivedUs } of writes.flatMap(({ spans, logs }) => [...spans, ...logs]))
        await this.#ensureDay(client, this.#dayOf(receivedUs))
      return writeTransaction(client, context, writes, alongside)
    }
    this.#seq = await this.#answered(client, async () => {
      try {
        return await attempt()
      } catch (error) {
        const { code } = error as { code?: string }
        // The connection that the write was sent on before was not quite dead, and has committed it by now.
        if (code === '23505' && retried) return attempt()
        // The day's partition was removed meanwhile, or the tables are new ones.
        if (code !== '23514') throw error
        this.#parts.clear()
        return attempt()
      }
    })
  }

  /** Day of receipt by the database's clock, where this machine's is set quite otherwise. */
  #dayOf(receivedUs: number): number {
    return dayOf(receivedUs - this.#aheadUs)
  }

  async #compareClocks(client: pg.Client): Promise<void> {
    const { rows } = await client.query('SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::int8 AS now')
    const aheadUs = this.#clock.nowUs() - (rows[0] as { now: number }).now
    this.#aheadUs = Math.abs(aheadUs) > CLOCK_US ? aheadUs : 0
  }

  async #ensureDay(client: pg.Client, day: number): Promise<void> {
    if (this.#parts.has(day)) return
    const { target, durable } = this.#options
    this.#parts = await openParts(client, target.schema)
    if (this.#parts.has(day)) return
    this.#parts.set(day, await nextPart(client, target.schema, day, durable))
  }

  #scheduleDrain(error: Error): void {
    this.#setAway(postgresError(error, this.#options.target).message)
    this.#reconnect.failed()
  }

  /**
   * Stores what waits on disk, oldest first: many writes a transaction, as the ways to the server and back are what costs,
   * and one transaction a turn, so that new ones get in behind. Each write keeps its id and gets a number of its own.
   */
  async #drain(): Promise<void> {
    const client = this.#client
    if (!client || this.#stopped || this.#queue.length === 0) return
    const run = this.#queue.run()
    try {
      if (run.length > 0) await this.#transact(client, run, true)
      else this.#leaveOut('is damaged')
      this.#queue.stored(run.length)
    } catch (error) {
      if (isAway(error)) return this.#lost(error as Error)
      if (isServerTrouble(error)) return this.#scheduleDrain(error as Error)
      if (run.length > 1) this.#queue.oneByOne(run.length)
      else this.#leaveOut(`was refused: ${(error as Error).message}`)
    }
    if (this.#queue.length === 0) {
      this.#reconnect.succeeded()
      this.#setAway(null)
    } else void this.#inTurn(() => this.#drain())
  }

  #leaveOut(why: string): void {
    const { spans, logs } = this.#queue.leaveOut()
    this.#refusedLater({ spans, logs })
    this.#notify('problem', `a queued write of ${spans} spans and ${logs} log records is left out: it ${why}`)
  }

  async #heartbeat(): Promise<void> {
    const client = this.#client
    if (!client || this.#stopped) return
    const { target } = this.#options
    try {
      await this.#answered(client, async () => {
        await this.#noticeEmptied(client)
        await this.#compareClocks(client)
        const leads = (await this.#lease.renew(client)) !== null
        this.#parts = await openParts(client, target.schema)
        if (
          leads &&
          (await closeFullParts(client, target.schema, this.#clock.nowUs() - this.#aheadUs, this.#options.durable))
        )
          this.#parts = await openParts(client, target.schema)
        if (leads) this.#caretaker.index()
        if (this.#clock.monotonicMs() < this.#upkeepMs) return
        this.#upkeepMs = this.#clock.monotonicMs() + UPKEEP_MS
        const today = this.#dayOf(this.#clock.nowUs())
        for (let day = today; day <= today + DAYS_AHEAD; day++) await this.#ensureDay(client, day)
      })
    } catch (error) {
      if (isAway(error)) this.#lost(error as Error)
      else this.#notify('problem', `upkeep failed: ${(error as Error).message}`)
    }
  }

  #flushMetrics(): void {
    if (this.metrics.checkpointDue && this.#client) void this.#caretaker.checkpoint()
    if (this.#metricsWait || !this.metrics.dirty) return
    this.#metricsWait = true
    void this.saveMetrics().finally(() => {
      this.#metricsWait = false
    })
  }

  /** Stores samples that came; while the server is away they go to the queue on disk. */
  saveMetrics(): Promise<void> {
    return this.#inTurn(async () => {
      const client = this.#client
      if (!client) {
        this.metrics.keep()
        return
      }
      const refused = (samples: number, error: Error): void =>
        this.#notify('problem', `${samples} metric samples are lost: ${error.message}`)
      try {
        await this.#answered(client, () => this.metrics.flush(client, refused))
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        else this.#notify('problem', `metrics wait on disk: ${(error as Error).message}`)
      }
    })
  }

  /** Before a question about metrics: learns what other hosts have stored, unless that takes long. */
  async followMetrics(): Promise<void> {
    const following = this.#inTurn(async () => {
      const client = this.#client
      if (!client) return
      try {
        await this.#answered(client, () => this.metrics.follow(client))
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        else throw error
      }
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FOLLOW_MS)
    })
    await Promise.race([following, late]).finally(() => clearTimeout(timer))
  }

  /** Moves all samples into chunks and, where this host holds the lease, merges and downsamples days that are over. */
  async compact(): Promise<void> {
    await this.saveMetrics()
    await this.#caretaker.checkpoint()
    if ((await this.#fence()) !== null) await this.#caretaker.tidyMetrics()
  }

  /** Undefined while the server is away. */
  #fence(): Promise<number | null | undefined> {
    return this.#inTurn(async () => (this.#client ? this.#lease.renew(this.#client) : undefined))
  }

  /** See TelemetryStore.setPinned. */
  setPinned(traceIds: readonly string[]): void {
    this.#pinned = traceIds
    void this.#inTurn(async () => {
      const client = this.#client
      // A new connection saves them first of all.
      if (!client) return
      const { target, hostId } = this.#options
      try {
        await this.#answered(client, () => savePinned(client, target.schema, hostId, traceIds))
      } catch (error) {
        if (isAway(error)) this.#lost(error as Error)
        else this.#notify('problem', `pinned traces were not noted: ${(error as Error).message}`)
      }
    })
  }

  async retention(policy: RetentionPolicy): Promise<RetentionResult> {
    const nothing = { spans: 0, logs: 0, bytesFreed: 0 }
    const fence = await this.#fence()
    if (fence === undefined) return { ...nothing, paused: `Postgres is away: ${this.#away?.reason ?? ''}` }
    if (fence === null) return { ...nothing, paused: null }
    return this.#caretaker.retention(policy)
  }

  stats(): Promise<StorageStats> {
    if (!this.#client) return Promise.resolve(this.#withState(this.#last ?? unknownStats()))
    return this.#inTurn(async () => {
      const client = this.#client
      if (client) {
        try {
          this.#last = await this.#answered(client, () => readStats(client, this.#options.target.schema))
        } catch (error) {
          if (isAway(error)) this.#lost(error as Error)
        }
      }
      return this.#withState(this.#last ?? unknownStats())
    })
  }

  #withState(stats: StorageStats): StorageStats {
    const { rows, bytes } = this.#queue
    const storedPerSecond = this.#client ? this.#queue.storedPerSecond : null
    return {
      ...stats,
      mode: this.#away ? 'away' : 'normal',
      modeSince: this.#away?.since ?? null,
      modeReason: this.#away?.reason ?? null,
      waiting: { ...rows, bytes, limitBytes: this.#options.queueBytes, storedPerSecond },
    }
  }

  /** Ends after what was being written; the rest stays on disk. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#reconnect.stop()
    await this.#listener.stop()
    await this.saveMetrics()
    await this.#turn
    await this.#caretaker.stop()
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
