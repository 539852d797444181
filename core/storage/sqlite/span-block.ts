// Over 500 lines: what is written and what is read of a block stand side by side, section by section.
import type { ResourceEntry, ScopeEntry, SpanBatch } from '../../model/columns.ts'
import { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import { gather, gatherIds } from '../../model/picked-rows.ts'
import { type AttributeColumn, BlockAttributes, encodeAttributes } from './attribute-sections.ts'
import { type BlockRows, gatherEntries, gatherShared, mergeDictionaries, partitionByDay } from './block-rows.ts'
import { bloomAdd, newBloom, TRACE_BITS, traceHash } from './bloom.ts'
import type { BlockName } from './damaged-block.ts'
import { IdTable } from './id-table.ts'
import { type NarrowUints, packFloats, packUints, unpackFloats, unpackNarrow, unpackUints } from './pack.ts'
import { restoreAttributes } from './restore-attributes.ts'
import { Group, writeGroup } from './sections.ts'
import { encodeStats, SPAN_FIGURES } from './stats.ts'
import {
  ArenaWriter,
  readPackedText,
  readSize,
  readStrings,
  readTextColumn,
  sizeBytes,
  type TextArena,
  writeStrings,
  writeTextColumn,
} from './text-column.ts'
import { decodePartials, encodePartials, makePartials, type TracePartials } from './trace-partials.ts'

/** Rows a block holds at most: small enough to open in a few ms, large enough to compress well. */
export const MAX_BLOCK_ROWS = 16_384

export interface SpanBlockStats {
  rows: number
  traces: number
  errors: number
  minStart: number
  maxStart: number
  maxEnd: number
  minDur: number
  maxDur: number
  firstSeq: number
  lastSeq: number
  minReceived: number
  maxReceived: number
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

export interface EncodedSpanBlock {
  /** UTC day of the spans' start, -1 for the odd ones. */
  day: number
  stats: SpanBlockStats
  statsBytes: Uint8Array
  core: Uint8Array
  attr: Uint8Array
  rest: Uint8Array
}

export interface NumberedSpanBatch {
  batch: SpanBatch
  seq: number | Uint32Array
  /** µs; the batch's own receivedUs unless merged from several. */
  minReceived?: number
}

/** Encodes batches into immutable blocks: split by day, ordered by trace, one compressed section a column. */
export function encodeSpanBlocks(input: NumberedSpanBatch[]): EncodedSpanBlock[] {
  const batches = input.map(({ batch }) => batch)
  const { dictionary, maps } = mergeDictionaries(batches)
  const blocks: EncodedSpanBlock[] = []
  for (const [day, part] of partitionByDay(batches, (batch) => batch.startUs)) {
    for (let from = 0; from < part.row.length; from += MAX_BLOCK_ROWS) {
      const rows: BlockRows<SpanBatch> = {
        n: Math.min(MAX_BLOCK_ROWS, part.row.length - from),
        batches,
        source: part.source.subarray(from, from + MAX_BLOCK_ROWS),
        row: part.row.subarray(from, from + MAX_BLOCK_ROWS),
        dictionary,
        maps,
      }
      blocks.push(encodeBlock(day, rows, input))
    }
  }
  return blocks
}

/** Orders rows so that the rows of one trace lie together, traces as they were first seen. */
function groupByTrace(rows: BlockRows<SpanBatch>): { traces: IdTable; traceIndex: Uint32Array } {
  const traces = new IdTable(16, rows.n)
  const found = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) found[i] = traces.intern(rows.batches[rows.source[i]].traceId, rows.row[i] * 16)
  const next = new Uint32Array(traces.size + 1)
  for (let i = 0; i < rows.n; i++) next[found[i] + 1]++
  for (let t = 0; t < traces.size; t++) next[t + 1] += next[t]
  const source = new Uint32Array(rows.n)
  const row = new Uint32Array(rows.n)
  const traceIndex = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) {
    const to = next[found[i]]++
    source[to] = rows.source[i]
    row[to] = rows.row[i]
    traceIndex[to] = found[i]
  }
  rows.source = source
  rows.row = row
  return { traces, traceIndex }
}

function encodeBlock(day: number, rows: BlockRows<SpanBatch>, input: NumberedSpanBatch[]): EncodedSpanBlock {
  const { traces, traceIndex } = groupByTrace(rows)
  const { n } = rows
  const writer = new ArenaWriter(rows.dictionary)
  const seq = new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const own = input[rows.source[i]].seq
    seq[i] = typeof own === 'number' ? own : own[rows.row[i]]
  }
  const startUs = gather(rows, (b) => b.startUs, new Float64Array(n))
  const durUs = gather(rows, (b) => b.durUs, new Float64Array(n))
  const status = gather(rows, (b) => b.status, new Uint8Array(n))
  const u8 = (pick: (b: SpanBatch) => Uint8Array) => packUints(gather(rows, pick, new Uint8Array(n)))
  const u16 = (pick: (b: SpanBatch) => Uint16Array) => packUints(gather(rows, pick, new Uint16Array(n)))
  const u32 = (pick: (b: SpanBatch) => Uint32Array) => packUints(gather(rows, pick, new Uint32Array(n)))
  const text = (pick: (b: SpanBatch) => Uint32Array) => writeTextColumn(writer, gatherEntries(rows, pick))
  const resources = gatherShared(
    rows,
    (b) => b.resources,
    (b) => b.resource,
  )
  const scopes = gatherShared(
    rows,
    (b) => b.scopes,
    (b) => b.scope,
  )
  const services = [...new Set(resources.entries.map((entry) => entry.service))]
  const serviceOf = Uint32Array.from(resources.entries, (entry) => services.indexOf(entry.service))
  const spanIds = gatherIds(rows, (b) => b.spanId, 8)
  const parents = encodeParents(
    spanIds,
    gatherIds(rows, (b) => b.parentId, 8),
    traceIndex,
  )

  const traceIds = traces.bytes.slice(0, traces.size * 16)
  const service = packUints(resources.index.map((index) => serviceOf[index]))
  const { attr, keys, attrBloom } = encodeAttributes(rows, resources, [writeStrings(services), service])
  const core = writeGroup([
    sizeBytes(n),
    packUints(seq),
    packUints(traceIndex),
    traceIds,
    spanIds,
    parents.offsets,
    parents.foreign,
    packFloats(startUs, true),
    u16((b) => b.startNs),
    packFloats(durUs, false),
    u16((b) => b.durNs),
    u8((b) => b.kind),
    packUints(status),
    writeStrings(services),
    service,
    text((b) => b.name),
    packUints(resources.index),
    packUints(scopes.index),
    u32((b) => b.flags),
    u8((b) => b.marks),
    u16((b) => b.sampleRate),
    encodePartials({ rows: n, traceIndex, traceIds, startUs, durUs, status }),
  ])
  const rest = writeGroup([
    writeStrings(resources.entries.map((entry) => JSON.stringify(entry))),
    writeStrings(scopes.entries.map((entry) => JSON.stringify(entry))),
    text((b) => b.statusMessage),
    text((b) => b.traceState),
    text((b) => b.events),
    text((b) => b.links),
    u32((b) => b.droppedAttributes),
    u32((b) => b.droppedEvents),
    u32((b) => b.droppedLinks),
  ])
  const traceBloom = newBloom(traces.size, TRACE_BITS)
  for (let t = 0; t < traces.size; t++) {
    const { hi, lo } = traceHash(traces.bytes, t * 16)
    bloomAdd(traceBloom, hi, lo)
  }
  const stats = {
    ...summarize(startUs, durUs, status, seq),
    ...received(rows, input),
    traces: traces.size,
    services,
    keys,
    traceBloom,
    attrBloom,
  }
  return { day, stats, statsBytes: encodeStats(stats, SPAN_FIGURES), core, attr, rest }
}

function received(
  rows: BlockRows<SpanBatch>,
  input: NumberedSpanBatch[],
): { minReceived: number; maxReceived: number } {
  let minReceived = Number.POSITIVE_INFINITY
  let maxReceived = Number.NEGATIVE_INFINITY
  const used = new Uint8Array(input.length)
  for (let i = 0; i < rows.n; i++) used[rows.source[i]] = 1
  for (let source = 0; source < used.length; source++) {
    if (used[source] === 0) continue
    const { batch, minReceived: earliest } = input[source]
    minReceived = Math.min(minReceived, earliest ?? batch.receivedUs)
    maxReceived = Math.max(maxReceived, batch.receivedUs)
  }
  return { minReceived, maxReceived }
}

function summarize(startUs: Float64Array, durUs: Float64Array, status: Uint8Array, seq: Uint32Array) {
  const stats = {
    rows: startUs.length,
    errors: 0,
    minStart: Number.POSITIVE_INFINITY,
    maxStart: Number.NEGATIVE_INFINITY,
    maxEnd: Number.NEGATIVE_INFINITY,
    minDur: Number.POSITIVE_INFINITY,
    maxDur: 0,
    firstSeq: 0xffffffff,
    lastSeq: 0,
  }
  for (let i = 0; i < startUs.length; i++) {
    stats.minStart = Math.min(stats.minStart, startUs[i])
    stats.maxStart = Math.max(stats.maxStart, startUs[i])
    stats.maxEnd = Math.max(stats.maxEnd, startUs[i] + durUs[i])
    stats.minDur = Math.min(stats.minDur, durUs[i])
    stats.maxDur = Math.max(stats.maxDur, durUs[i])
    stats.firstSeq = Math.min(stats.firstSeq, seq[i])
    stats.lastSeq = Math.max(stats.lastSeq, seq[i])
    if (status[i] === 2) stats.errors++
  }
  return stats
}

const ROOT = 0
const FOREIGN = 1

/**
 * Parents mostly stand in the same block: they are kept as the distance to their row (0 = root, 1 = not here, else
 * distance + 2 doubled by sign), and only the others by id.
 */
function encodeParents(
  spanIds: Uint8Array,
  parentIds: Uint8Array,
  traceIndex: Uint32Array,
): { offsets: Uint8Array; foreign: Uint8Array } {
  const n = traceIndex.length
  const ids = new IdTable(8, n)
  const firstRow = new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const before = ids.size
    const at = ids.intern(spanIds, i * 8)
    if (ids.size > before) firstRow[at] = i
  }
  const codes = new Uint32Array(n)
  const foreign = new Uint8Array(n * 8)
  let foreignBytes = 0
  for (let i = 0; i < n; i++) {
    let zero = true
    for (let j = 0; j < 8 && zero; j++) zero = parentIds[i * 8 + j] === 0
    if (zero) continue
    const found = ids.find(parentIds, i * 8)
    if (found === -1) {
      codes[i] = FOREIGN
      for (let j = 0; j < 8; j++) foreign[foreignBytes++] = parentIds[i * 8 + j]
    } else {
      const step = firstRow[found] - i
      codes[i] = (step >= 0 ? step * 2 : -step * 2 - 1) + 2
    }
  }
  return { offsets: packUints(codes), foreign: foreign.subarray(0, foreignBytes) }
}

/** Rows from a span to its parent, by its code. */
function stepOf(code: number): number {
  const zigzag = code - 2
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
}

function decodeParents(spanIds: Uint8Array, codes: Uint32Array, foreign: Uint8Array): Uint8Array {
  const out = new Uint8Array(codes.length * 8)
  let next = 0
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]
    if (code === ROOT) continue
    if (code === FOREIGN) {
      for (let j = 0; j < 8; j++) out[i * 8 + j] = foreign[next++]
    } else {
      const row = i + stepOf(code)
      for (let j = 0; j < 8; j++) out[i * 8 + j] = spanIds[row * 8 + j]
    }
  }
  return out
}

/** Of some rows in turn what a summary tells. Times are µs. */
export interface SpanRange {
  start: Float64Array
  startNs: ArrayLike<number>
  dur: Float64Array
  kind: ArrayLike<number>
  status: ArrayLike<number>
  sampleRate: ArrayLike<number>
  name(row: number): string
}

/** Below one row in so many, a range of rows is unpacked for itself. */
const FEW = 8

/** A stored block of spans. Sections are decompressed when first asked for and then kept. */
export class SpanBlock {
  readonly rows: number
  readonly #name: BlockName
  #openCore: () => Group
  #coreOpen = false
  #attrBytes: () => Uint8Array
  #restBytes: () => Uint8Array
  #kept = new Map<number | string, unknown>()

  /**
   * @param core the section group, or how many rows it has and how to read it when it is needed: it is the largest
   * @throws DamagedBlock, as every part of it that is opened may
   */
  constructor(
    name: BlockName,
    core: Uint8Array | { rows: number; read: () => Uint8Array },
    attr: () => Uint8Array,
    rest: () => Uint8Array,
  ) {
    this.#name = name
    this.#openCore = () => new Group(core instanceof Uint8Array ? core : core.read(), name)
    this.#attrBytes = attr
    this.#restBytes = rest
    this.rows = core instanceof Uint8Array ? readSize(this.#core.section(0)) : core.rows
  }

  get #core(): Group {
    return this.#keep('core', () => {
      this.#coreOpen = true
      return this.#openCore()
    })
  }

  #keep<T>(key: number | string, make: () => T): T {
    if (!this.#kept.has(key)) this.#kept.set(key, make())
    return this.#kept.get(key) as T
  }

  #uints(section: number): Uint32Array {
    return this.#keep(section, () => unpackUints(this.#core.section(section), this.rows))
  }

  get seq(): Uint32Array {
    return this.#uints(1)
  }
  get traceIndex(): Uint32Array {
    return this.#uints(2)
  }
  get traceIds(): Uint8Array {
    return this.#keep(3, () => this.#core.section(3))
  }
  get spanIds(): Uint8Array {
    return this.#keep(4, () => this.#core.section(4))
  }
  get parentIds(): Uint8Array {
    return this.#keep('parents', () => decodeParents(this.spanIds, this.#uints(5), this.#core.section(6)))
  }
  /** Where the parent's 8 bytes stand, without decoding the parents of all rows; null = a root. */
  parentOf(row: number): { bytes: Uint8Array; at: number } | null {
    const codes = this.#uints(5)
    const code = codes[row]
    if (code === ROOT) return null
    if (code !== FOREIGN) return { bytes: this.spanIds, at: (row + stepOf(code)) * 8 }
    let before = 0
    for (let i = 0; i < row; i++) if (codes[i] === FOREIGN) before++
    return { bytes: this.#keep(6, () => this.#core.section(6)), at: before * 8 }
  }
  get startUs(): Float64Array {
    return this.#keep(7, () => unpackFloats(this.#core.section(7), this.rows))
  }
  get startNs(): Uint16Array {
    return this.#keep(8, () => new Uint16Array(unpackUints(this.#core.section(8), this.rows)))
  }
  get durUs(): Float64Array {
    return this.#keep(9, () => unpackFloats(this.#core.section(9), this.rows))
  }
  get durNs(): Uint16Array {
    return this.#keep(10, () => new Uint16Array(unpackUints(this.#core.section(10), this.rows)))
  }
  get kind(): Uint8Array {
    return this.#keep(11, () => new Uint8Array(unpackUints(this.#core.section(11), this.rows)))
  }
  get status(): Uint8Array {
    return this.#keep(12, () => new Uint8Array(unpackUints(this.#core.section(12), this.rows)))
  }
  get services(): string[] {
    return this.#keep(13, () => readStrings(this.#service(0)))
  }
  get service(): NarrowUints {
    return this.#keep(14, () => unpackNarrow(this.#service(1), this.rows))
  }
  /** Services stand beside the attributes, too: a search by both need not read the core of every block. */
  #service(part: 0 | 1): Uint8Array {
    const beside = this.#coreOpen ? null : this.#attributes.beside(part)
    return beside ?? this.#core.section(13 + part)
  }
  get #names(): { arena: TextArena; index: Uint32Array } {
    return this.#keep(15, () => readTextColumn(this.#core.section(15), this.rows))
  }
  get names(): string[] {
    return this.#keep('all names', () => this.#names.arena.all())
  }
  get name(): Uint32Array {
    return this.#names.index
  }
  get resource(): Uint32Array {
    return this.#uints(16)
  }
  get scope(): Uint32Array {
    return this.#uints(17)
  }
  get flags(): Uint32Array {
    return this.#uints(18)
  }
  get marks(): Uint8Array {
    return this.#keep(19, () => new Uint8Array(unpackUints(this.#core.section(19), this.rows)))
  }
  get sampleRate(): Uint16Array {
    return this.#keep(20, () => new Uint16Array(unpackUints(this.#core.section(20), this.rows)))
  }

  /** The rows from `first` to before `stop`, counted from `first`: of few rows, only they are unpacked. */
  range(first: number, stop: number): SpanRange {
    const few = (stop - first) * FEW < this.rows
    const packedOf = (section: number): Uint8Array | null =>
      few && !this.#kept.has(section) ? this.#keep(`packed ${section}`, () => this.#core.section(section)) : null
    const uints = (section: number, all: () => NarrowUints): NarrowUints => {
      const packed = packedOf(section)
      return packed ? unpackUints(packed, this.rows, first, stop) : all().subarray(first, stop)
    }
    const floats = (section: number, all: () => Float64Array): Float64Array => {
      const packed = packedOf(section)
      return packed ? unpackFloats(packed, this.rows, first, stop) : all().subarray(first, stop)
    }
    const { arena, packed } = this.#keep('names', () => readPackedText(this.#core.section(15)))
    const names = unpackUints(packed, this.rows, first, stop)
    return {
      start: floats(7, () => this.startUs),
      startNs: uints(8, () => this.startNs),
      dur: floats(9, () => this.durUs),
      kind: uints(11, () => this.kind),
      status: uints(12, () => this.status),
      sampleRate: uints(20, () => this.sampleRate),
      name: (row) => arena.text(names[row]),
    }
  }

  /** What the block knows of each of its traces, all rows counted. Blocks of old files have no section of it. */
  partials(): TracePartials {
    return this.#core.count > 21 ? decodePartials(this.#core.section(21), this.traceIds) : makePartials(this, null, 0)
  }

  get #attributes(): BlockAttributes {
    return this.#keep('attr', () => new BlockAttributes(this.#attrBytes(), this.rows, this.#name))
  }
  attributeKeys(): string[] {
    return this.#attributes.keys
  }
  attribute(key: string): AttributeColumn | null {
    return this.#attributes.column(key)
  }

  get #rest(): Group {
    return this.#keep('rest', () => new Group(this.#restBytes(), this.#name))
  }
  #restText(section: number): { arena: TextArena; index: Uint32Array } {
    return this.#keep(`rest${section}`, () => readTextColumn(this.#rest.section(section), this.rows))
  }
  #restUints(section: number): Uint32Array {
    return this.#keep(`rest${section}`, () => unpackUints(this.#rest.section(section), this.rows))
  }
  #text(section: number, row: number): string {
    const { arena, index } = this.#restText(section)
    return arena.text(index[row])
  }

  resources(): ResourceEntry[] {
    return this.#keep('resources', () =>
      readStrings(this.#rest.section(0)).map((json) => JSON.parse(json) as ResourceEntry),
    )
  }
  scopes(): ScopeEntry[] {
    return this.#keep('scopes', () => readStrings(this.#rest.section(1)).map((json) => JSON.parse(json) as ScopeEntry))
  }
  statusMessage(row: number): string {
    return this.#text(2, row)
  }
  traceState(row: number): string {
    return this.#text(3, row)
  }
  /** OTLP/JSON `Event[]` text, or empty. */
  events(row: number): string {
    return this.#text(4, row)
  }
  /** OTLP/JSON `Link[]` text, or empty. */
  links(row: number): string {
    return this.#text(5, row)
  }
  dropped(row: number): { attributes: number; events: number; links: number } {
    return { attributes: this.#restUints(6)[row], events: this.#restUints(7)[row], links: this.#restUints(8)[row] }
  }

  /** The rows as a batch again, for merging. `receivedUs` is the caller's to set. */
  toBatch(): { batch: SpanBatch; seqs: Uint32Array } {
    const dictionary = new DictionaryBuilder()
    const internAll = ({ arena, index }: { arena: TextArena; index: Uint32Array }): Uint32Array => {
      const entries = new Uint32Array(arena.size)
      for (let i = 0; i < arena.size; i++)
        entries[i] = dictionary.intern(arena.bytes, arena.offsets[i], arena.offsets[i + 1])
      return index.map((local) => entries[local])
    }
    const name = internAll(this.#names)
    const [statusMessage, traceState, events, links] = [2, 3, 4, 5].map((section) => internAll(this.#restText(section)))
    const attributes = restoreAttributes(this.#attributes, this.rows, dictionary)
    const traceId = new Uint8Array(this.rows * 16)
    for (let i = 0; i < this.rows; i++) {
      const from = this.traceIndex[i] * 16
      for (let j = 0; j < 16; j++) traceId[i * 16 + j] = this.traceIds[from + j]
    }
    return {
      seqs: this.seq,
      batch: {
        signal: 'traces',
        n: this.rows,
        receivedUs: 0,
        dictionary: dictionary.finish(),
        resources: this.resources(),
        scopes: this.scopes(),
        traceId,
        spanId: this.spanIds,
        parentId: this.parentIds,
        startUs: this.startUs,
        startNs: this.startNs,
        durUs: this.durUs,
        durNs: this.durNs,
        name,
        kind: this.kind,
        status: this.status,
        statusMessage,
        traceState,
        flags: this.flags,
        resource: this.resource,
        scope: this.scope,
        droppedAttributes: this.#restUints(6),
        droppedEvents: this.#restUints(7),
        droppedLinks: this.#restUints(8),
        events,
        links,
        marks: this.marks,
        sampleRate: this.sampleRate,
        attributes,
      },
    }
  }
}
