import { type MessagePort, Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient, serveRpc } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import type { Settings } from '../config/settings.ts'
import { batchBuffers, type TelemetryBatch } from '../model/columns.ts'
import type { IngestOutcome, IngestRequest, Pipeline } from './ingest.ts'
import type { IntakeState } from './intake.ts'
import type { CrashLoss } from './journal.ts'
import { emptyLedger, type Ledger } from './ledger.ts'
import type { PipelineWorkerData } from './pipeline.worker.ts'

/** Bodies lie in buffers elsewhere: without a limit, what decoding leaves behind grew to 100 MB. */
const YOUNG_MB = 32

/** The pipeline as the host holds it. */
export interface RunningPipeline extends Pipeline {
  updateSettings(settings: Settings): void
  /** No write begins until `releaseWrites`; resolves when none is under way. What arrives waits, with more room. */
  holdWrites(): Promise<void>
  releaseWrites(): void
  state(): IntakeState
}

/** What the pipeline says to the log. */
export interface PipelineLog {
  warn(message: string): void
  error(message: string): void
}

export interface PipelineOptions {
  settings: Settings
  /**
   * A fresh port to the storage engine's writer; called again when the thread has to be started anew. Calls `renew` with
   * another port each time the writer behind the port was started anew.
   */
  openWriterPort(renew: (port: MessagePort) => void): MessagePort
  clock: Clock
  log: PipelineLog
  /** The run journal; see RunJournal. */
  journalFile: string
}

interface Snapshot {
  ledger: Ledger
  state: IntakeState
}

const restartsAllowed = 3

/** Starts the pipeline's thread. Resolves when it takes requests. A thread that dies is started again, up to 3 times. */
export async function startPipeline(options: PipelineOptions): Promise<RunningPipeline> {
  let settings = options.settings
  let snapshot: Snapshot = {
    ledger: emptyLedger(),
    state: { breaker: 'closed', sampleRate: 1, spansPerSecond: 0, logsPerSecond: 0 },
  }
  let stopping = false
  let restarts = 0
  let held = false
  let worker: Worker | null = null
  const first = await launch(null)
  worker = first.worker
  let rpc = first.rpc

  function launch(ledger: Ledger | null): Promise<{ worker: Worker; rpc: RpcClient }> {
    return new Promise((resolve, reject) => {
      const writerPort = options.openWriterPort((port) => client.notify('writerPort', port, [port]))
      const workerData: PipelineWorkerData = { settings, writerPort, held, journalFile: options.journalFile, ledger }
      const started = new Worker(workerFile(import.meta.url, './pipeline.worker.ts'), {
        name: 'pipeline',
        workerData,
        transferList: [writerPort],
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      })
      const client = new RpcClient(started)
      serveRpc(started, {
        warn: (message: string) => options.log.warn(message),
        state: (changed: Snapshot) => {
          snapshot = changed
        },
        started: ({ loss, ...initial }: Snapshot & { loss: CrashLoss | null }) => {
          snapshot = initial
          if (loss) options.log.warn(lossSentence(loss))
          resolve({ worker: started, rpc: client })
        },
      })
      let failure: Error | null = null
      started.on('error', (error) => {
        failure = error
      })
      started.on('exit', () => {
        client.close(new GlassboxError('overloaded', 'the pipeline stopped before it answered'))
        reject(failure ?? new Error('the pipeline stopped while starting'))
        if (!stopping && started === worker) void restart(failure)
      })
    })
  }

  async function restart(failure: Error | null): Promise<void> {
    options.log.error(`the pipeline's thread died${failure ? `: ${failure.stack ?? failure.message}` : ''}`)
    const { ledger } = snapshot
    for (const signal of [ledger.traces, ledger.logs, ledger.metrics]) {
      if (signal.waiting > 0) signal.dropped.pipeline_crash = (signal.dropped.pipeline_crash ?? 0) + signal.waiting
      signal.waiting = 0
    }
    if (++restarts > restartsAllowed) {
      options.log.error('the pipeline died too often and stays off; restart Glassbox')
      return
    }
    try {
      const next = await launch(ledger)
      worker = next.worker
      rpc = next.rpc
    } catch (error) {
      await restart(error as Error)
    }
  }

  async function ingest(method: string, argument: unknown, transfer: ArrayBuffer[]): Promise<IngestOutcome> {
    const { outcome, ...changed } = await rpc.call<Snapshot & { outcome: IngestOutcome }>(method, argument, transfer)
    snapshot = changed
    return outcome
  }

  return {
    ingest: (request: IngestRequest) => {
      const bytes = ownBytes(request.bytes)
      return ingest('ingest', { ...request, bytes }, [bytes.buffer as ArrayBuffer])
    },
    ingestBatch: (batch: TelemetryBatch) => ingest('ingestBatch', batch, batchBuffers(batch)),
    ingestSamples: ({ decoded, transfer }) => ingest('ingestSamples', decoded, transfer),
    ledger: () => snapshot.ledger,
    state: () => snapshot.state,
    sampleRate: () => snapshot.state.sampleRate,
    updateSettings: (changed) => {
      settings = changed
      rpc.notify('updateSettings', changed)
    },
    holdWrites: async () => {
      held = true
      await rpc.call('holdWrites', null)
    },
    releaseWrites: () => {
      held = false
      rpc.notify('releaseWrites', null)
    },
    drain: async () => {
      snapshot = await rpc.call<Snapshot>('drain', null)
    },
    stop: async () => {
      stopping = true
      await rpc.call<Snapshot>('stop', null).then(
        (last) => {
          snapshot = last
          const left = (last.ledger.traces.dropped.shutdown ?? 0) + (last.ledger.logs.dropped.shutdown ?? 0)
          if (left > 0)
            options.log.warn(
              `${left} spans and log records were dropped at the stop: storage did not take them in time`,
            )
        },
        (error: Error) => options.log.warn(`the pipeline stopped uncleanly: ${error.message}`),
      )
      await worker?.terminate()
    },
  }
}

/** Bytes in a buffer of their own: a slice of Node's shared pool must not be handed over. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength
  return whole && bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes)
}

function lossSentence({ traces, logs, metrics, atUs }: CrashLoss): string {
  const at = new Date(atUs / 1000).toISOString()
  const lost = [`${traces} spans`, `${logs} log records`, ...(metrics > 0 ? [`${metrics} metric points`] : [])]
  const last = lost.pop()
  return `${lost.join(', ')} and ${last} lost in the crash at ${at}: they were accepted but not yet stored`
}
