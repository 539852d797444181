import { SpanBatchBuilder } from '../model/batch-builder.ts'
import type { Decoded, SpanBatch } from '../model/columns.ts'
import type { KeyValue, SpanEvent, SpanLink } from '../model/records.ts'
import { cleanString, setAttributes, writeHex } from './otlp/json-values.ts'
import { setSpanTimes, splitBigNanos } from './otlp/times.ts'
import type { Rejections } from './rejections.ts'

/** One span as the Zipkin and Jaeger readers understand it. Times are ns; 0 = unknown. */
export interface SpanRow {
  traceId: string
  spanId: string
  /** '' = root. */
  parentId: string
  name: string
  kind: number
  startNs: bigint
  endNs: bigint
  status: number
  statusMessage: string
  service: string
  /** With `service.name`, where it has one. */
  resource: KeyValue[]
  resourceDropped: number
  resourceSchemaUrl: string
  scopeName: string
  scopeVersion: string
  scopeAttributes: KeyValue[]
  scopeDropped: number
  scopeSchemaUrl: string
  traceState: string
  flags: number
  attributes: KeyValue[]
  droppedAttributes: number
  events: SpanEvent[]
  droppedEvents: number
  links: SpanLink[]
  droppedLinks: number
  marks: number
}

/** What neither Jaeger nor Zipkin has a place for, as it is when nobody says otherwise. */
export const NO_EXTRAS = {
  resourceDropped: 0,
  resourceSchemaUrl: '',
  scopeAttributes: [],
  scopeDropped: 0,
  scopeSchemaUrl: '',
  flags: 0,
} satisfies Partial<SpanRow>

export function textPair(key: string, value: string): KeyValue {
  return { key: cleanString(key), value: { stringValue: cleanString(value) } }
}

/** Columns from rows. */
export function batchFromRows(
  rows: readonly SpanRow[],
  rejections: Rejections,
  warnings: string[],
  receivedUs: number,
): Decoded<SpanBatch> {
  const builder = new SpanBatchBuilder()
  const knownStart = startsOf(rows)
  for (const row of rows) {
    const at = builder.openRow()
    const { columns, dictionary } = builder
    writeHex(row.traceId, columns.traceId, at * 16)
    writeHex(row.spanId, columns.spanId, at * 8)
    if (row.parentId && row.parentId !== row.spanId) writeHex(row.parentId, columns.parentId, at * 8)
    columns.kind[at] = row.kind
    columns.name[at] = dictionary.internText(row.name)
    columns.status[at] = row.status
    columns.statusMessage[at] = dictionary.internText(row.statusMessage)
    columns.traceState[at] = dictionary.internText(row.traceState)
    columns.flags[at] = row.flags
    columns.marks[at] = row.marks
    columns.sampleRate[at] = 1
    columns.droppedAttributes[at] = row.droppedAttributes
    columns.droppedEvents[at] = row.droppedEvents
    columns.droppedLinks[at] = row.droppedLinks
    columns.resource[at] = builder.addResource({
      service: row.service,
      attributes: JSON.stringify(row.resource),
      droppedAttributesCount: row.resourceDropped,
      schemaUrl: row.resourceSchemaUrl,
    })
    columns.scope[at] = builder.addScope({
      name: row.scopeName,
      version: row.scopeVersion,
      attributes: JSON.stringify(row.scopeAttributes),
      droppedAttributesCount: row.scopeDropped,
      schemaUrl: row.scopeSchemaUrl,
    })
    if (row.events.length > 0) columns.events[at] = dictionary.internText(JSON.stringify(row.events))
    if (row.links.length > 0) columns.links[at] = dictionary.internText(JSON.stringify(row.links))
    setSpanTimes(columns, at, splitBigNanos(row.startNs), splitBigNanos(row.endNs), receivedUs)
    const near = row.startNs === 0n && row.endNs === 0n ? knownStart(row) : undefined
    if (near !== undefined) {
      const { us, ns } = splitBigNanos(near)
      columns.startUs[at] = us
      columns.startNs[at] = ns
    }
    setAttributes(row.attributes, dictionary, builder.attributes)
    builder.commitRow()
  }
  return { batch: builder.finish(receivedUs), rejected: rejections.list(), warnings }
}

/**
 * Where a span without any time is put: at the start of its twin of the same id, else of its parent, else of its trace.
 * The time of receipt would stretch a trace of last year to today, and make the same file another one the next time.
 */
function startsOf(rows: readonly SpanRow[]): (row: SpanRow) => bigint | undefined {
  if (rows.every((row) => row.startNs !== 0n)) return () => undefined
  const earliest = new Map<string, bigint>()
  for (const { traceId, spanId, startNs } of rows) {
    if (startNs === 0n) continue
    for (const key of [traceId, `${traceId} ${spanId}`]) {
      const known = earliest.get(key)
      if (known === undefined || startNs < known) earliest.set(key, startNs)
    }
  }
  return ({ traceId, spanId, parentId }) =>
    earliest.get(`${traceId} ${spanId}`) ?? earliest.get(`${traceId} ${parentId}`) ?? earliest.get(traceId)
}

/** Times are unsigned 64-bit ns in the columns. */
const mostMicros = Math.floor(2 ** 64 / 1000)

/** µs, possibly with a fraction, as whole ns. Null when it is not a number or not below 2^64 ns. */
export function microsToNanos(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value >= 0n && value < BigInt(mostMicros) ? value * 1000n : null
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : ''
  if (/^\d{1,16}$/.test(text)) return BigInt(text) * 1000n
  const number = Number(text)
  return text !== '' && number >= 0 && number < mostMicros ? BigInt(Math.round(number * 1000)) : null
}
