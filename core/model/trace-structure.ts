import type { TraceSummary } from './records.ts'

/**
 * One trace in columns, as the page draws it: structure, times and names, without attributes. Rows are in order of
 * start. Times are µs after `summary.start` with the nanoseconds as fraction.
 */
export interface TraceStructure extends StructureHead, StructureColumns {}

interface StructureHead {
  traceId: string
  summary: TraceSummary
  /** Texts of `name` and `eventName`. */
  names: string[]
  services: string[]
  /** Databases, queues and other parties that a span talks to; entry 0 is empty: none. */
  peers: string[]
  /** Oldest first, at most STRUCTURE_LOGS. */
  logs: StructureLog[]
  logCount: number
}

/** A log record as the timeline needs it. */
export interface StructureLog {
  id: string
  /** µs after the start of the trace. */
  time: number
  severity: number
  severityText: string
  service: string
  /** At most 500 characters. */
  body: string
  spanId: string | null
}

interface StructureColumns {
  /** 8 bytes a row. */
  spanIds: Uint8Array
  /** 8 bytes a row, zeros = none. */
  parentIds: Uint8Array
  start: Float64Array
  dur: Float64Array
  name: Uint32Array
  service: Uint32Array
  peer: Uint32Array
  /** Rows of one number come from one process. */
  resource: Uint32Array
  /** OTLP kind 0..5. */
  kind: Uint8Array
  /** 0 UNSET, 1 OK, 2 ERROR. */
  status: Uint8Array
  /** SpanMark bits. */
  marks: Uint8Array
  /** Place in SPAN_TYPES. */
  type: Uint8Array
  /** How many links, at most 255. */
  links: Uint8Array
  eventSpan: Uint32Array
  eventTime: Float64Array
  eventName: Uint32Array
}

const STRUCTURE_LOGS = 5000
const LOG_BODY = 500

/** What kind of work a span's attributes say it is. */
export const SPAN_TYPES = ['other', 'http', 'rpc', 'database', 'messaging', 'genai'] as const
export type SpanType = (typeof SPAN_TYPES)[number]

/** Attribute keys that tell the type of a span; later rows of the table win. */
export const TYPE_KEYS: readonly (readonly [SpanType, readonly string[]])[] = [
  ['http', ['http.request.method', 'http.method']],
  ['rpc', ['rpc.system', 'rpc.system.name']],
  ['database', ['db.system.name', 'db.system']],
  ['messaging', ['messaging.system']],
  ['genai', ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.system']],
]

/** Attribute keys that name the other party, best first. */
export const PEER_KEYS = ['peer.service', 'server.address', 'net.peer.name', 'db.system.name', 'db.system'] as const

const CONSTRUCTORS = {
  start: Float64Array,
  dur: Float64Array,
  eventTime: Float64Array,
  name: Uint32Array,
  service: Uint32Array,
  peer: Uint32Array,
  resource: Uint32Array,
  eventSpan: Uint32Array,
  eventName: Uint32Array,
  spanIds: Uint8Array,
  parentIds: Uint8Array,
  kind: Uint8Array,
  status: Uint8Array,
  marks: Uint8Array,
  type: Uint8Array,
  links: Uint8Array,
} as const
type ColumnName = keyof typeof CONSTRUCTORS
const COLUMNS = Object.keys(CONSTRUCTORS) as ColumnName[]
const MAGIC = 0x31544247

/** Bytes: `GBT1`, length of the head (uint32), head as JSON with the columns' lengths, columns each on 8 bytes. */
export function packStructure(structure: TraceStructure): Uint8Array {
  const lengths = Object.fromEntries(COLUMNS.map((name) => [name, structure[name].length]))
  const { traceId, summary, names, services, peers, logs, logCount } = structure
  const head = new TextEncoder().encode(
    JSON.stringify({ traceId, summary, names, services, peers, logs, logCount, lengths }),
  )
  let size = align(8 + head.length)
  for (const name of COLUMNS) size = align(size + structure[name].byteLength)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, head.length, true)
  bytes.set(head, 8)
  let at = align(8 + head.length)
  for (const name of COLUMNS) {
    const column = structure[name]
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at)
    at = align(at + column.byteLength)
  }
  return bytes
}

/** The columns are views into `buffer`. @throws Error when the bytes are no packed structure. */
export function unpackStructure(buffer: ArrayBuffer): TraceStructure {
  const view = new DataView(buffer)
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error('not a packed trace')
  const headLength = view.getUint32(4, true)
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headLength))) as StructureHead & {
    lengths: Record<ColumnName, number>
  }
  let at = align(8 + headLength)
  const columns: Record<string, Float64Array | Uint32Array | Uint8Array> = {}
  for (const name of COLUMNS) {
    const column = new CONSTRUCTORS[name](buffer, at, head.lengths[name])
    columns[name] = column
    at = align(at + column.byteLength)
  }
  const { lengths: _, ...rest } = head
  return { ...rest, ...(columns as unknown as StructureColumns) }
}

function align(size: number): number {
  return (size + 7) & ~7
}

/** What a structure is made from; ids are lower-case hex, times whole µs since 1970. */
export interface StructureSpan {
  spanId: string
  parentId: string | null
  start: number
  startNs: number
  dur: number
  durNs: number
  name: string
  service: string
  resource: number
  kind: number
  status: number
  marks: number
  type: SpanType
  peer: string
  links: number
  events: readonly { timeUnixNano: string; name: string }[]
}

export interface StructureLogInput extends Omit<StructureLog, 'time'> {
  /** µs since 1970. */
  time: number
  timeNs: number
}

/** Columns of these spans (in order of start) and logs. */
export function buildStructure(
  summary: TraceSummary,
  spans: readonly StructureSpan[],
  logs: readonly StructureLogInput[],
): TraceStructure {
  const n = spans.length
  const names = new Texts()
  const services = new Texts()
  const peers = new Texts()
  peers.index('')
  const events: [number, number, number][] = []
  const base = summary.start
  const structure: TraceStructure = {
    traceId: summary.traceId,
    summary,
    names: names.list,
    services: services.list,
    peers: peers.list,
    logs: logs.slice(0, STRUCTURE_LOGS).map((log) => ({
      id: log.id,
      time: log.time - base + log.timeNs / 1000,
      severity: log.severity,
      severityText: log.severityText,
      service: log.service,
      body: log.body.slice(0, LOG_BODY),
      spanId: log.spanId,
    })),
    logCount: logs.length,
    spanIds: new Uint8Array(8 * n),
    parentIds: new Uint8Array(8 * n),
    start: new Float64Array(n),
    dur: new Float64Array(n),
    name: new Uint32Array(n),
    service: new Uint32Array(n),
    peer: new Uint32Array(n),
    resource: new Uint32Array(n),
    kind: new Uint8Array(n),
    status: new Uint8Array(n),
    marks: new Uint8Array(n),
    type: new Uint8Array(n),
    links: new Uint8Array(n),
    eventSpan: new Uint32Array(0),
    eventTime: new Float64Array(0),
    eventName: new Uint32Array(0),
  }
  for (let i = 0; i < n; i++) {
    const span = spans[i]
    writeHex(structure.spanIds, i * 8, span.spanId)
    if (span.parentId !== null) writeHex(structure.parentIds, i * 8, span.parentId)
    structure.start[i] = span.start - base + span.startNs / 1000
    structure.dur[i] = span.dur + span.durNs / 1000
    structure.name[i] = names.index(span.name)
    structure.service[i] = services.index(span.service)
    structure.peer[i] = peers.index(span.peer)
    structure.resource[i] = span.resource
    structure.kind[i] = span.kind
    structure.status[i] = span.status
    structure.marks[i] = span.marks
    structure.type[i] = SPAN_TYPES.indexOf(span.type)
    structure.links[i] = Math.min(255, span.links)
    for (const event of span.events)
      events.push([i, Number(BigInt(event.timeUnixNano) - BigInt(base) * 1000n) / 1000, names.index(event.name)])
  }
  structure.eventSpan = Uint32Array.from(events, (event) => event[0])
  structure.eventTime = Float64Array.from(events, (event) => event[1])
  structure.eventName = Uint32Array.from(events, (event) => event[2])
  return structure
}

/** Distinct texts in order of first use. */
class Texts {
  readonly list: string[] = []
  #places = new Map<string, number>()

  index(text: string): number {
    let place = this.#places.get(text)
    if (place === undefined) {
      place = this.list.push(text) - 1
      this.#places.set(text, place)
    }
    return place
  }
}

function writeHex(bytes: Uint8Array, at: number, hex: string): void {
  for (let i = 0; i < 8; i++) bytes[at + i] = (digit(hex.charCodeAt(i * 2)) << 4) | digit(hex.charCodeAt(i * 2 + 1))
}

function digit(code: number): number {
  return code < 58 ? code - 48 : (code | 32) - 87
}

/** The 16 hex digits of an id column's row. */
export function idAt(ids: Uint8Array, row: number): string {
  let text = ''
  for (let i = row * 8; i < row * 8 + 8; i++) text += ids[i].toString(16).padStart(2, '0')
  return text
}

/** The other party that attributes name; addresses of this machine and bare IP addresses say less than the system. */
export function peerOf(attribute: (key: string) => string | null, type: SpanType): string {
  if (type !== 'database' && type !== 'messaging') return attribute('peer.service') ?? ''
  for (const key of PEER_KEYS) {
    const value = attribute(key)
    if (value && !/^(localhost|[\d.]+|.*:.*)$/.test(value)) return value
  }
  return attribute('messaging.system') ?? ''
}
