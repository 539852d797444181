import type { LogBatch, ResourceEntry, ScopeEntry } from '../../../model/columns.ts'
import { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import { type AttributeColumn, BlockAttributes } from './attribute-sections.ts'
import type { BlockName } from './damaged-block.ts'
import { LOG_BODY as BODY, LOG_CORE as CORE } from './log-sections.ts'
import { restoreAttributes } from './restore-attributes.ts'
import { SectionColumns } from './section-columns.ts'
import { Group } from './sections.ts'

/** A stored block of log records. Sections are decompressed when first asked for and then kept. */
export class LogBlock {
  readonly rows: number
  readonly #name: BlockName
  #core: SectionColumns
  #body: SectionColumns
  #attrBytes: () => Uint8Array
  #openAttributes: BlockAttributes | null = null

  /** @throws DamagedBlock, as every part of it that is opened may */
  constructor(name: BlockName, core: Uint8Array, attr: () => Uint8Array, body: () => Uint8Array) {
    this.#name = name
    this.#core = new SectionColumns(null, () => new Group(core, name))
    this.rows = this.#core.rows
    this.#body = new SectionColumns(this.rows, () => new Group(body(), name))
    this.#attrBytes = attr
  }

  get seq(): Uint32Array {
    return this.#core.uints(CORE.seq)
  }
  get timeUs(): Float64Array {
    return this.#core.floats(CORE.timeUs)
  }
  get timeNs(): Uint16Array {
    return this.#core.u16(CORE.timeNs)
  }
  get observedUs(): Float64Array {
    return this.#core.floats(CORE.observedUs)
  }
  get observedNs(): Uint16Array {
    return this.#core.u16(CORE.observedNs)
  }
  get timeSource(): Uint8Array {
    return this.#core.u8(CORE.timeSource)
  }
  get severity(): Uint8Array {
    return this.#core.u8(CORE.severity)
  }
  /** 16 bytes a row, zeros = no trace. */
  get traceIds(): Uint8Array {
    return this.#core.bytes(CORE.traceIds)
  }
  get spanIds(): Uint8Array {
    return this.#core.bytes(CORE.spanIds)
  }
  get services(): string[] {
    return this.#core.strings(CORE.services)
  }
  get service(): Uint32Array {
    return this.#core.uints(CORE.service)
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
    return this.#body.entries(BODY.resources)
  }
  scopes(): ScopeEntry[] {
    return this.#body.entries(BODY.scopes)
  }
  body(row: number): string {
    return this.#body.text(BODY.body).text(row)
  }
  bodies(): { dictionary: string[]; index: Uint32Array } {
    const { arena, index } = this.#body.text(BODY.body)
    return { dictionary: arena.all(), index }
  }
  /** AttrType of each body. */
  get bodyType(): Uint8Array {
    return this.#body.u8(BODY.bodyType)
  }
  severityText(row: number): string {
    return this.#body.text(BODY.severityText).text(row)
  }
  eventName(row: number): string {
    return this.#body.text(BODY.eventName).text(row)
  }
  dropped(row: number): number {
    return this.#body.uints(BODY.droppedAttributes)[row]
  }

  /** The rows as a batch again, for merging. `receivedUs` is the caller's to set. */
  toBatch(): { batch: LogBatch; seqs: Uint32Array } {
    const dictionary = new DictionaryBuilder()
    const [body, severityText, eventName] = [BODY.body, BODY.severityText, BODY.eventName].map((section) =>
      this.#body.text(section).internInto(dictionary),
    )
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
        droppedAttributes: this.#body.uints(BODY.droppedAttributes),
        attributes,
      },
    }
  }
}
