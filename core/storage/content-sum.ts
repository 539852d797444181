import {
  AttrType,
  type Dictionary,
  entryText,
  type LogBatch,
  type SpanBatch,
  type TelemetryBatch,
} from '../model/columns.ts'
import { HashSet } from './sqlite/recent-spans.ts'

/** What one signal holds of one UTC day: equal content gives equal figures, whatever the engine and the order of rows. */
export interface DaySum {
  signal: 'traces' | 'logs' | 'metrics'
  /** Days since 1970 of span start or record time. */
  day: number
  rows: number
  /** Sum of a 64-bit hash of every row, 16 hex digits. */
  sum: string
}

const DAY_US = 86_400e6

/** Adds up rows by signal and day. What an engine may change is left out: order, time of receipt, order of attributes. */
export class ContentSums {
  #days = new Map<string, { signal: 'traces' | 'logs'; day: number; rows: number; a: number; b: number }>()
  #seen: HashSet | null

  /** @param distinct counts a span that is stored several times once, the first seen; costs up to 32 bytes a span. */
  constructor(distinct = false) {
    this.#seen = distinct ? new HashSet(65_536) : null
  }

  /** @param only leaves out other days */
  add(batch: TelemetryBatch, only: ReadonlySet<number> | null = null): void {
    const hash = new RowHash()
    const shared = new SharedHashes(batch)
    const times = batch.signal === 'traces' ? batch.startUs : batch.timeUs
    for (let row = 0; row < batch.n; row++) {
      const day = Math.floor(times[row] / DAY_US)
      if (only && !only.has(day)) continue
      hash.reset()
      if (batch.signal === 'traces') {
        addIdentity(hash, batch, row, shared)
        if (this.#seen) {
          if (this.#seen.size >= this.#seen.capacity) this.#seen = this.#seen.grown()
          if (!this.#seen.add(hash.a >>> 0, hash.b >>> 0)) continue
        }
        addSpan(hash, batch, row, shared)
      } else addLog(hash, batch, row, shared)
      addAttributes(hash, batch, row, shared)
      hash.finish()
      this.#count(batch.signal, day, hash)
    }
  }

  #count(signal: 'traces' | 'logs', day: number, { a, b }: RowHash): void {
    const key = `${signal} ${day}`
    let one = this.#days.get(key)
    if (!one) {
      one = { signal, day, rows: 0, a: 0, b: 0 }
      this.#days.set(key, one)
    }
    one.rows++
    one.a = (one.a + a) | 0
    one.b = (one.b + b) | 0
  }

  /** By signal, then day. */
  days(): DaySum[] {
    return [...this.#days.values()]
      .map(({ signal, day, rows, a, b }) => ({ signal, day, rows, sum: hex32(a) + hex32(b) }))
      .sort(bySignalAndDay)
  }
}

/** A 64-bit hash of every row, two words each, over what the sums are over. */
export function rowHashes(batch: TelemetryBatch): Uint32Array {
  const hashes = new Uint32Array(batch.n * 2)
  const hash = new RowHash()
  const shared = new SharedHashes(batch)
  for (let row = 0; row < batch.n; row++) {
    hash.reset()
    if (batch.signal === 'traces') {
      addIdentity(hash, batch, row, shared)
      addSpan(hash, batch, row, shared)
    } else addLog(hash, batch, row, shared)
    addAttributes(hash, batch, row, shared)
    hash.finish()
    hashes[2 * row] = hash.a
    hashes[2 * row + 1] = hash.b
  }
  return hashes
}

const SIGNALS = ['traces', 'logs', 'metrics']

function bySignalAndDay(x: DaySum, y: DaySum): number {
  return x.signal === y.signal ? x.day - y.day : SIGNALS.indexOf(x.signal) - SIGNALS.indexOf(y.signal)
}

/** A word as 8 hex digits. */
export function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

/** Figures of several parts of a store as one. */
export function mergeDaySums(...parts: DaySum[][]): DaySum[] {
  const merged = new Map<string, DaySum>()
  for (const one of parts.flat()) {
    const key = `${one.signal} ${one.day}`
    const before = merged.get(key)
    merged.set(key, before ? { ...one, rows: before.rows + one.rows, sum: addHex(before.sum, one.sum) } : one)
  }
  return [...merged.values()].sort(bySignalAndDay)
}

function addHex(x: string, y: string): string {
  const half = (at: number): string =>
    hex32((Number.parseInt(x.slice(at, at + 8), 16) + Number.parseInt(y.slice(at, at + 8), 16)) | 0)
  return half(0) + half(8)
}

/** Days of which the two differ, with both figures; null = nothing of that day. */
export function differingDays(x: DaySum[], y: DaySum[]): { signal: DaySum['signal']; day: number }[] {
  const key = ({ signal, day }: DaySum): string => `${signal} ${day}`
  const other = new Map(y.map((one) => [key(one), one]))
  const known = new Set(x.map(key))
  return [
    ...x.filter((one) => other.get(key(one))?.rows !== one.rows || other.get(key(one))?.sum !== one.sum),
    ...y.filter((one) => !known.has(key(one))),
  ].map(({ signal, day }) => ({ signal, day }))
}

/** Two independent 32-bit lanes; words in, well mixed words out. */
export class RowHash {
  a = 0
  b = 0

  reset(): void {
    this.a = 0x243f6a88
    this.b = 0x85a308d3
  }

  word(word: number): void {
    const a = Math.imul(this.a ^ word, 0xcc9e2d51)
    this.a = ((a << 13) | (a >>> 19)) + 0x6ed9eba1
    const b = Math.imul(this.b + word, 0x85ebca6b)
    this.b = ((b << 15) | (b >>> 17)) ^ 0x9e3779b9
  }

  float(value: number): void {
    float[0] = value
    this.word(floatWords[0])
    this.word(floatWords[1])
  }

  bytes(source: Uint8Array, from: number, to: number): void {
    let at = from
    for (; at + 4 <= to; at += 4) {
      this.word(source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24))
    }
    let rest = 0
    for (let shift = 0; at < to; at++, shift += 8) rest |= source[at] << shift
    this.word(rest)
    this.word(to - from)
  }

  finish(): void {
    this.a = mix(this.a)
    this.b = mix(this.b ^ 0x51ed270b)
  }
}

const float = new Float64Array(1)
const floatWords = new Int32Array(float.buffer)

function mix(word: number): number {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const encoder = new TextEncoder()

/** Hashes of what many rows of a batch share, made once each. */
class SharedHashes {
  readonly textA: Int32Array
  readonly textB: Int32Array
  readonly serviceA: number[]
  readonly resources: [number, number][]
  readonly scopes: [number, number][]
  #json = new Map<number, [number, number]>()
  #dictionary: Dictionary

  constructor(batch: TelemetryBatch) {
    this.#dictionary = batch.dictionary
    const { bytes, offsets, size } = batch.dictionary
    this.textA = new Int32Array(size)
    this.textB = new Int32Array(size)
    const hash = new RowHash()
    for (let i = 0; i < size; i++) {
      hash.reset()
      hash.bytes(bytes, offsets[i], offsets[i + 1])
      hash.finish()
      this.textA[i] = hash.a
      this.textB[i] = hash.b
    }
    this.serviceA = batch.resources.map(({ service }) => textHash(service)[0])
    this.resources = batch.resources.map(({ service, attributes, droppedAttributesCount, schemaUrl }) =>
      textHash(JSON.stringify([service, attributes, droppedAttributesCount, schemaUrl])),
    )
    this.scopes = batch.scopes.map(({ name, version, attributes, droppedAttributesCount, schemaUrl }) =>
      textHash(JSON.stringify([name, version, attributes, droppedAttributesCount, schemaUrl])),
    )
  }

  /** JSON text by what it says: engines may write it with other blanks. */
  json(index: number): [number, number] {
    let known = this.#json.get(index)
    if (!known) {
      known = textHash(JSON.stringify(JSON.parse(entryText(this.#dictionary, index))))
      this.#json.set(index, known)
    }
    return known
  }
}

function textHash(text: string): [number, number] {
  const hash = new RowHash()
  hash.reset()
  const bytes = encoder.encode(text)
  hash.bytes(bytes, 0, bytes.length)
  hash.finish()
  return [hash.a, hash.b]
}

/** What makes a span one and the same: see the contract in store.ts. */
function addIdentity(hash: RowHash, batch: SpanBatch, row: number, shared: SharedHashes): void {
  hash.bytes(batch.traceId, row * 16, row * 16 + 16)
  hash.bytes(batch.spanId, row * 8, row * 8 + 8)
  hash.word(shared.serviceA[batch.resource[row]])
  hash.word(batch.kind[row] | (batch.status[row] << 8))
  hash.word(shared.textA[batch.name[row]])
  hash.word(shared.textB[batch.name[row]])
  hash.float(batch.startUs[row])
  hash.float(batch.durUs[row])
}

function addText(hash: RowHash, shared: SharedHashes, index: number): void {
  hash.word(shared.textA[index])
  hash.word(shared.textB[index])
}

function addSpan(hash: RowHash, batch: SpanBatch, row: number, shared: SharedHashes): void {
  hash.bytes(batch.parentId, row * 8, row * 8 + 8)
  hash.word(batch.startNs[row] | (batch.durNs[row] << 16))
  addText(hash, shared, batch.statusMessage[row])
  addText(hash, shared, batch.traceState[row])
  hash.word(batch.flags[row])
  addPair(hash, shared.resources[batch.resource[row]])
  addPair(hash, shared.scopes[batch.scope[row]])
  hash.word(batch.droppedAttributes[row])
  hash.word(batch.droppedEvents[row])
  hash.word(batch.droppedLinks[row])
  addText(hash, shared, batch.events[row])
  addText(hash, shared, batch.links[row])
  hash.word(batch.marks[row] | (batch.sampleRate[row] << 8))
}

function addLog(hash: RowHash, batch: LogBatch, row: number, shared: SharedHashes): void {
  hash.bytes(batch.traceId, row * 16, row * 16 + 16)
  hash.bytes(batch.spanId, row * 8, row * 8 + 8)
  hash.float(batch.timeUs[row])
  hash.float(batch.observedUs[row])
  hash.word(batch.timeNs[row] | (batch.observedNs[row] << 16))
  hash.word(batch.timeSource[row] | (batch.severity[row] << 8) | (batch.bodyType[row] << 16))
  addText(hash, shared, batch.severityText[row])
  addText(hash, shared, batch.body[row])
  addText(hash, shared, batch.eventName[row])
  hash.word(batch.flags[row])
  addPair(hash, shared.resources[batch.resource[row]])
  addPair(hash, shared.scopes[batch.scope[row]])
  hash.word(batch.droppedAttributes[row])
}

function addPair(hash: RowHash, [a, b]: [number, number]): void {
  hash.word(a)
  hash.word(b)
}

const one = new RowHash()

/** A sum over the attributes, so that their order does not matter. */
function addAttributes(hash: RowHash, batch: TelemetryBatch, row: number, shared: SharedHashes): void {
  const { offsets, keys, types, values } = batch.attributes
  let a = 0
  let b = 0
  for (let at = offsets[row]; at < offsets[row + 1]; at++) {
    one.reset()
    addText(one, shared, keys[at])
    const type = types[at]
    one.word(type)
    if (type === AttrType.string || type === AttrType.bigint || type === AttrType.bytes)
      addText(one, shared, values[at])
    else if (type === AttrType.json) addPair(one, shared.json(values[at]))
    else if (type !== AttrType.empty) one.float(values[at])
    one.finish()
    a = (a + one.a) | 0
    b = (b + one.b) | 0
  }
  hash.word(a)
  hash.word(b)
  hash.word(offsets[row + 1] - offsets[row])
}
