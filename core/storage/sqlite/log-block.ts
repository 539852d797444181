import type { LogBatch, ResourceEntry, ScopeEntry } from '../../model/columns.ts'
import { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import { gather, gatherIds } from '../../model/picked-rows.ts'
import { type AttributeColumn, BlockAttributes, encodeAttributes } from './attribute-sections.ts'
import { type BlockRows, gatherEntries, gatherShared, mergeDictionaries, partitionByDay } from './block-rows.ts'
import { bloomAdd, newBloom, TRACE_BITS, traceHash } from './bloom.ts'
import type { BlockName } from './damaged-block.ts'
import { IdTable } from './id-table.ts'
import { packFloats, packUints, unpackFloats, unpackUints } from './pack.ts'
import { restoreAttributes } from './restore-attributes.ts'
import { Group, writeGroup } from './sections.ts'
import { encodeStats, LOG_FIGURES } from './stats.ts'
import {
  ArenaWriter,
  readSize,
  readStrings,
  readTextColumn,
  sizeBytes,
  type TextArena,
  writeStrings,
  writeTextColumn,
} from './text-column.ts'

const MAX_BLOCK_ROWS = 16_384

export interface LogBlockStats {
  rows: number
  minTime: number
  maxTime: number
  maxSeverity: number
  firstSeq: number
  lastSeq: number
  minReceived: number
  maxReceived: number
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

export interface EncodedLogBlock {
  day: number
  stats: LogBlockStats
  statsBytes: Uint8Array
  core: Uint8Array
  attr: Uint8Array
  body: Uint8Array
}

export interface NumberedLogBatch {
  batch: LogBatch
  seq: number | Uint32Array
  minReceived?: number
}

/** Encodes log records into blocks, as encodeSpanBlocks does for spans; rows stay in the order they came. */
export function encodeLogBlocks(input: NumberedLogBatch[]): EncodedLogBlock[] {
  const batches = input.map(({ batch }) => batch)
  const { dictionary, maps } = mergeDictionaries(batches)
  const blocks: EncodedLogBlock[] = []
  for (const [day, part] of partitionByDay(batches, (batch) => batch.timeUs)) {
    for (let from = 0; from < part.row.length; from += MAX_BLOCK_ROWS) {
      const source = part.source.subarray(from, from + MAX_BLOCK_ROWS)
      const row = part.row.subarray(from, from + MAX_BLOCK_ROWS)
      blocks.push(encodeBlock(day, { n: row.length, batches, source, row, dictionary, maps }, input))
    }
  }
  return blocks
}

function encodeBlock(day: number, rows: BlockRows<LogBatch>, input: NumberedLogBatch[]): EncodedLogBlock {
  const { n } = rows
  const writer = new ArenaWriter(rows.dictionary)
  const seq = new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const own = input[rows.source[i]].seq
    seq[i] = typeof own === 'number' ? own : own[rows.row[i]]
  }
  const timeUs = gather(rows, (b) => b.timeUs, new Float64Array(n))
  const severity = gather(rows, (b) => b.severity, new Uint8Array(n))
  const u8 = (pick: (b: LogBatch) => Uint8Array) => packUints(gather(rows, pick, new Uint8Array(n)))
  const u16 = (pick: (b: LogBatch) => Uint16Array) => packUints(gather(rows, pick, new Uint16Array(n)))
  const u32 = (pick: (b: LogBatch) => Uint32Array) => packUints(gather(rows, pick, new Uint32Array(n)))
  const text = (pick: (b: LogBatch) => Uint32Array) => writeTextColumn(writer, gatherEntries(rows, pick))
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
  const traceIds = gatherIds(rows, (b) => b.traceId, 16)
  const core = writeGroup([
    sizeBytes(n),
    packUints(seq),
    packFloats(timeUs, true),
    u16((b) => b.timeNs),
    packFloats(
      gather(rows, (b) => b.observedUs, new Float64Array(n)),
      true,
    ),
    u16((b) => b.observedNs),
    u8((b) => b.timeSource),
    packUints(severity),
    traceIds,
    gatherIds(rows, (b) => b.spanId, 8),
    writeStrings(services),
    packUints(resources.index.map((index) => serviceOf[index])),
    packUints(resources.index),
    packUints(scopes.index),
    u32((b) => b.flags),
  ])
  const { attr, keys, attrBloom } = encodeAttributes(rows, resources)
  const body = writeGroup([
    writeStrings(resources.entries.map((entry) => JSON.stringify(entry))),
    writeStrings(scopes.entries.map((entry) => JSON.stringify(entry))),
    text((b) => b.body),
    u8((b) => b.bodyType),
    text((b) => b.severityText),
    text((b) => b.eventName),
    u32((b) => b.droppedAttributes),
  ])
  const traceBloom = fillTraceBloom(traceIds, n)
  const stats: LogBlockStats = {
    rows: n,
    minTime: timeUs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    maxTime: timeUs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    maxSeverity: severity.reduce((a, b) => Math.max(a, b), 0),
    firstSeq: seq.reduce((a, b) => Math.min(a, b), 0xffffffff),
    lastSeq: seq.reduce((a, b) => Math.max(a, b), 0),
    minReceived: Number.POSITIVE_INFINITY,
    maxReceived: Number.NEGATIVE_INFINITY,
    services,
    keys,
    traceBloom,
    attrBloom,
  }
  for (const source of new Set(rows.source)) {
    const { batch, minReceived } = input[source]
    stats.minReceived = Math.min(stats.minReceived, minReceived ?? batch.receivedUs)
    stats.maxReceived = Math.max(stats.maxReceived, batch.receivedUs)
  }
  return { day, stats, statsBytes: encodeStats(stats, LOG_FIGURES), core, attr, body }
}

function fillTraceBloom(traceIds: Uint8Array, n: number): Uint8Array {
  const traces = new IdTable(16, n)
  for (let i = 0; i < n; i++) traces.intern(traceIds, i * 16)
  const bloom = newBloom(traces.size, TRACE_BITS)
  for (let t = 0; t < traces.size; t++) {
    if (traces.bytes.subarray(t * 16, t * 16 + 16).every((byte) => byte === 0)) continue
    const { hi, lo } = traceHash(traces.bytes, t * 16)
    bloomAdd(bloom, hi, lo)
  }
  return bloom
}

/** A stored block of log records. Sections are decompressed when first asked for and then kept. */
export class LogBlock {
  readonly rows: number
  readonly #name: BlockName
  #core: Group
  #attrBytes: () => Uint8Array
  #bodyBytes: () => Uint8Array
  #kept = new Map<number | string, unknown>()

  /** @throws DamagedBlock, as every part of it that is opened may */
  constructor(name: BlockName, core: Uint8Array, attr: () => Uint8Array, body: () => Uint8Array) {
    this.#name = name
    this.#core = new Group(core, name)
    this.#attrBytes = attr
    this.#bodyBytes = body
    this.rows = readSize(this.#core.section(0))
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
  get timeUs(): Float64Array {
    return this.#keep(2, () => unpackFloats(this.#core.section(2), this.rows))
  }
  get timeNs(): Uint16Array {
    return this.#keep(3, () => new Uint16Array(unpackUints(this.#core.section(3), this.rows)))
  }
  get observedUs(): Float64Array {
    return this.#keep(4, () => unpackFloats(this.#core.section(4), this.rows))
  }
  get observedNs(): Uint16Array {
    return this.#keep(5, () => new Uint16Array(unpackUints(this.#core.section(5), this.rows)))
  }
  get timeSource(): Uint8Array {
    return this.#keep(6, () => new Uint8Array(unpackUints(this.#core.section(6), this.rows)))
  }
  get severity(): Uint8Array {
    return this.#keep(7, () => new Uint8Array(unpackUints(this.#core.section(7), this.rows)))
  }
  /** 16 bytes a row, zeros = no trace. */
  get traceIds(): Uint8Array {
    return this.#keep(8, () => this.#core.section(8))
  }
  get spanIds(): Uint8Array {
    return this.#keep(9, () => this.#core.section(9))
  }
  get services(): string[] {
    return this.#keep(10, () => readStrings(this.#core.section(10)))
  }
  get service(): Uint32Array {
    return this.#uints(11)
  }
  get resource(): Uint32Array {
    return this.#uints(12)
  }
  get scope(): Uint32Array {
    return this.#uints(13)
  }
  get flags(): Uint32Array {
    return this.#uints(14)
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

  get #body(): Group {
    return this.#keep('body', () => new Group(this.#bodyBytes(), this.#name))
  }
  #column(section: number): { arena: TextArena; index: Uint32Array } {
    return this.#keep(`body${section}`, () => readTextColumn(this.#body.section(section), this.rows))
  }
  resources(): ResourceEntry[] {
    return this.#keep('resources', () =>
      readStrings(this.#body.section(0)).map((json) => JSON.parse(json) as ResourceEntry),
    )
  }
  scopes(): ScopeEntry[] {
    return this.#keep('scopes', () => readStrings(this.#body.section(1)).map((json) => JSON.parse(json) as ScopeEntry))
  }
  body(row: number): string {
    const { arena, index } = this.#column(2)
    return arena.text(index[row])
  }
  bodies(): { dictionary: string[]; index: Uint32Array } {
    const { arena, index } = this.#column(2)
    return { dictionary: arena.all(), index }
  }
  /** AttrType of each body. */
  get bodyType(): Uint8Array {
    return this.#keep('bodyType', () => new Uint8Array(unpackUints(this.#body.section(3), this.rows)))
  }
  severityText(row: number): string {
    const { arena, index } = this.#column(4)
    return arena.text(index[row])
  }
  eventName(row: number): string {
    const { arena, index } = this.#column(5)
    return arena.text(index[row])
  }
  dropped(row: number): number {
    return this.#keep('dropped', () => unpackUints(this.#body.section(6), this.rows))[row]
  }

  /** The rows as a batch again, for merging. `receivedUs` is the caller's to set. */
  toBatch(): { batch: LogBatch; seqs: Uint32Array } {
    const dictionary = new DictionaryBuilder()
    const internAll = ({ arena, index }: { arena: TextArena; index: Uint32Array }): Uint32Array => {
      const entries = new Uint32Array(arena.size)
      for (let i = 0; i < arena.size; i++)
        entries[i] = dictionary.intern(arena.bytes, arena.offsets[i], arena.offsets[i + 1])
      return index.map((local) => entries[local])
    }
    const [body, severityText, eventName] = [2, 4, 5].map((section) => internAll(this.#column(section)))
    const attributes = restoreAttributes(this.#attributes, this.rows, dictionary)
    return {
      seqs: this.seq,
      batch: {
        signal: 'logs',
        n: this.rows,
        receivedUs: 0,
        dictionary: dictionary.finish(),
        resources: this.resources(),
        scopes: this.scopes(),
        traceId: this.traceIds,
        spanId: this.spanIds,
        timeUs: this.timeUs,
        timeNs: this.timeNs,
        timeSource: this.timeSource,
        observedUs: this.observedUs,
        observedNs: this.observedNs,
        severity: this.severity,
        severityText,
        body,
        bodyType: this.bodyType,
        eventName,
        flags: this.flags,
        resource: this.resource,
        scope: this.scope,
        droppedAttributes: unpackUints(this.#body.section(6), this.rows),
        attributes,
      },
    }
  }
}
