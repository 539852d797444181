import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient, serveRpc } from '../base/rpc.ts'
import type { Settings } from '../config/settings.ts'
import { DeltaSums } from '../formats/otlp/delta-sums.ts'
import type { TelemetryBatch } from '../model/columns.ts'
import { columnsOf, type PackedDecoded, packDecoded } from '../model/packed-samples.ts'
import type { MetricWriteResult } from '../storage/metric-store.ts'
import type { RefusedRows, WriteResult } from '../storage/store.ts'
import { decodeBody, decodeMetrics } from './decode-body.ts'
import { inflateBody } from './inflate.ts'
import type { IngestOutcome, IngestRequest } from './ingest.ts'
import { Intake } from './intake.ts'
import { RunJournal } from './journal.ts'
import { emptyLedger, type Ledger } from './ledger.ts'
import { MetricIntake } from './metric-intake.ts'
import { createRedactor } from './redaction.ts'
import { SpanMetrics } from './span-metrics.ts'
import { TurnQueue } from './turn-queue.ts'
import { WriteGate } from './write-gate.ts'

/** What the main thread hands over at start. */
export interface PipelineWorkerData {
  settings: Settings
  writerPort: MessagePort
  journalFile: string
  /** Writes are held from the start. */
  held: boolean
  /** The counts so far, when this thread follows one that died. */
  ledger: Ledger | null
}

const main = parentPort as MessagePort
const { settings, writerPort, journalFile, ledger } = workerData as PipelineWorkerData
const warn = (message: string): void => main.postMessage({ kind: 'notice', method: 'warn', argument: message })
let writer = new RpcClient(writerPort)
/** What the storage thread tells of its own accord. */
const told = { refusedLater: (rows: RefusedRows) => intake.refusedLater(rows) }
const journal = new RunJournal(journalFile, warn)
const loss = journal.open(systemClock.nowUs())

const start = ledger ?? emptyLedger()
if (!ledger && loss) {
  start.traces.lost = loss.traces
  start.logs.lost = loss.logs
  start.metrics.lost = loss.metrics
}

let reported = false
function report(): void {
  if (reported) return
  reported = true
  setImmediate(() => {
    reported = false
    main.postMessage({ kind: 'notice', method: 'state', argument: snapshot() })
  })
}
const snapshot = () => ({ ledger: intake.ledger, state: intake.state })

const spanMetrics = new SpanMetrics(Math.floor(systemClock.nowUs() / 1000))
const intake = new Intake({
  onSpans: (batch, kept) => spanMetrics.count(batch, kept),
  settings,
  clock: systemClock,
  write: (batches) => gated(() => writer.call<WriteResult>('write', batches)),
  journal,
  redactor: createRedactor(settings.privacy),
  ledger: start,
  onChange: report,
  onWriteFailure: (error) => warn(`a write failed: ${error.message}`),
})

serveRpc(writerPort, told)

const HELD_QUEUE_LIMIT = 200_000

/** A write that has no answer by then is tried again; the storage engine knows the spans that it stored after all. */
const WRITE_TIMEOUT_MS = 60_000

async function answeredInTime<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const sentence = `storage did not answer a write within ${WRITE_TIMEOUT_MS / 1000} s`
    timer = setTimeout(() => reject(new GlassboxError('storage_unavailable', sentence)), WRITE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

const gate = new WriteGate()
if ((workerData as PipelineWorkerData).held) void gate.hold()

/** A write waits while writes are held; its time to be answered counts from when it may go. */
const gated = <T>(write: () => Promise<T>): Promise<T> => gate.pass(() => answeredInTime(write()))

// One body a turn of the event loop: answers of the writer get in between.
const turns = new TurnQueue()
let ticking: NodeJS.Timeout | null = null
function keepTicking(): void {
  ticking ??= setInterval(() => {
    if (intake.tick() || !ticking) return
    clearInterval(ticking)
    ticking = null
  }, 1000)
}

let lastSettings = settings
let holding = (workerData as PipelineWorkerData).held
/** Writes are held, or what came meanwhile is not written yet. */
let roomy = holding

/** What arrives while writes are held, a second or so, is not dropped for want of room. */
function withRoom(base: Settings): Settings {
  const queueLimit = Math.max(base.pipeline.queueLimit, HELD_QUEUE_LIMIT)
  return { ...base, pipeline: { ...base.pipeline, queueLimit } }
}

const deltas = new DeltaSums()
const metrics = new MetricIntake({
  write: (packed) => gated(() => writer.call<MetricWriteResult>('writeSamples', packed, columnsOf(packed))),
  ledger: () => intake.ledger.metrics,
  onChange: (unlogged) => intake.metricsChanged(unlogged),
  pending: () => answeredInTime(writer.call<number>('metricsPending', null)),
})

/** Span metrics go the way of all others; a report that is refused is made up for by the next. */
function reportSpanMetrics(): void {
  if (!intake.settings.collectors.spanMetrics.enabled) return
  const samples = spanMetrics.report(Math.floor(systemClock.nowUs() / 1000))
  if (!samples) return
  metrics
    .take(packDecoded(samples).decoded)
    .catch((error: Error) => warn(`span metrics were not written: ${error.message}`))
}
let reportingMs = settings.collectors.spanMetrics.intervalMs
let reporting = setInterval(reportSpanMetrics, reportingMs).unref()
function reportEvery(intervalMs: number): void {
  if (intervalMs === reportingMs) return
  clearInterval(reporting)
  reportingMs = intervalMs
  reporting = setInterval(reportSpanMetrics, intervalMs).unref()
}

async function ingestMetrics({ bytes, encoding, format }: IngestRequest): Promise<IngestOutcome> {
  const decoded = await turns.run(() => {
    const inflated = inflateBody(bytes, encoding, intake.settings.receivers.maxInflatedBytes)
    return decodeMetrics(format, inflated, systemClock.nowUs(), deltas)
  })
  return metrics.take(packDecoded(decoded).decoded)
}

serveRpc(main, {
  ingestSamples: async (decoded: PackedDecoded) => ({ outcome: await metrics.take(decoded), ...snapshot() }),
  ingest: async (request: IngestRequest) => {
    const { signal } = request
    if (signal === 'metrics') return { outcome: await ingestMetrics(request), ...snapshot() }
    const outcome = await turns.run(() => {
      keepTicking()
      const { receivers } = intake.settings
      const bytes = inflateBody(request.bytes, request.encoding, receivers.maxInflatedBytes)
      return intake.take(decodeBody(signal, request.format, bytes, systemClock.nowUs()))
    })
    await intake.paced(signal)
    return { outcome, ...snapshot() }
  },
  ingestBatch: async (batch: TelemetryBatch) => {
    keepTicking()
    const outcome = await intake.takeWhenRoom({ batch, rejected: [], warnings: [] })
    return { outcome, ...snapshot() }
  },
  /** The storage thread was started anew. */
  writerPort: (port: MessagePort) => {
    writer.close(new GlassboxError('storage_unavailable', 'the storage thread stopped before it answered'))
    writer = new RpcClient(port)
    serveRpc(port, told)
  },
  holdWrites: async () => {
    holding = true
    roomy = true
    intake.settings = withRoom(intake.settings)
    await gate.hold()
  },
  releaseWrites: () => {
    holding = false
    gate.release()
    // What waited meanwhile may be more than the limit: the room stays until it is written.
    void intake.drain().then(() => {
      if (holding) return
      roomy = false
      intake.settings = lastSettings
    })
  },
  updateSettings: (changed: Settings) => {
    lastSettings = changed
    intake.settings = roomy ? withRoom(changed) : changed
    intake.setRedactor(createRedactor(changed.privacy))
    reportEvery(changed.collectors.spanMetrics.intervalMs)
  },
  drain: async () => {
    await turns.run(() => undefined)
    await intake.drain()
    return snapshot()
  },
  stop: () => {
    clearInterval(reporting)
    if (ticking) clearInterval(ticking)
    metrics.stop()
    intake.stop()
    return snapshot()
  },
})
main.postMessage({ kind: 'notice', method: 'started', argument: { loss: ledger ? null : loss, ...snapshot() } })
