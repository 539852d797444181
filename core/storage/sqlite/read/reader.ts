import { type Transferable, Worker } from 'node:worker_threads'
import { RpcClient, serveRpc } from '../../../base/rpc.ts'
import { workerFile } from '../../../base/worker-file.ts'
import { SCAN_STEP_MS } from '../../scan.ts'
import type { QueryContext, TelemetryReader } from '../../store.ts'
import type { BlockName } from '../blocks/damaged-block.ts'
import type { AskReader } from '../metrics/metric-store.ts'
import { STOP, stopError } from './query-guard.ts'

/** How long a thread may run on after its deadline before it is replaced: SQLite cannot be interrupted from outside. */
const OVERRUN_MS = 2000
const CHANGES_TIMEOUT_MS = 5000
/** What a search makes is mostly large arrays, which lie elsewhere: without a limit the rest grew to 80 MB a thread. */
const YOUNG_MB = 24

/** What reading threads have to tell, as they cannot write. */
export interface ReaderEvents {
  /** A damaged block was found. */
  damaged(block: BlockName): void
  /** What is to be kept of spread traces, so that the next start need not look for them; see SpreadTraces. */
  keepSpread(packed: Uint8Array): void
}

/** One reading thread, started at its first query and again after it was replaced. */
class ReaderThread {
  #dataDir: string
  #events: ReaderEvents
  #worker: Worker | null = null
  #rpc: RpcClient | null = null

  constructor(dataDir: string, events: ReaderEvents) {
    this.#dataDir = dataDir
    this.#events = events
  }

  get pending(): number {
    return this.#rpc?.pending ?? 0
  }

  ask<T>(
    method: string,
    argument: unknown,
    timeoutMs: number,
    signal?: AbortSignal,
    transfer: readonly Transferable[] = [],
  ): Promise<T> {
    const flag = new SharedArrayBuffer(4)
    const sign = new Int32Array(flag)
    if (signal?.aborted) return Promise.reject(stopError(STOP.cancelled))
    const rpc = this.#start()
    return new Promise<T>((resolve, reject) => {
      const raise = (why: number): void => {
        Atomics.compareExchange(sign, 0, 0, why)
      }
      const cancel = (): void => {
        raise(STOP.cancelled)
        reject(stopError(STOP.cancelled))
      }
      const deadline = setTimeout(() => raise(STOP.late), timeoutMs)
      const overrun = setTimeout(() => {
        reject(stopError(STOP.late))
        this.#replace(rpc)
      }, timeoutMs + OVERRUN_MS)
      signal?.addEventListener('abort', cancel, { once: true })
      rpc
        .call<T>(method, { argument, flag }, transfer)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(deadline)
          clearTimeout(overrun)
          signal?.removeEventListener('abort', cancel)
        })
    })
  }

  #start(): RpcClient {
    if (this.#rpc) return this.#rpc
    const worker = new Worker(workerFile(import.meta.url, './reader.worker.ts'), {
      workerData: { dataDir: this.#dataDir },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const rpc = new RpcClient(worker)
    serveRpc(worker, { damaged: this.#events.damaged, keepSpread: this.#events.keepSpread })
    worker.on('error', (error) => {
      rpc.close(error)
      if (this.#rpc === rpc) this.#rpc = null
    })
    this.#worker = worker
    this.#rpc = rpc
    return rpc
  }

  #replace(rpc: RpcClient): void {
    if (this.#rpc !== rpc) return
    this.#rpc = null
    rpc.close(stopError(STOP.late))
    void this.#worker?.terminate()
    this.#worker = null
  }

  async stop(): Promise<void> {
    this.#rpc?.close(stopError(STOP.cancelled))
    this.#rpc = null
    await this.#worker?.terminate()
    this.#worker = null
  }
}

/**
 * The read side. Short questions and searches run on threads apart, so that a long search never holds up a trace that
 * is opened; SQL has a third, as it may have to be replaced, metrics a fourth, scans of everything a fifth and
 * comparisons, which look at all columns, a sixth.
 */
export async function startReader(
  dataDir: string,
  queryTimeoutMs: number,
  events: ReaderEvents = { damaged: () => undefined, keepSpread: () => undefined },
): Promise<TelemetryReader & { askMetrics: AskReader; stop(): Promise<void> }> {
  const quick = new ReaderThread(dataDir, events)
  const search = new ReaderThread(dataDir, events)
  const sql = new ReaderThread(dataDir, events)
  const metrics = new ReaderThread(dataDir, events)
  const scans = new ReaderThread(dataDir, events)
  const comparing = new ReaderThread(dataDir, events)
  const ask = <T>(thread: ReaderThread, method: string, argument: unknown, context?: QueryContext): Promise<T> =>
    thread.ask<T>(method, argument, context?.timeoutMs ?? queryTimeoutMs, context?.signal)
  return {
    searchTraces: (query, context) => ask(search, 'searchTraces', query, context),
    trace: (traceId, context) => ask(quick, 'trace', traceId, context),
    tracePart: (traceId, part, context) => ask(quick, 'tracePart', { traceId, part }, context),
    traceHistogram: (query, buckets, context) => ask(search, 'traceHistogram', { query, buckets }, context),
    compareSelection: (query, selection, context) => ask(comparing, 'compareSelection', { query, selection }, context),
    searchLogs: (query, context) => ask(search, 'searchLogs', query, context),
    logHistogram: (query, buckets, context) => ask(search, 'logHistogram', { query, buckets }, context),
    services: (range, context) => ask(quick, 'services', range, context),
    serviceGraph: (range, context) => ask(search, 'serviceGraph', range, context),
    nodeTrend: (argument, context) => ask(search, 'nodeTrend', argument, context),
    serviceRuns: (argument, context) => ask(comparing, 'serviceRuns', argument, context),
    serviceRunDifference: (argument, context) => ask(comparing, 'serviceRunDifference', argument, context),
    tagKeys: (signal, context) => ask(quick, 'tagKeys', signal, context),
    tagValues: (signal, key, prefix, limit, context) =>
      ask(quick, 'tagValues', { signal, key, prefix, limit }, context),
    operations: (service, context) => ask(quick, 'operations', service, context),
    sql: (query, limit, context) => ask(sql, 'sql', { query, limit }, context),
    // The first question may have to wait until the thread has started.
    scanMark: () => scans.ask('scanMark', null, SCAN_STEP_MS),
    scan: (request, context) => ask(scans, 'scan', request, context),
    contentSums: (request, context) => ask(scans, 'contentSums', request, context),
    changes: (seq, limit) => quick.ask('changes', { seq, limit }, CHANGES_TIMEOUT_MS),
    explore: {
      traceFacets: (query, values, context) => ask(search, 'traceFacets', { query, values }, context),
      traceHeatmap: (query, buckets, rows, context) => ask(search, 'traceHeatmap', { query, buckets, rows }, context),
      traceGroups: (query, by, context) => ask(search, 'traceGroups', { query, by }, context),
      logFacets: (query, values, context) => ask(search, 'logFacets', { query, values }, context),
      logPatterns: (query, context) => ask(search, 'logPatterns', query, context),
    },
    askMetrics: (method, argument, context, transfer) =>
      metrics.ask(method, argument, context?.timeoutMs ?? queryTimeoutMs, context?.signal, transfer),
    async stop() {
      await Promise.all([quick.stop(), search.stop(), sql.stop(), metrics.stop(), scans.stop(), comparing.stop()])
    },
  }
}
