import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import { SCAN_STEP_MS } from '../scan.ts'
import type { AskReader } from '../sqlite/metrics/metric-store.ts'
import { STOP, stopError } from '../sqlite/read/query-guard.ts'
import type { QueryContext, TelemetryReader } from '../store.ts'
import type { PostgresTarget } from './connection.ts'

const CHANGES_TIMEOUT_MS = 10_000
/** How long after its time limit a query that says nothing is given up: the server may hang. */
const OVERRUN_MS = 1000

/** The read side: one thread, several connections. It is started again when it died. */
export function startReader(
  target: PostgresTarget,
  queryTimeoutMs: number,
  /** Why no query is answered now, or null; asked before each. */
  unreachable: () => Error | null = () => null,
): TelemetryReader & { askMetrics: AskReader; stop(): Promise<void> } {
  let worker: Worker | null = null
  let rpc: RpcClient | null = null
  let nextId = 1

  function start(): RpcClient {
    if (rpc) return rpc
    const started = new Worker(workerFile(import.meta.url, './postgres-reader.worker.ts'), {
      name: 'reader',
      workerData: target,
    })
    const client = new RpcClient(started)
    started.on('error', () => undefined)
    started.on('exit', () => {
      client.close(new GlassboxError('storage_unavailable', 'the reading thread stopped before it answered'))
      if (rpc === client) rpc = null
    })
    worker = started
    rpc = client
    return client
  }

  function ask<T>(method: string, argument: unknown, timeoutMs: number, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(stopError(STOP.cancelled))
    const away = unreachable()
    if (away) return Promise.reject(away)
    const client = start()
    const id = nextId++
    return new Promise<T>((resolve, reject) => {
      const stop = (why: number): void => {
        client.notify('cancel', { id, why })
        reject(stopError(why))
      }
      const cancel = (): void => stop(STOP.cancelled)
      const overrun = setTimeout(() => stop(STOP.late), timeoutMs + OVERRUN_MS)
      signal?.addEventListener('abort', cancel, { once: true })
      client
        .call<T>(method, { id, argument, timeoutMs })
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(overrun)
          signal?.removeEventListener('abort', cancel)
        })
    })
  }

  // It learns at once what the first questions need.
  start()
  const query = <T>(method: string, argument: unknown, context?: QueryContext): Promise<T> =>
    ask<T>(method, argument, context?.timeoutMs ?? queryTimeoutMs, context?.signal)
  return {
    searchTraces: (argument, context) => query('searchTraces', argument, context),
    trace: (traceId, context) => query('trace', traceId, context),
    tracePart: (traceId, part, context) => query('tracePart', { traceId, part }, context),
    traceHistogram: (argument, buckets, context) => query('traceHistogram', { query: argument, buckets }, context),
    compareSelection: (argument, selection, context) =>
      query('compareSelection', { query: argument, selection }, context),
    searchLogs: (argument, context) => query('searchLogs', argument, context),
    logHistogram: (argument, buckets, context) => query('logHistogram', { query: argument, buckets }, context),
    services: (range, context) => query('services', range, context),
    serviceGraph: (range, context) => query('serviceGraph', range, context),
    nodeTrend: (argument, context) => query('nodeTrend', argument, context),
    serviceRuns: (argument, context) => query('serviceRuns', argument, context),
    serviceRunDifference: (argument, context) => query('serviceRunDifference', argument, context),
    tagKeys: (signal, context) => query('tagKeys', signal, context),
    tagValues: (signal, key, prefix, limit, context) => query('tagValues', { signal, key, prefix, limit }, context),
    operations: (service, context) => query('operations', service, context),
    sql: (text, limit, context) => query('sql', { query: text, limit }, context),
    scanMark: () => ask('scanMark', null, SCAN_STEP_MS),
    scan: (request, context) => query('scan', request, context),
    contentSums: (request, context) => query('contentSums', request, context),
    changes: (seq, limit) => ask('changes', { seq, limit }, CHANGES_TIMEOUT_MS),
    askMetrics: (method, argument, context) => query(method, argument, context),
    async stop() {
      const client = rpc
      rpc = null
      if (client) await client.call('stop', null).catch(() => undefined)
      await worker?.terminate()
    },
  }
}
