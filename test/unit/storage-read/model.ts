import type { Filter, FilterTerm } from '../../../core/model/filter.ts'
import { SPAN_KINDS, SPAN_STATUSES } from '../../../core/model/records.ts'
import type { LogQuery, TraceQuery } from '../../../core/storage/store.ts'
import { type TestLog, type TestSpan, traceHex } from './spans.ts'

/** What the engine must answer, worked out row by row from the contract alone. */
export interface ExpectedTrace {
  traceId: string
  start: number
  dur: number
  spanCount: number
  errorCount: number
}

type Value = string | number | boolean | undefined

function holds(term: Extract<FilterTerm, { type: 'attribute' }>, value: Value): boolean {
  const { op } = term
  if (value === undefined) return op === '!=' || op === '!~' || op === '!exists'
  if (op === 'exists') return true
  if (op === '!exists') return false
  const equal = typeof value === 'number' && term.number !== null ? value === term.number : String(value) === term.value
  if (op === '=') return equal
  if (op === '!=') return !equal
  // Patterns of these tests mean the same to RE2 and to JavaScript.
  if (op === '=~') return new RegExp(term.value).test(String(value))
  if (op === '!~') return !new RegExp(term.value).test(String(value))
  // A boolean is no number, whatever JavaScript makes of it.
  const number = Number(String(value))
  const limit = term.number as number
  return op === '>' ? number > limit : op === '>=' ? number >= limit : op === '<' ? number < limit : number <= limit
}

function attributeOf(row: TestSpan | TestLog, key: string): Value {
  if (Object.hasOwn(row.attributes, key)) return row.attributes[key]
  return key === 'service.name' ? row.service : key === 'zone' ? `zone-${row.service}` : undefined
}

function matches(filter: Filter, row: TestSpan | TestLog, text: string, fields: Record<string, Value>): boolean {
  return filter.every((term) => {
    if (term.type === 'text') return text.toLowerCase().includes(term.value.toLowerCase()) !== term.negated
    return holds(term, Object.hasOwn(fields, term.key) ? fields[term.key] : attributeOf(row, term.key))
  })
}

function spanMatches(query: TraceQuery, span: TestSpan): boolean {
  if (query.service !== null && span.service !== query.service) return false
  if (query.operation !== null && span.name !== query.operation) return false
  return matches(query.filter, span, span.name, {
    service: span.service,
    name: span.name,
    kind: SPAN_KINDS[span.kind],
    status: SPAN_STATUSES[span.status],
    dur: span.dur,
  })
}

export function expectedTraces(spans: readonly TestSpan[], query: TraceQuery): ExpectedTrace[] {
  const found: ExpectedTrace[] = []
  for (const [trace, own] of Map.groupBy(spans, (span) => span.trace)) {
    const start = Math.min(...own.map((span) => span.start))
    const dur = Math.max(...own.map((span) => span.start + span.dur)) - start
    const errorCount = own.filter((span) => span.status === 2).length
    if (start < query.start || start >= query.end) continue
    if (query.minDuration !== null && dur < query.minDuration) continue
    if (query.maxDuration !== null && dur > query.maxDuration) continue
    if (query.status !== null && (query.status === 'error') !== errorCount > 0) continue
    if (!own.some((span) => spanMatches(query, span))) continue
    found.push({ traceId: traceHex(trace), start, dur, spanCount: own.length, errorCount })
  }
  const byDuration = (a: ExpectedTrace, b: ExpectedTrace): number => (query.sort === 'duration' ? b.dur - a.dur : 0)
  return found.sort((a, b) => byDuration(a, b) || b.start - a.start || (a.traceId < b.traceId ? -1 : 1))
}

/** Bodies are unique in these tests, so they name the records. Of ties in time the one written later comes first. */
export function expectedBodies(logs: readonly TestLog[], query: LogQuery): string[] {
  return logs
    .filter(
      (log) =>
        log.time >= query.start &&
        log.time < query.end &&
        (query.severity === null || log.severity >= query.severity) &&
        (query.service === null || log.service === query.service) &&
        (query.traceId === null || traceHex(log.trace) === query.traceId) &&
        matches(query.filter, log, log.body, { service: log.service, severity: log.severity, body: log.body }),
    )
    .map((log, index) => ({ log, index }))
    .sort((a, b) => b.log.time - a.log.time || b.log.ns - a.log.ns || b.index - a.index)
    .map(({ log }) => log.body)
}
