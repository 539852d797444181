import type { Clock } from '../base/clock.ts'
import type { Settings } from '../config/settings.ts'
import type { Decoded, LogBatch, Rejection, SpanBatch, TelemetryBatch } from '../model/columns.ts'
import { selectRows } from '../model/select-rows.ts'
import type { RefusedRows } from '../storage/store.ts'
import { BatchWriter } from './batch-writer.ts'
import type { Write } from './bisect-write.ts'
import { CircuitBreaker } from './breaker.ts'
import { emptyOutcome, type IngestOutcome } from './ingest.ts'
import type { RunJournal } from './journal.ts'
import { emptyLedger, type Ledger } from './ledger.ts'
import { BoundedRowQueue } from './queue.ts'
import { RateMeter } from './rate-meter.ts'
import { type Redactor, redactBatch } from './redaction.ts'
import { AdaptiveRate, sampleRows } from './sampling.ts'

/** What the pipeline tells about itself, beside the ledger. */
export interface IntakeState {
  breaker: 'closed' | 'open' | 'half-open'
  sampleRate: number
  spansPerSecond: number
  logsPerSecond: number
}

type Signal = 'traces' | 'logs'

const PACE_MS = 250

/**
 * From decoded rows to written ones: redact, sample, queue, write; the ledger is exact after every step.
 * Runs in the pipeline's thread; single-threaded and without I/O of its own besides `write` and the journal.
 */
export class Intake {
  readonly ledger: Ledger
  settings: Settings
  #clock: Clock
  #journal: RunJournal
  #onChange: () => void
  #onSpans: ((batch: SpanBatch, kept: Uint8Array | null) => void) | undefined
  #redactor: Redactor
  #spans = new BoundedRowQueue<SpanBatch>()
  #logs = new BoundedRowQueue<LogBatch>()
  #breaker: CircuitBreaker
  #writer: BatchWriter
  #rate = new AdaptiveRate()
  #meters = { traces: new RateMeter(), logs: new RateMeter() }
  #tickedMs: number
  #roomWaiters: (() => void)[] = []
  #unloggedPoints = 0

  constructor(options: {
    settings: Settings
    clock: Clock
    write: Write
    journal: RunJournal
    redactor: Redactor
    ledger?: Ledger
    onChange: () => void
    onWriteFailure: (error: Error) => void
    /** Sees every span with whether it is kept, before sampling takes any out. */
    onSpans?: (batch: SpanBatch, kept: Uint8Array | null) => void
  }) {
    this.settings = options.settings
    this.ledger = options.ledger ?? emptyLedger()
    this.#clock = options.clock
    this.#journal = options.journal
    this.#redactor = options.redactor
    this.#onChange = options.onChange
    this.#onSpans = options.onSpans
    this.#tickedMs = options.clock.monotonicMs()
    this.#breaker = new CircuitBreaker(options.clock)
    this.#writer = new BatchWriter({
      write: options.write,
      breaker: this.#breaker,
      flushMs: () => this.settings.pipeline.flushMs,
      onFailure: (error) => {
        options.onWriteFailure(error)
        this.#onChange()
      },
      source: {
        rows: () => this.#spans.rows + this.#logs.rows,
        shift: (most) => ({ spans: this.#spans.shift(most), logs: this.#logs.shift(most) }),
        written: (result, unstorable) => {
          const { traces, logs } = this.ledger
          traces.stored += result.storedSpans
          logs.stored += result.storedLogs
          // Merging can only find what a restart made the writer forget, so it may be more than this run stored.
          const mergedAway = Math.min(result.mergedAway ?? 0, traces.stored)
          traces.stored -= mergedAway
          count(traces.dropped, 'duplicate', result.duplicateSpans + mergedAway)
          count(traces.rejected, 'unstorable', unstorable.spans)
          count(logs.rejected, 'unstorable', unstorable.logs)
          traces.waiting -= result.storedSpans + result.duplicateSpans + unstorable.spans
          logs.waiting -= result.storedLogs + unstorable.logs
          this.#changed()
          this.#wakeRoomWaiters()
        },
      },
    })
  }

  get state(): IntakeState {
    return {
      breaker: this.#breaker.state,
      sampleRate: this.#rate.rate,
      spansPerSecond: this.#meters.traces.perSecond,
      logsPerSecond: this.#meters.logs.perSecond,
    }
  }

  /** Rows that waited on disk, and count as stored, were refused; some may be of an earlier run. */
  refusedLater({ spans, logs: records }: RefusedRows): void {
    const { traces, logs } = this.ledger
    for (const [ledger, rows] of [
      [traces, Math.min(spans, traces.stored)],
      [logs, Math.min(records, logs.stored)],
    ] as const) {
      ledger.stored -= rows
      count(ledger.rejected, 'unstorable', rows)
    }
    this.#changed()
  }

  /** The ledger of metrics moved; of what was stored, `unlogged` samples would still go with a crash. */
  metricsChanged(unlogged: number): void {
    this.#unloggedPoints = unlogged
    this.#changed()
  }

  setRedactor(redactor: Redactor): void {
    this.#redactor = redactor
  }

  /** Takes one decoded request; what finds no room is dropped and counted, or all of it refused (`pipeline.overflow`). */
  take(decoded: Decoded<TelemetryBatch>): IngestOutcome {
    return this.#take(decoded, false)
  }

  #take(decoded: Decoded<TelemetryBatch>, certain: boolean): IngestOutcome {
    const { rejected } = decoded
    const refusedRows = rejected.reduce((total, rejection) => total + rejection.count, 0)
    const { signal } = decoded.batch
    const { queueLimit, overflow } = this.settings.pipeline
    const noLimit = certain || !this.#writer.busy
    if (overflow === 'refuse' && !noLimit && !this.#queue(signal).hasRoom(decoded.batch.n, queueLimit)) {
      return { ...emptyOutcome(), refused: true, message: 'the queue is full, send it again later' }
    }
    const ledger = this.ledger[signal]
    const received = decoded.batch.n + refusedRows
    const services = servicesOf(decoded.batch)
    const aheadUs = aheadOf(decoded.batch)
    ledger.received += received
    this.#meters[signal].add(received)
    for (const rejection of rejected) count(ledger.rejected, rejection.reason, rejection.count)
    if (this.settings.pipeline.paused && !certain) {
      count(ledger.dropped, 'paused', decoded.batch.n)
      this.#changed()
      const message = 'Glassbox is paused: nothing is recorded until someone resumes it'
      return { ...emptyOutcome(), received, rejected: refusedRows, dropped: decoded.batch.n, message, services }
    }

    const sampled = this.#prepare(decoded.batch)
    const sampledOut = decoded.batch.n - sampled.n
    ledger.sampledOut += sampledOut
    const queue = this.#queue(signal)
    const offer = noLimit ? queue.take(sampled) : queue.offer(sampled, queueLimit)
    count(ledger.dropped, 'queue_full', offer.droppedNormal + offer.evicted)
    count(ledger.dropped, 'queue_full_error', offer.droppedErrors)
    ledger.waiting += offer.accepted - offer.evicted
    this.#changed()
    this.#writer.wake()
    const dropped = offer.droppedNormal + offer.droppedErrors
    return {
      received,
      accepted: offer.accepted,
      rejected: refusedRows,
      dropped,
      sampledOut,
      message: partialMessage(rejected, dropped, signal, decoded.warnings),
      services,
      aheadUs,
      refused: false,
    }
  }

  /**
   * Resolves at once while there is room for more like it, else at the next write or after a quarter second: an answer
   * held that long slows a sender down before its spans have to be dropped.
   */
  async paced(signal: Signal): Promise<void> {
    if (this.#queue(signal).rows <= this.settings.pipeline.queueLimit / 4) return
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      new Promise<void>((resolve) => this.#roomWaiters.push(resolve)),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PACE_MS)
      }),
    ])
    clearTimeout(timer)
  }

  /** Like `take`, but waits for room instead of dropping: for files, which can wait. */
  async takeWhenRoom(decoded: Decoded<TelemetryBatch>): Promise<IngestOutcome> {
    const queue = this.#queue(decoded.batch.signal)
    // An empty queue takes a batch of any size, or one above the limit would wait for ever.
    while (queue.rows > 0 && !queue.hasRoom(decoded.batch.n, this.settings.pipeline.queueLimit)) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve))
    }
    return this.#take(decoded, true)
  }

  /** Ends a window of the rates; to be called about once a second. Answers whether anything moves. */
  tick(): boolean {
    const now = this.#clock.monotonicMs()
    const elapsed = now - this.#tickedMs
    this.#tickedMs = now
    const before = this.state
    const spans = this.#meters.traces.tick(elapsed)
    const logs = this.#meters.logs.tick(elapsed)
    const { targetSpansPerSecond, enabled } = this.settings.sampling
    this.#rate.observe(spans, targetSpansPerSecond, enabled)
    const moves = spans + logs + before.spansPerSecond + before.logsPerSecond > 0 || this.#rate.rate > 1
    if (moves) this.#onChange()
    return moves
  }

  drain(): Promise<void> {
    return this.#writer.drain()
  }

  /** Stops writing. What still waits is counted as dropped, `shutdown`. */
  stop(): void {
    this.#writer.stop()
    for (const signal of ['traces', 'logs'] as const) {
      count(this.ledger[signal].dropped, 'shutdown', this.ledger[signal].waiting)
      this.ledger[signal].waiting = 0
    }
    this.#onChange()
    this.#journal.remove()
  }

  #prepare(batch: TelemetryBatch): TelemetryBatch {
    const redacted = redactBatch(batch, this.#redactor)
    if (redacted.signal !== 'traces') return redacted
    const keep = sampleRows(redacted, this.#rate.rate, this.settings.sampling.slowMs * 1000)
    this.#onSpans?.(redacted, keep)
    return keep ? selectRows(redacted, keep) : redacted
  }

  #queue(signal: Signal): BoundedRowQueue<TelemetryBatch> {
    return (signal === 'traces' ? this.#spans : this.#logs) as unknown as BoundedRowQueue<TelemetryBatch>
  }

  #changed(): void {
    const { traces, logs, metrics } = this.ledger
    const unfinished = {
      traces: traces.waiting,
      logs: logs.waiting,
      metrics: metrics.waiting + this.#unloggedPoints,
    }
    this.#journal.write(unfinished, this.#clock.nowUs())
    this.#onChange()
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    // A turn later, when the writer has decided whether it goes on.
    if (waiters.length === 0) return
    setImmediate(() => {
      for (const resolve of waiters) resolve()
    })
  }
}

function count(reasons: Record<string, number>, reason: string, rows: number): void {
  if (rows > 0) reasons[reason] = (reasons[reason] ?? 0) + rows
}

function servicesOf(batch: TelemetryBatch): string[] {
  return [...new Set(batch.resources.map((resource) => resource.service))]
}

function aheadOf(batch: TelemetryBatch): number {
  let latest = batch.receivedUs
  if (batch.signal === 'traces') {
    const { startUs, durUs } = batch
    for (let row = 0; row < batch.n; row++) latest = Math.max(latest, startUs[row] + durUs[row])
  } else for (const time of batch.timeUs) latest = Math.max(latest, time)
  return latest - batch.receivedUs
}

function partialMessage(rejected: Rejection[], dropped: number, signal: Signal, warnings: string[]): string {
  const parts = rejected.map(({ reason, count, example }) => `${count} rejected: ${reason} (${example})`)
  if (dropped > 0) parts.push(`${dropped} ${signal === 'traces' ? 'spans' : 'log records'} dropped: the queue is full`)
  return [...parts, ...warnings].join('; ')
}
