import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { MetricLimits } from '../metric-store.ts'
import type { WriterOptions } from './writer.ts'

/**
 * Nearly all that this thread makes are arrays outside the heap, let go within a batch. Many short collections find them;
 * with a large young generation the arrays' size alone began a whole collection every 60 ms, a fifth of the intake's
 * processor time.
 */
const YOUNG_MB = 3

/** A thread that died so often within the window is not started again. */
const MOST_RESTARTS = 5
const WINDOW_MS = 10 * 60_000
/** The first restart is at once, the next ones wait so long, doubled each time. */
const BACKOFF_MS = 200
/** A call that has no answer by then means that the thread hangs. */
const HANG_MS = 180_000

interface WriterThreadOptions extends WriterOptions {
  /** A sentence for the log. */
  problem(sentence: string): void
  /** The telemetry file is another one than before, or held as one to read only: all other connections are to be closed. */
  replaced(quarantined: string | null): void
}

/** The thread of the one writer. It is started again when it dies; what it was asked then fails as `storage_unavailable`. */
export class WriterThread {
  #options: WriterThreadOptions
  #worker: Worker | null = null
  #rpc: RpcClient
  #renewals: ((port: MessagePort) => void)[] = []
  #restarts: number[] = []
  #stopping = false
  #waiting: NodeJS.Timeout | null = null
  /** Why there is no thread for good, or null. */
  givenUp: string | null = null
  /** How often the thread was started again since the host started. */
  restarts = 0

  constructor(options: WriterThreadOptions) {
    this.#options = options
    this.#rpc = this.#start()
  }

  #start(): RpcClient {
    const { dataDir, reserveBytes, metricLimits, pinned, problem, replaced } = this.#options
    const worker = new Worker(workerFile(import.meta.url, './writer.worker.ts'), {
      name: 'storage',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      workerData: { dataDir, reserveBytes, metricLimits, pinned } satisfies WriterOptions,
    })
    const rpc = new RpcClient(worker)
    serveRpc(worker, { problem, replaced: ({ quarantined }: { quarantined: string | null }) => replaced(quarantined) })
    let failure: Error | null = null
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', () => {
      rpc.close(new GlassboxError('storage_unavailable', 'the storage thread stopped before it answered'))
      if (!this.#stopping && this.#worker === worker) this.#died(failure)
    })
    this.#worker = worker
    return rpc
  }

  #died(failure: Error | null): void {
    const now = performance.now()
    this.#worker = null
    this.#restarts = [...this.#restarts.filter((at) => now - at < WINDOW_MS), now]
    const why = failure ? (failure.stack ?? failure.message) : 'it ended by itself'
    if (this.#restarts.length > MOST_RESTARTS) {
      this.givenUp = `the storage thread died ${this.#restarts.length} times within 10 minutes: ${failure?.message ?? why}`
      this.#options.problem(`${this.givenUp}; it stays off, restart Glassbox`)
      return
    }
    this.#options.problem(`the storage thread died and is started again: ${why}`)
    const delay = this.#restarts.length === 1 ? 0 : BACKOFF_MS * 2 ** (this.#restarts.length - 2)
    this.#waiting = setTimeout(() => {
      this.#waiting = null
      this.restarts++
      this.#rpc = this.#start()
      for (const renew of this.#renewals) renew(this.#connect())
    }, delay)
  }

  #connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#rpc.notify('connect', port1, [port1])
    return port2
  }

  /** Limits on series, for the thread that runs and those after it. */
  setMetricLimits(limits: MetricLimits): void {
    this.#options = { ...this.#options, metricLimits: limits }
    if (this.#worker) this.#rpc.notify('metricLimits', limits)
  }

  /** Traces that retention leaves alone, for the thread that runs and those after it. */
  setPinned(pinned: readonly string[]): void {
    this.#options = { ...this.#options, pinned }
    if (this.#worker) this.#rpc.notify('setPinned', pinned)
  }

  /** See TelemetryStore.writerPort. */
  port(renew?: (port: MessagePort) => void): MessagePort {
    if (renew) this.#renewals.push(renew)
    return this.#connect()
  }

  /** @throws GlassboxError `storage_unavailable` while there is no thread or when it does not answer */
  async call<T>(method: string, argument: unknown, transfer: readonly Transferable[] = []): Promise<T> {
    const worker = this.#worker
    let timer: NodeJS.Timeout | undefined
    const hangs = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new GlassboxError('storage_unavailable', `the storage thread did not answer within ${HANG_MS / 1000} s`))
        void worker?.terminate()
      }, HANG_MS)
      timer.unref()
    })
    try {
      return await Promise.race([this.#rpc.call<T>(method, argument, transfer), hangs])
    } finally {
      clearTimeout(timer)
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#waiting) clearTimeout(this.#waiting)
    const worker = this.#worker
    if (!worker) return
    await this.call('stop', null).finally(() => worker.terminate())
  }
}
