import { serviceName } from '../formats/otlp/any-value.ts'
import { setAttributes, writeHex } from '../formats/otlp/json-values.ts'
import { LogBatchBuilder, SpanBatchBuilder } from '../model/batch-builder.ts'
import { AttrType, type LogBatch, type SpanBatch } from '../model/columns.ts'
import {
  type LogRecord,
  type ResourceRecord,
  type ScopeRecord,
  SPAN_KINDS,
  SPAN_STATUSES,
  type Trace,
} from '../model/records.ts'

const SOURCES: readonly LogRecord['timeSource'][] = ['time', 'observed', 'received']

/** The spans of a trace in columns again, with all that was known of them. @param receivedUs wall clock, µs */
export function spanRows(trace: Trace, receivedUs: number): SpanBatch {
  const builder = new SpanBatchBuilder()
  const { dictionary } = builder
  for (const span of trace.spans) {
    const at = builder.openRow()
    const { columns } = builder
    writeHex(span.traceId, columns.traceId, at * 16)
    writeHex(span.spanId, columns.spanId, at * 8)
    if (span.parentId) writeHex(span.parentId, columns.parentId, at * 8)
    columns.startUs[at] = span.start
    columns.startNs[at] = span.startNs
    columns.durUs[at] = span.dur
    columns.durNs[at] = span.durNs
    columns.name[at] = dictionary.internText(span.name)
    columns.kind[at] = SPAN_KINDS.indexOf(span.kind)
    columns.status[at] = SPAN_STATUSES.indexOf(span.status)
    columns.statusMessage[at] = dictionary.internText(span.statusMessage)
    columns.traceState[at] = dictionary.internText(span.traceState)
    columns.flags[at] = span.flags
    columns.droppedAttributes[at] = span.droppedAttributesCount
    columns.droppedEvents[at] = span.droppedEventsCount
    columns.droppedLinks[at] = span.droppedLinksCount
    columns.marks[at] = span.marks
    columns.sampleRate[at] = span.sampleRate
    columns.resource[at] = builder.addResource(resourceEntry(trace.resources[span.resource]))
    columns.scope[at] = builder.addScope(scopeEntry(trace.scopes[span.scope]))
    if (span.events.length > 0) columns.events[at] = dictionary.internText(JSON.stringify(span.events))
    if (span.links.length > 0) columns.links[at] = dictionary.internText(JSON.stringify(span.links))
    setAttributes(span.attributes, dictionary, builder.attributes)
    builder.commitRow()
  }
  return builder.finish(receivedUs)
}

/** Log records in columns again. @param receivedUs wall clock, µs */
export function logRows(records: readonly LogRecord[], receivedUs: number): LogBatch {
  const builder = new LogBatchBuilder()
  const { dictionary } = builder
  for (const log of records) {
    const at = builder.openRow()
    const { columns } = builder
    if (log.traceId) writeHex(log.traceId, columns.traceId, at * 16)
    if (log.spanId) writeHex(log.spanId, columns.spanId, at * 8)
    columns.timeUs[at] = log.time
    columns.timeNs[at] = log.timeNs
    columns.timeSource[at] = SOURCES.indexOf(log.timeSource)
    columns.severity[at] = log.severity
    columns.severityText[at] = dictionary.internText(log.severityText)
    columns.eventName[at] = dictionary.internText(log.eventName)
    columns.flags[at] = log.flags
    columns.droppedAttributes[at] = log.droppedAttributesCount
    columns.body[at] = dictionary.internText(log.bodyValue ? JSON.stringify(log.bodyValue) : log.body)
    columns.bodyType[at] = log.bodyValue ? AttrType.json : log.body === '' ? AttrType.empty : AttrType.string
    columns.resource[at] = builder.addResource(resourceEntry(log.resource))
    columns.scope[at] = builder.addScope(scopeEntry(log.scope))
    setAttributes(log.attributes, dictionary, builder.attributes)
    builder.commitRow()
  }
  return builder.finish(receivedUs)
}

function resourceEntry({ attributes, droppedAttributesCount, schemaUrl }: ResourceRecord) {
  return { service: serviceName(attributes), attributes: JSON.stringify(attributes), droppedAttributesCount, schemaUrl }
}

function scopeEntry({ name, version, attributes, droppedAttributesCount, schemaUrl }: ScopeRecord) {
  return { name, version, attributes: JSON.stringify(attributes), droppedAttributesCount, schemaUrl }
}
