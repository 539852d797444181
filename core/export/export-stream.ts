import { GlassboxError } from '../base/errors.ts'
import { csvLine, LOG_COLUMNS, logLine, SAMPLE_COLUMNS, SPAN_COLUMNS, spanLines, timeText } from '../formats/csv.ts'
import { exportJaeger } from '../formats/jaeger/export.ts'
import { encodeOtlp } from '../formats/otlp/encode-protobuf.ts'
import { exportOtlp, exportOtlpLogs } from '../formats/otlp/export.ts'
import { exportZipkin } from '../formats/zipkin/export.ts'
import { EXPORT_KINDS, type ExportFormat } from '../model/export.ts'
import type { LogRecord, Trace } from '../model/records.ts'
import type { MatrixSeries } from '../query/promql/answer.ts'
import type { PromqlEngine } from '../query/promql/engine.ts'
import type { LogQuery, QueryContext, TelemetryReader, TraceQuery } from '../storage/store.ts'
import type { ExportOrder } from './export-order.ts'
import { otlpSamples, prometheusSamples } from './samples.ts'

export interface ExportParts {
  reader: Pick<TelemetryReader, 'searchTraces' | 'trace' | 'searchLogs'>
  promql: Pick<PromqlEngine, 'instant'>
}

/** A piece of the file, and what it holds: traces, log records, samples. */
export interface ExportPiece {
  bytes: Buffer
  rows: number
  /** µs that the export has come to; it goes back in time for traces and logs, forward for metrics. */
  at: number
}

const TRACES_A_PAGE = 100
const LOGS_A_PAGE = 1000
/** Of metrics, read at once. */
const WINDOW_US = 600_000_000
const STEP_MS = 60_000

/**
 * The file piece by piece, read at the pace of who takes it: nothing is held but the page at hand. Traces and logs come
 * newest first, metrics by time; whole traces, also those that reach beyond the range.
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
  if (order.signal === 'traces') yield* traces(order.query, order.format, parts, context)
  else if (order.signal === 'logs') yield* logs(order.query, order.format, parts, context)
  else yield* metrics(order, parts, context)
}

async function* traces(
  query: TraceQuery,
  format: ExportFormat,
  { reader }: ExportParts,
  context: QueryContext,
): AsyncGenerator<ExportPiece> {
  const piece = (text: string | Buffer, rows: number, at: number): ExportPiece => ({
    bytes: Buffer.from(text),
    rows,
    at,
  })
  if (format === 'csv') yield piece(csvLine(SPAN_COLUMNS), 0, query.end)
  if (format === 'jaeger') yield piece('{"data":[', 0, query.end)
  if (format === 'zipkin') yield piece('[', 0, query.end)
  let cursor: string | null = null
  let first = true
  do {
    const page: Awaited<ReturnType<TelemetryReader['searchTraces']>> = await reader.searchTraces(
      { ...query, limit: TRACES_A_PAGE, cursor },
      context,
    )
    for (const { traceId, start } of page.items) {
      const trace = await traceOrNone(reader, traceId, context)
      if (!trace) continue
      const text = traceText(trace, format, first)
      if (text.length === 0) continue
      first = false
      yield piece(text, 1, start)
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  if (format === 'jaeger') yield piece('],"total":0,"limit":0,"offset":0,"errors":null}\n', 0, query.start)
  if (format === 'zipkin') yield piece(']\n', 0, query.start)
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

function traceText(trace: Trace, format: ExportFormat, first: boolean): string | Buffer {
  const comma = first ? '' : ','
  // Log records are a signal of their own.
  const spans = { ...trace, logs: [] }
  switch (format) {
    case 'jaeger':
      return comma + JSON.stringify((exportJaeger(spans) as { data: unknown[] }).data[0])
    case 'zipkin':
      return comma + JSON.stringify(exportZipkin(spans)).slice(1, -1)
    case 'csv':
      return spanLines(spans)
    case 'otlp-protobuf':
      return encodeOtlp('TracesData', exportOtlp(spans) as object)
    default:
      return `${JSON.stringify(exportOtlp(spans))}\n`
  }
}

async function* logs(
  query: LogQuery,
  format: ExportFormat,
  { reader }: ExportParts,
  context: QueryContext,
): AsyncGenerator<ExportPiece> {
  if (format === 'csv') yield { bytes: Buffer.from(csvLine(LOG_COLUMNS)), rows: 0, at: query.end }
  let cursor: string | null = null
  do {
    const page: { items: LogRecord[]; nextCursor: string | null } = await reader.searchLogs(
      { ...query, limit: LOGS_A_PAGE, cursor },
      context,
    )
    const { items } = page
    if (items.length > 0) {
      const at = items[items.length - 1].time
      yield { bytes: logBytes(items, format), rows: items.length, at }
    }
    cursor = page.nextCursor
  } while (cursor !== null)
}

function logBytes(items: LogRecord[], format: ExportFormat): Buffer {
  if (format === 'csv') return Buffer.from(items.map(logLine).join(''))
  const data = exportOtlpLogs(items)
  return format === 'otlp-protobuf' ? encodeOtlp('LogsData', data) : Buffer.from(`${JSON.stringify(data)}\n`)
}

async function* metrics(
  { format, selector, start, end }: Extract<ExportOrder, { signal: 'metrics' }>,
  { promql }: ExportParts,
  context: QueryContext,
): AsyncGenerator<ExportPiece> {
  if (!/^\s*[\w:]*\s*(\{.*\})?\s*$/s.test(selector))
    throw new GlassboxError('bad_request', `q: ${selector} is not a selector of series`, 'Such as up or {job="shop"}.')
  if (format === 'csv') yield { bytes: Buffer.from(csvLine(SAMPLE_COLUMNS)), rows: 0, at: start }
  for (let from = start; from < end; from += WINDOW_US) {
    const to = Math.min(end, from + WINDOW_US)
    const endMs = Math.floor(to / 1000)
    const lengthMs = endMs - Math.floor(from / 1000)
    if (lengthMs === 0) continue
    // A range selector is open at its start and closed at its end.
    const { value } = await promql.instant(`${selector}[${lengthMs}ms]`, endMs - 1, context)
    const series = value.type === 'matrix' ? value.series : []
    const rows = series.reduce((sum, { times }) => sum + times.length, 0)
    if (rows > 0) yield { bytes: sampleBytes(series, format), rows, at: to }
  }
}

function sampleBytes(series: MatrixSeries[], format: ExportFormat): Buffer {
  if (format === 'prometheus') return Buffer.from(prometheusSamples(series))
  if (format === 'csv')
    return Buffer.from(
      series
        .flatMap(({ labels, times, values }) => {
          const { __name__: name = '', ...rest } = Object.fromEntries(labels)
          const text = JSON.stringify(rest)
          return Array.from(times, (time, i) => csvLine([name, text, timeText(time * 1000, 0), String(values[i])]))
        })
        .join(''),
    )
  const data = otlpSamples(series)
  return format === 'otlp-protobuf' ? encodeOtlp('MetricsData', data) : Buffer.from(`${JSON.stringify(data)}\n`)
}
