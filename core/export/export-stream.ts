import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import { EXPORT_KINDS } from '../model/export.ts'
import type { LogRecord, Trace } from '../model/records.ts'
import type { LogQuery, QueryContext, TelemetryReader, TraceQuery } from '../storage/store.ts'
import type { ExportOrder } from './export-order.ts'
import { type ExportedMetrics, metricFamilies } from './metric-families.ts'

export interface ExportParts {
  reader: Pick<TelemetryReader, 'searchTraces' | 'trace' | 'searchLogs'>
  metrics: ExportedMetrics
  /** Name and version, for forms that say who wrote them. */
  product: string
}

/** A piece of the file, and what it holds: traces, log records, samples. */
export interface ExportPiece {
  bytes: Uint8Array
  rows: number
  /** How much of the range is done, 0 to 1. */
  share: number
  /** What the form had no place for, at the end. */
  warning?: string
}

const TRACES_A_PAGE = 100
const LOGS_A_PAGE = 1000
const STEP_MS = 60_000

/**
 * The file piece by piece, read at the pace of who takes it: nothing is held but the page at hand. Traces and logs come
 * newest first, metrics family by family; whole traces, also those that reach beyond the range. Bytes are made in a thread.
 * @throws GlassboxError `bad_request` for a form that the signal does not have; whatever the search throws
 */
export async function* exportPieces(
  order: ExportOrder,
  parts: ExportParts,
  signal: AbortSignal,
): AsyncGenerator<ExportPiece> {
  const { signals } = EXPORT_KINDS[order.format]
  if (!signals.includes(order.signal))
    throw new GlassboxError(
      'bad_request',
      `format: ${order.format} has no form for ${order.signal}`,
      `It takes ${signals.join(', ')}.`,
    )
  const context: QueryContext = { signal, timeoutMs: STEP_MS }
  const worker = new Worker(workerFile(import.meta.url, './export.worker.ts'), { name: 'export' })
  const rpc = new RpcClient(worker)
  worker.on('error', (error) => rpc.close(error))
  worker.on('exit', () => rpc.close(new GlassboxError('internal', 'the thread of exports ended before it was done')))
  try {
    const { signal: of, format } = order
    yield { bytes: await rpc.call('begin', { signal: of, format, product: parts.product }), rows: 0, share: 0 }
    if (order.signal === 'traces') yield* traces(order.query, parts, context, rpc)
    else if (order.signal === 'logs') yield* logs(order.query, parts, context, rpc)
    else yield* metrics(order, parts, context, rpc)
    const bytes = await rpc.call<Uint8Array>('end', null)
    const leftOut = await rpc.call<number>('leftOut', null)
    const warning = `${leftOut} samples of native histograms have no place in this form and were left out`
    yield { bytes, rows: 0, share: 1, ...(leftOut > 0 ? { warning } : {}) }
  } finally {
    await worker.terminate()
  }
}

async function* traces(
  query: TraceQuery,
  { reader }: ExportParts,
  context: QueryContext,
  rpc: RpcClient,
): AsyncGenerator<ExportPiece> {
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<TelemetryReader['searchTraces']>> = await reader.searchTraces(
      { ...query, limit: TRACES_A_PAGE, cursor },
      context,
    )
    for (const { traceId, start } of page.items) {
      const trace = await traceOrNone(reader, traceId, context)
      if (!trace) continue
      const bytes = await rpc.call<Uint8Array>('trace', trace)
      yield { bytes, rows: 1, share: (query.end - start) / (query.end - query.start) }
    }
    cursor = page.nextCursor
  } while (cursor !== null)
}

/** Retention may take a trace between the list and the reading of it. */
async function traceOrNone(
  reader: Pick<TelemetryReader, 'trace'>,
  traceId: string,
  context: QueryContext,
): Promise<Trace | null> {
  try {
    return await reader.trace(traceId, context)
  } catch (error) {
    if (error instanceof GlassboxError && error.code === 'trace_removed') return null
    throw error
  }
}

async function* logs(
  query: LogQuery,
  { reader }: ExportParts,
  context: QueryContext,
  rpc: RpcClient,
): AsyncGenerator<ExportPiece> {
  let cursor: string | null = null
  do {
    const page: { items: LogRecord[]; nextCursor: string | null } = await reader.searchLogs(
      { ...query, limit: LOGS_A_PAGE, cursor },
      context,
    )
    const { items } = page
    if (items.length > 0) {
      const bytes = await rpc.call<Uint8Array>('logs', items)
      const at = items[items.length - 1].time
      yield { bytes, rows: items.length, share: (query.end - at) / (query.end - query.start) }
    }
    cursor = page.nextCursor
  } while (cursor !== null)
}

async function* metrics(
  order: Extract<ExportOrder, { signal: 'metrics' }>,
  parts: ExportParts,
  context: QueryContext,
  rpc: RpcClient,
): AsyncGenerator<ExportPiece> {
  for await (const { family, share } of metricFamilies(parts.metrics, order, context)) {
    const rows = family.series.reduce((sum, { times }) => sum + times.length, 0)
    yield { bytes: await rpc.call<Uint8Array>('metrics', family), rows, share }
  }
}
