import type { AttributeColumns, AttrType, LogBatch, ResourceEntry, ScopeEntry, SpanBatch } from './columns.ts'
import { DictionaryBuilder } from './dictionary-builder.ts'

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

function grown<C extends Column>(column: C, length: number): C {
  const larger = new (column.constructor as new (n: number) => C)(length)
  larger.set(column as never)
  return larger
}

/** Copies of columns one behind the other in a buffer of their own: a batch of few buffers is quick to hand on and to free. */
function inOneBuffer<T extends Record<string, Column>>(columns: T): T {
  // Every column begins where the widest number may.
  const sizes = Object.values(columns).map((column) => Math.ceil(column.byteLength / 8) * 8)
  const buffer = new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0))
  const copies: Record<string, Column> = {}
  let at = 0
  for (const [name, column] of Object.entries(columns)) {
    const Made = column.constructor as new (buffer: ArrayBuffer, at: number, length: number) => Column
    const copy = new Made(buffer, at, column.length)
    copy.set(column as never)
    copies[name] = copy
    at += Math.ceil(column.byteLength / 8) * 8
  }
  return copies as T
}

/** A builder of more rows than this leaves its columns to the collector instead of to the next builder. */
const SPARE_ROWS = 16_384

/** Attribute columns while rows are being added; call `endRow` after each row's attributes. */
export class AttributesBuilder {
  offsets = new Uint32Array(257)
  keys = new Uint32Array(2048)
  types = new Uint8Array(2048)
  values = new Float64Array(2048)
  count = 0
  #rows = 0

  /** Ready for rows again, in the same memory. */
  reset(): this {
    this.count = 0
    this.#rows = 0
    return this
  }

  /** Sets one attribute of the open row; a key that is already there is overwritten (last wins). */
  set(key: number, type: AttrType, value: number): void {
    const first = this.offsets[this.#rows]
    for (let at = first; at < this.count; at++) {
      if (this.keys[at] === key) {
        this.types[at] = type
        this.values[at] = value
        return
      }
    }
    if (this.count === this.keys.length) {
      const length = this.count * 2
      this.keys = grown(this.keys, length)
      this.types = grown(this.types, length)
      this.values = grown(this.values, length)
    }
    this.keys[this.count] = key
    this.types[this.count] = type
    this.values[this.count++] = value
  }

  /** Where the row before has what it set at this place of the row, or -1: senders write spans of one kind alike. */
  get alike(): number {
    if (this.#rows === 0) return -1
    const open = this.offsets[this.#rows]
    const at = this.offsets[this.#rows - 1] + this.count - open
    return at < open ? at : -1
  }

  endRow(): void {
    this.#rows++
    if (this.#rows + 1 > this.offsets.length) this.offsets = grown(this.offsets, this.offsets.length * 2)
    this.offsets[this.#rows] = this.count
  }

  /** Forgets what was set in the open row. */
  dropRow(): void {
    this.count = this.offsets[this.#rows]
  }

  /** Copies of what was set. */
  finish(): AttributeColumns {
    return inOneBuffer({
      offsets: this.offsets.subarray(0, this.#rows + 1),
      keys: this.keys.subarray(0, this.count),
      types: this.types.subarray(0, this.count),
      values: this.values.subarray(0, this.count),
    })
  }
}

const SPAN_WIDTHS = {
  traceId: [Uint8Array, 16],
  spanId: [Uint8Array, 8],
  parentId: [Uint8Array, 8],
  startUs: [Float64Array, 1],
  startNs: [Uint16Array, 1],
  durUs: [Float64Array, 1],
  durNs: [Uint16Array, 1],
  name: [Uint32Array, 1],
  kind: [Uint8Array, 1],
  status: [Uint8Array, 1],
  statusMessage: [Uint32Array, 1],
  traceState: [Uint32Array, 1],
  flags: [Uint32Array, 1],
  resource: [Uint32Array, 1],
  scope: [Uint32Array, 1],
  droppedAttributes: [Uint32Array, 1],
  droppedEvents: [Uint32Array, 1],
  droppedLinks: [Uint32Array, 1],
  events: [Uint32Array, 1],
  links: [Uint32Array, 1],
  marks: [Uint8Array, 1],
  sampleRate: [Uint16Array, 1],
} as const

const LOG_WIDTHS = {
  traceId: [Uint8Array, 16],
  spanId: [Uint8Array, 8],
  timeUs: [Float64Array, 1],
  timeNs: [Uint16Array, 1],
  timeSource: [Uint8Array, 1],
  observedUs: [Float64Array, 1],
  observedNs: [Uint16Array, 1],
  severity: [Uint8Array, 1],
  severityText: [Uint32Array, 1],
  body: [Uint32Array, 1],
  bodyType: [Uint8Array, 1],
  eventName: [Uint32Array, 1],
  flags: [Uint32Array, 1],
  resource: [Uint32Array, 1],
  scope: [Uint32Array, 1],
  droppedAttributes: [Uint32Array, 1],
} as const

type Widths = Record<string, readonly [new (n: number) => Column, number]>
type Columns<W extends Widths> = { [K in keyof W]: InstanceType<W[K][0]> }

/** Columns that a finished builder leaves to the next one of its kind; every row is zero. */
interface Spare {
  capacity: number
  columns: unknown
  attributes: AttributesBuilder
}

const spares = new Map<Widths, Spare>()

/**
 * What spans and logs share: dictionary, distinct resources and scopes, attributes, and fixed-width columns that grow.
 * A finished builder must not be used again: its memory goes to the next one.
 */
class RowsBuilder<W extends Widths> {
  readonly dictionary = new DictionaryBuilder()
  readonly attributes: AttributesBuilder
  readonly resources: ResourceEntry[] = []
  readonly scopes: ScopeEntry[] = []
  columns: Columns<W>
  n = 0
  #widths: W
  #capacity: number
  #seen = new Map<string, number>()

  constructor(widths: W) {
    this.#widths = widths
    const spare = spares.get(widths)
    spares.delete(widths)
    this.#capacity = spare?.capacity ?? 256
    this.attributes = spare?.attributes.reset() ?? new AttributesBuilder()
    this.columns = (spare?.columns ??
      Object.fromEntries(
        Object.entries(widths).map(([key, [kind, width]]) => [key, new kind(this.#capacity * width)]),
      )) as Columns<W>
  }

  /** Makes room for row `n`, which the caller fills; `commitRow` then counts it. Its cells are zero. */
  openRow(): number {
    if (this.n === this.#capacity) {
      this.#capacity *= 2
      for (const [key, [, width]] of Object.entries(this.#widths)) {
        const columns = this.columns as Record<string, Column>
        columns[key] = grown(columns[key], this.#capacity * width)
      }
    }
    return this.n
  }

  commitRow(): void {
    this.n++
    this.attributes.endRow()
  }

  /** Takes back what was written to the open row. */
  dropRow(): void {
    this.attributes.dropRow()
    for (const [key, [, width]] of Object.entries(this.#widths)) {
      ;(this.columns as Record<string, Column>)[key].fill(0, this.n * width, (this.n + 1) * width)
    }
  }

  addResource(entry: ResourceEntry): number {
    return this.#distinct('r', entry, this.resources)
  }

  addScope(entry: ScopeEntry): number {
    return this.#distinct('s', entry, this.scopes)
  }

  /** Copies of all columns; the builder ends with it. */
  protected end(): Columns<W> & { attributes: AttributeColumns } {
    const grownTo = this.columns as Record<string, Column>
    const widths = Object.entries(this.#widths)
    const used = Object.fromEntries(widths.map(([key, [, width]]) => [key, grownTo[key].subarray(0, this.n * width)]))
    const ended = { ...(inOneBuffer(used) as Columns<W>), attributes: this.attributes.finish() }
    if (this.#capacity <= SPARE_ROWS && this.attributes.keys.length <= SPARE_ROWS * 16) {
      // One row more than was committed: the last one may have been left open.
      for (const [key, [, width]] of widths) grownTo[key].fill(0, 0, (this.n + 1) * width)
      spares.set(this.#widths, { capacity: this.#capacity, columns: grownTo, attributes: this.attributes })
    }
    return ended
  }

  #distinct<T extends object>(kind: string, entry: T, list: T[]): number {
    const key = kind + JSON.stringify(entry)
    let index = this.#seen.get(key)
    if (index === undefined) {
      index = list.push(entry) - 1
      this.#seen.set(key, index)
    }
    return index
  }
}

/** Builds a SpanBatch row by row. */
export class SpanBatchBuilder extends RowsBuilder<typeof SPAN_WIDTHS> {
  constructor() {
    super(SPAN_WIDTHS)
  }

  finish(receivedUs: number): SpanBatch {
    return {
      signal: 'traces',
      n: this.n,
      receivedUs,
      dictionary: this.dictionary.finish(),
      resources: this.resources,
      scopes: this.scopes,
      ...this.end(),
    }
  }
}

/** Builds a LogBatch row by row. */
export class LogBatchBuilder extends RowsBuilder<typeof LOG_WIDTHS> {
  constructor() {
    super(LOG_WIDTHS)
  }

  finish(receivedUs: number): LogBatch {
    return {
      signal: 'logs',
      n: this.n,
      receivedUs,
      dictionary: this.dictionary.finish(),
      resources: this.resources,
      scopes: this.scopes,
      ...this.end(),
    }
  }
}
