import type { ExportFormat, ExportRequest } from '../model/export.ts'
import { parseFilter, parseTraceFilter } from '../query/filter-language.ts'
import type { LogQuery, TraceQuery } from '../storage/store.ts'
import { selectorMatchers } from './metric-families.ts'

/** What to read; the limit and cursor of a query are passed over. */
export type ExportOrder =
  | { signal: 'traces'; format: ExportFormat; query: TraceQuery }
  | { signal: 'logs'; format: ExportFormat; query: LogQuery }
  /** `selector`: a PromQL selector such as `{job="shop"}`; times in µs. */
  | { signal: 'metrics'; format: ExportFormat; selector: string; start: number; end: number }

/** @throws GlassboxError `bad_filter` naming the place, `bad_request` for what is no selector */
export function exportOrder(request: ExportRequest): ExportOrder {
  const { signal, format, start, end, q } = request
  const paging = { start, end, limit: 1, cursor: null }
  const service = request.service ?? null
  if (signal === 'metrics') {
    const selector = q.trim() || '{__name__=~".+"}'
    selectorMatchers(selector)
    return { signal, format, selector, start, end }
  }
  if (signal === 'logs') {
    const { severity = null, traceId = null } = request
    return { signal, format, query: { ...paging, severity, service, traceId, spanId: null, filter: parseFilter(q) } }
  }
  const { minDuration = null, maxDuration = null, status = null, operation = null } = request
  return {
    signal,
    format,
    query: { ...paging, minDuration, maxDuration, status, service, operation, ...parseTraceFilter(q) },
  }
}
