import type { ResourceEntry, ScopeEntry, SpanBatch } from '../../../model/columns.ts'
import { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import type { NestedTexts, SpanPart } from '../../../query/nested-match.ts'
import { type AttributeColumn, BlockAttributes } from './attribute-sections.ts'
import type { BlockName } from './damaged-block.ts'
import { type NarrowUints, unpackNarrow } from './pack.ts'
import { restoreAttributes } from './restore-attributes.ts'
import { asFloats, asU8, asU16, SectionColumns } from './section-columns.ts'
import { Group } from './sections.ts'
import { decodeParents, findParent } from './span-parents.ts'
import { SPAN_CORE as CORE, SPAN_REST as REST } from './span-sections.ts'
import { readStrings } from './text-column.ts'
import { decodePartials, makePartials, type TracePartials } from './trace-partials.ts'

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

/** A stored block of spans. Sections are decompressed when first asked for and then kept. */
export class SpanBlock {
  readonly rows: number
  readonly #name: BlockName
  #core: SectionColumns
  #rest: SectionColumns
  #attrBytes: () => Uint8Array
  #openAttributes: BlockAttributes | null = null
  #services: string[] | null = null
  #service: NarrowUints | null = null
  #parentIds: Uint8Array | null = null

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
    this.#core =
      core instanceof Uint8Array
        ? new SectionColumns(null, () => new Group(core, name))
        : new SectionColumns(core.rows, () => new Group(core.read(), name))
    this.rows = this.#core.rows
    this.#rest = new SectionColumns(this.rows, () => new Group(rest(), name))
    this.#attrBytes = attr
  }

  get seq(): Uint32Array {
    return this.#core.uints(CORE.seq)
  }
  get traceIndex(): Uint32Array {
    return this.#core.uints(CORE.traceIndex)
  }
  get traceIds(): Uint8Array {
    return this.#core.bytes(CORE.traceIds)
  }
  get spanIds(): Uint8Array {
    return this.#core.bytes(CORE.spanIds)
  }
  get parentIds(): Uint8Array {
    this.#parentIds ??= decodeParents(
      this.spanIds,
      this.#core.uints(CORE.parentSteps),
      this.#core.bytes(CORE.foreignParents),
    )
    return this.#parentIds
  }
  /** Where the parent's 8 bytes stand, without decoding the parents of all rows; null = a root. */
  parentOf(row: number): { bytes: Uint8Array; at: number } | null {
    return findParent(
      row,
      () => this.spanIds,
      this.#core.uints(CORE.parentSteps),
      () => this.#core.bytes(CORE.foreignParents),
    )
  }
  get startUs(): Float64Array {
    return this.#core.floats(CORE.startUs)
  }
  get startNs(): Uint16Array {
    return this.#core.u16(CORE.startNs)
  }
  get durUs(): Float64Array {
    return this.#core.floats(CORE.durUs)
  }
  get durNs(): Uint16Array {
    return this.#core.u16(CORE.durNs)
  }
  get kind(): Uint8Array {
    return this.#core.u8(CORE.kind)
  }
  get status(): Uint8Array {
    return this.#core.u8(CORE.status)
  }
  get services(): string[] {
    this.#services ??= readStrings(this.#besideAttributes(0) ?? this.#core.group.section(CORE.services))
    return this.#services
  }
  get service(): NarrowUints {
    this.#service ??= unpackNarrow(this.#besideAttributes(1) ?? this.#core.group.section(CORE.service), this.rows)
    return this.#service
  }
  /** Services stand beside the attributes, too: a search by both need not read the core of every block. */
  #besideAttributes(part: 0 | 1): Uint8Array | null {
    return this.#core.isOpen ? null : this.#attributes.beside(part)
  }
  get names(): string[] {
    return this.#core.text(CORE.name).arena.all()
  }
  get name(): Uint32Array {
    return this.#core.text(CORE.name).index
  }
  get resource(): Uint32Array {
    return this.#core.uints(CORE.resource)
  }
  get scope(): Uint32Array {
    return this.#core.uints(CORE.scope)
  }
  get flags(): Uint32Array {
    return this.#core.uints(CORE.flags)
  }
  get marks(): Uint8Array {
    return this.#core.u8(CORE.marks)
  }
  get sampleRate(): Uint16Array {
    return this.#core.u16(CORE.sampleRate)
  }

  /** The rows from `first` to before `stop`, counted from `first`: of few rows, only they are unpacked. */
  range(first: number, stop: number): SpanRange {
    const core = this.#core
    const texts = core.text(CORE.name)
    const names = texts.range(first, stop)
    return {
      start: core.range(CORE.startUs, asFloats, first, stop),
      startNs: core.range(CORE.startNs, asU16, first, stop),
      dur: core.range(CORE.durUs, asFloats, first, stop),
      kind: core.range(CORE.kind, asU8, first, stop),
      status: core.range(CORE.status, asU8, first, stop),
      sampleRate: core.range(CORE.sampleRate, asU16, first, stop),
      name: (row) => texts.arena.text(names[row]),
    }
  }

  /** What the block knows of each of its traces, all rows counted. Blocks of old files have no section of it. */
  partials(): TracePartials {
    const { group } = this.#core
    return group.count > CORE.partials
      ? decodePartials(group.section(CORE.partials), this.traceIds)
      : makePartials(this, null, 0)
  }

  get #attributes(): BlockAttributes {
    this.#openAttributes ??= new BlockAttributes(this.#attrBytes(), this.rows, this.#name)
    return this.#openAttributes
  }
  attributeKeys(): string[] {
    return this.#attributes.keys
  }
  attribute(key: string): AttributeColumn | null {
    return this.#attributes.column(key)
  }

  resources(): ResourceEntry[] {
    return this.#rest.entries(REST.resources)
  }
  scopes(): ScopeEntry[] {
    return this.#rest.entries(REST.scopes)
  }
  statusMessage(row: number): string {
    return this.#rest.text(REST.statusMessage).text(row)
  }
  traceState(row: number): string {
    return this.#rest.text(REST.traceState).text(row)
  }
  /** OTLP/JSON `Event[]` text, or empty. */
  events(row: number): string {
    return this.#rest.text(REST.events).text(row)
  }
  /** OTLP/JSON `Link[]` text, or empty. */
  links(row: number): string {
    return this.#rest.text(REST.links).text(row)
  }
  /** Events or links of all rows. */
  nested(part: SpanPart): NestedTexts {
    const { arena, index } = this.#rest.text(part === 'events' ? REST.events : REST.links)
    return { text: (entry) => arena.text(entry), entries: arena.size, index }
  }
  dropped(row: number): { attributes: number; events: number; links: number } {
    return {
      attributes: this.#rest.uints(REST.droppedAttributes)[row],
      events: this.#rest.uints(REST.droppedEvents)[row],
      links: this.#rest.uints(REST.droppedLinks)[row],
    }
  }

  /** The rows as a batch again, for merging. `receivedUs` is the caller's to set. */
  toBatch(): { batch: SpanBatch; seqs: Uint32Array } {
    const dictionary = new DictionaryBuilder()
    const [name, statusMessage, traceState, events, links] = [
      this.#core.text(CORE.name),
      ...[REST.statusMessage, REST.traceState, REST.events, REST.links].map((section) => this.#rest.text(section)),
    ].map((column) => column.internInto(dictionary))
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
        droppedAttributes: this.#rest.uints(REST.droppedAttributes),
        droppedEvents: this.#rest.uints(REST.droppedEvents),
        droppedLinks: this.#rest.uints(REST.droppedLinks),
        events,
        links,
        marks: this.marks,
        sampleRate: this.sampleRate,
        attributes,
      },
    }
  }
}
