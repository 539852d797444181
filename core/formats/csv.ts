import type { MetricFamily } from '../model/metric-family.ts'
import type { AnyValue, KeyValue, LogRecord, Trace } from '../model/records.ts'
import { SampleKind } from '../model/series.ts'

/** CSV as RFC 4180 has it. Times are RFC 3339 with ns; attributes are JSON, one object a cell. */

export const SPAN_COLUMNS = [
  'trace_id',
  'span_id',
  'parent_id',
  'name',
  'kind',
  'service',
  'start',
  'duration_us',
  'status',
  'status_message',
  'attributes',
  'resource',
]
export const LOG_COLUMNS = [
  'time',
  'severity',
  'severity_text',
  'service',
  'body',
  'trace_id',
  'span_id',
  'attributes',
  'resource',
]
export const SAMPLE_COLUMNS = ['metric', 'labels', 'time', 'value', 'type', 'histogram']

export const csvLine = (cells: readonly (string | number)[]): string => `${cells.map(cell).join(',')}\r\n`

function cell(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The spans of a trace, one a line. */
export function spanLines(trace: Trace): string {
  const resources = trace.resources.map(({ attributes }) => objectText(attributes))
  return trace.spans
    .map((span) =>
      csvLine([
        span.traceId,
        span.spanId,
        span.parentId ?? '',
        span.name,
        span.kind,
        span.service,
        timeText(span.start, span.startNs),
        span.durNs === 0 ? span.dur : span.dur + span.durNs / 1000,
        span.status,
        span.statusMessage,
        objectText(span.attributes),
        resources[span.resource],
      ]),
    )
    .join('')
}

export function logLine(log: LogRecord): string {
  return csvLine([
    timeText(log.time, log.timeNs),
    log.severity,
    log.severityText,
    log.service,
    log.body,
    log.traceId ?? '',
    log.spanId ?? '',
    objectText(log.attributes),
    objectText(log.resource.attributes),
  ])
}

/** The samples of a family, one a line; a native histogram is JSON, and has no value. */
export function sampleLines({ type, series }: MetricFamily): string {
  return series
    .flatMap(({ labels, times, values, kinds, histograms }) => {
      const { __name__: name = '', ...rest } = Object.fromEntries(labels)
      const text = JSON.stringify(rest)
      return Array.from(times, (time, i) => {
        if (kinds?.[i] === SampleKind.stale) return ''
        const histogram = histograms?.[i]
        const value = histogram ? '' : String(values[i])
        return csvLine([name, text, timeText(time * 1000, 0), value, type, histogram ? JSON.stringify(histogram) : ''])
      })
    })
    .join('')
}

/** @param us since 1970 @param ns below that µs */
function timeText(us: number, ns: number): string {
  const seconds = new Date(Math.floor(us / 1_000_000) * 1000).toISOString().slice(0, 19)
  const fraction = String((us % 1_000_000) * 1000 + ns).padStart(9, '0')
  return `${seconds}.${fraction}Z`
}

const objectText = (attributes: readonly KeyValue[]): string => JSON.stringify(attributesObject(attributes))

/** Attributes as a JSON object. */
export const attributesObject = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))

/** A typed value as JSON says it: 64-bit numbers that JSON cannot hold stay text. */
function plain(value: AnyValue = {}): unknown {
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return value.boolValue
  if ('intValue' in value) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number) ? number : value.intValue
  }
  if ('doubleValue' in value) return value.doubleValue
  if ('bytesValue' in value) return value.bytesValue
  if ('arrayValue' in value) return ((value.arrayValue as { values?: AnyValue[] }).values ?? []).map(plain)
  if ('kvlistValue' in value) {
    const { values = [] } = value.kvlistValue as { values?: KeyValue[] }
    return Object.fromEntries(values.map((one) => [one.key, plain(one.value)]))
  }
  return null
}
