import { createHash } from 'node:crypto'
import {
  type AttributeColumns,
  AttrType,
  type Dictionary,
  entryText,
  type LogBatch,
  type ResourceEntry,
  type ScopeEntry,
  type SpanBatch,
} from '../../model/columns.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import { plainObject, plainValue } from '../../query/any-value.ts'
import { dayOf } from './schema.ts'

/** Columns in the order in which rows are encoded. */
export const SPAN_COPY =
  'day, trace_id, span_id, parent_id, name, kind, start, start_ns, dur, dur_ns, status, status_message, service, resource, scope, attributes, typed, events, links, trace_state, flags, dropped_attributes, dropped_events, dropped_links, marks, sample_rate, seq, ordinal, host'
export const LOG_COPY =
  'day, time, time_ns, time_source, observed, observed_ns, severity, severity_text, service, body, body_type, event_name, trace_id, span_id, resource, scope, attributes, typed, flags, dropped_attributes, seq, ordinal, host'

const NULL = '\\N'
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text as COPY's text format wants it. */
function copyText(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char]) : text
}

function hexOf(bytes: Uint8Array, at: number, width: number): string {
  let text = ''
  for (let i = at; i < at + width; i++) text += HEX[bytes[i]]
  return text
}

function isZero(bytes: Uint8Array, at: number, width: number): boolean {
  for (let i = at; i < at + width; i++) if (bytes[i] !== 0) return false
  return true
}

/** JSON that jsonb takes: no U+0000, no half of a surrogate pair. */
function cleanJson(value: unknown): string {
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed()
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'string') return clean(part)
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).map(([key, child]) => [clean(key), child]))
  })
}

/** Text of a batch's dictionary, each entry made ready once. */
class Texts {
  #dictionary: Dictionary
  #copy: (string | undefined)[]
  #json: (string | undefined)[]

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary
    this.#copy = new Array(dictionary.size)
    this.#json = new Array(dictionary.size)
  }

  raw(index: number): string {
    return entryText(this.#dictionary, index)
  }

  copy(index: number): string {
    this.#copy[index] ??= copyText(this.raw(index))
    return this.#copy[index] as string
  }

  copyOrNull(index: number): string {
    return index === 0 ? NULL : this.copy(index)
  }

  json(index: number): string {
    this.#json[index] ??= copyText(JSON.stringify(this.raw(index)))
    return this.#json[index] as string
  }
}

/** `plain` for SQL and filters; `typed` keeps what plain JSON cannot say, by key, or NULL. */
function attributesOf(attributes: AttributeColumns, row: number, texts: Texts): { plain: string; typed: string } {
  let plain = ''
  let typed = ''
  for (let at = attributes.offsets[row]; at < attributes.offsets[row + 1]; at++) {
    const key = texts.json(attributes.keys[at])
    const value = attributes.values[at]
    let text: string
    let exact = ''
    switch (attributes.types[at]) {
      case AttrType.string:
        text = texts.json(value)
        break
      case AttrType.bool:
        text = value === 1 ? 'true' : 'false'
        break
      case AttrType.int:
        text = String(value)
        break
      case AttrType.double:
        text = Number.isFinite(value) ? String(value) : `"${value}"`
        if (Object.is(value, -0)) exact = '{"doubleValue":-0}'
        else if (Number.isInteger(value) || !Number.isFinite(value)) exact = `{"doubleValue":${text}}`
        break
      case AttrType.bigint:
        text = texts.json(value)
        exact = `{"intValue":${text}}`
        break
      case AttrType.bytes:
        text = texts.json(value)
        exact = `{"bytesValue":${text}}`
        break
      case AttrType.json: {
        const json = texts.raw(value)
        text = copyText(cleanJson(plainValue(JSON.parse(json) as AnyValue)))
        exact = copyText(json)
        break
      }
      default:
        text = 'null'
        exact = '{}'
    }
    plain += plain === '' ? `{${key}:${text}` : `,${key}:${text}`
    if (exact !== '') typed += typed === '' ? `{${key}:${exact}` : `,${key}:${exact}`
  }
  return { plain: plain === '' ? '{}' : `${plain}}`, typed: typed === '' ? NULL : `${typed}}` }
}

/** A number that names an entry by its content, the same on every host. */
export function entryId(entry: ResourceEntry | ScopeEntry): number {
  const hash = createHash('sha1').update(JSON.stringify(entry)).digest()
  return hash.readUIntBE(0, 6)
}

/** Parameters of one row of `_resources`. */
export function resourceRow(entry: ResourceEntry): unknown[] {
  const plain = cleanJson(plainObject(JSON.parse(entry.attributes) as KeyValue[]))
  return [entryId(entry), entry.attributes, entry.droppedAttributesCount, entry.schemaUrl, entry.service, plain]
}

export function scopeRow(entry: ScopeEntry): unknown[] {
  return [entryId(entry), entry.attributes, entry.droppedAttributesCount, entry.schemaUrl, entry.name, entry.version]
}

export interface RowContext {
  seq: number
  host: string
  /** Number of the first row within its write. */
  firstOrdinal: number
}

/** One line of COPY text a span. */
export function encodeSpans(batch: SpanBatch, { seq, host, firstOrdinal }: RowContext): string {
  const texts = new Texts(batch.dictionary)
  const day = dayOf(batch.receivedUs)
  const resources = batch.resources.map(entryId)
  const services = batch.resources.map(({ service }) => copyText(service))
  const scopes = batch.scopes.map(entryId)
  let lines = ''
  for (let row = 0; row < batch.n; row++) {
    const { plain, typed } = attributesOf(batch.attributes, row, texts)
    const parent = isZero(batch.parentId, row * 8, 8) ? NULL : hexOf(batch.parentId, row * 8, 8)
    const resource = batch.resource[row]
    lines += `${day}\t${hexOf(batch.traceId, row * 16, 16)}\t${hexOf(batch.spanId, row * 8, 8)}\t${parent}\t${texts.copy(
      batch.name[row],
    )}\t${batch.kind[row]}\t${batch.startUs[row]}\t${batch.startNs[row]}\t${batch.durUs[row]}\t${batch.durNs[row]}\t${
      batch.status[row]
    }\t${texts.copy(batch.statusMessage[row])}\t${services[resource]}\t${resources[resource]}\t${
      scopes[batch.scope[row]]
    }\t${plain}\t${typed}\t${texts.copyOrNull(batch.events[row])}\t${texts.copyOrNull(batch.links[row])}\t${texts.copy(
      batch.traceState[row],
    )}\t${batch.flags[row]}\t${batch.droppedAttributes[row]}\t${batch.droppedEvents[row]}\t${batch.droppedLinks[row]}\t${
      batch.marks[row]
    }\t${batch.sampleRate[row]}\t${seq}\t${firstOrdinal + row}\t${host}\n`
  }
  return lines
}

/** One line of COPY text a log record. */
export function encodeLogs(batch: LogBatch, { seq, host, firstOrdinal }: RowContext): string {
  const texts = new Texts(batch.dictionary)
  const day = dayOf(batch.receivedUs)
  const resources = batch.resources.map(entryId)
  const services = batch.resources.map(({ service }) => copyText(service))
  const scopes = batch.scopes.map(entryId)
  let lines = ''
  for (let row = 0; row < batch.n; row++) {
    const { plain, typed } = attributesOf(batch.attributes, row, texts)
    const trace = isZero(batch.traceId, row * 16, 16) ? NULL : hexOf(batch.traceId, row * 16, 16)
    const span = isZero(batch.spanId, row * 8, 8) ? NULL : hexOf(batch.spanId, row * 8, 8)
    const resource = batch.resource[row]
    lines += `${day}\t${batch.timeUs[row]}\t${batch.timeNs[row]}\t${batch.timeSource[row]}\t${batch.observedUs[row]}\t${
      batch.observedNs[row]
    }\t${batch.severity[row]}\t${texts.copy(batch.severityText[row])}\t${services[resource]}\t${texts.copy(
      batch.body[row],
    )}\t${batch.bodyType[row]}\t${texts.copy(batch.eventName[row])}\t${trace}\t${span}\t${resources[resource]}\t${
      scopes[batch.scope[row]]
    }\t${plain}\t${typed}\t${batch.flags[row]}\t${batch.droppedAttributes[row]}\t${seq}\t${firstOrdinal + row}\t${host}\n`
  }
  return lines
}
