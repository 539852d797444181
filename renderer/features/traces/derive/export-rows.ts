import type { TraceSummary } from '../../../../core/model/records.ts'

const HEAD = [
  'trace_id',
  'start',
  'duration_us',
  'status',
  'service',
  'name',
  'http_method',
  'http_route',
  'http_status_code',
  'spans',
  'errors',
  'services',
]

/** Trace summaries as CSV (RFC 4180, times in RFC 3339), or as one JSON object a line. */
export function exportRows(traces: readonly TraceSummary[], format: 'csv' | 'jsonl'): string {
  if (format === 'jsonl') return traces.map((trace) => `${JSON.stringify(trace)}\n`).join('')
  const rows = traces.map((trace) => [
    trace.traceId,
    rfc3339(trace.start),
    trace.dur,
    trace.status,
    trace.service,
    trace.name,
    trace.http?.method ?? '',
    trace.http?.route ?? '',
    trace.http?.statusCode || '',
    trace.spanCount,
    trace.errorCount,
    trace.services.join(' '),
  ])
  return [HEAD, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** Whole µs, UTC. */
function rfc3339(us: number): string {
  const iso = new Date(Math.floor(us / 1000)).toISOString()
  return `${iso.slice(0, -1)}${String(Math.round(us - Math.floor(us / 1000) * 1000)).padStart(3, '0')}Z`
}

/** Spreadsheets run what begins with these signs, so a text that does gets an apostrophe in front. */
function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
