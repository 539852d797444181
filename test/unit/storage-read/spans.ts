import { LogBatchBuilder, SpanBatchBuilder } from '../../../core/model/batch-builder.ts'
import { AttrType, type LogBatch, type SpanBatch } from '../../../core/model/columns.ts'

/** A span as a test writes it and as the naive model knows it. Ids are small numbers. */
export interface TestSpan {
  trace: number
  span: number
  parent: number
  service: string
  name: string
  kind: number
  status: number
  start: number
  dur: number
  attributes: Record<string, string | number | boolean>
}

export interface TestLog {
  time: number
  /** Below the µs. */
  ns: number
  severity: number
  service: string
  body: string
  trace: number
  attributes: Record<string, string | number | boolean>
}

export const traceHex = (trace: number): string => trace.toString(16).padStart(32, '0')
export const spanHex = (span: number): string => span.toString(16).padStart(16, '0')

type Builder = SpanBatchBuilder | LogBatchBuilder

function shared(builder: Builder, service: string): { resource: number; scope: number } {
  const attributes = JSON.stringify([
    { key: 'service.name', value: { stringValue: service } },
    { key: 'zone', value: { stringValue: `zone-${service}` } },
  ])
  const none = { droppedAttributesCount: 0, schemaUrl: '' }
  return {
    resource: builder.addResource({ service, attributes, ...none }),
    scope: builder.addScope({ name: 'test', version: '1', attributes: '[]', ...none }),
  }
}

function setAttributes(builder: Builder, attributes: Record<string, string | number | boolean>): void {
  for (const [key, value] of Object.entries(attributes)) {
    const entry = builder.dictionary.internText(key)
    if (typeof value === 'string') builder.attributes.set(entry, AttrType.string, builder.dictionary.internText(value))
    else if (typeof value === 'boolean') builder.attributes.set(entry, AttrType.bool, Number(value))
    else builder.attributes.set(entry, Number.isInteger(value) ? AttrType.int : AttrType.double, value)
  }
}

export function spanBatch(spans: readonly TestSpan[], receivedUs: number): SpanBatch {
  const builder = new SpanBatchBuilder()
  for (const span of spans) {
    const row = builder.openRow()
    const { columns, dictionary } = builder
    columns.traceId.set(Buffer.from(traceHex(span.trace), 'hex'), row * 16)
    columns.spanId.set(Buffer.from(spanHex(span.span), 'hex'), row * 8)
    columns.parentId.set(Buffer.from(spanHex(span.parent), 'hex'), row * 8)
    columns.startUs[row] = span.start
    columns.durUs[row] = span.dur
    columns.name[row] = dictionary.internText(span.name)
    columns.kind[row] = span.kind
    columns.status[row] = span.status
    columns.sampleRate[row] = 1
    const { resource, scope } = shared(builder, span.service)
    columns.resource[row] = resource
    columns.scope[row] = scope
    setAttributes(builder, span.attributes)
    builder.commitRow()
  }
  return builder.finish(receivedUs)
}

export function logBatch(logs: readonly TestLog[], receivedUs: number): LogBatch {
  const builder = new LogBatchBuilder()
  for (const log of logs) {
    const row = builder.openRow()
    const { columns, dictionary } = builder
    if (log.trace > 0) columns.traceId.set(Buffer.from(traceHex(log.trace), 'hex'), row * 16)
    columns.timeUs[row] = log.time
    columns.timeNs[row] = log.ns
    columns.severity[row] = log.severity
    columns.body[row] = dictionary.internText(log.body)
    columns.bodyType[row] = AttrType.string
    const { resource, scope } = shared(builder, log.service)
    columns.resource[row] = resource
    columns.scope[row] = scope
    setAttributes(builder, log.attributes)
    builder.commitRow()
  }
  return builder.finish(receivedUs)
}
