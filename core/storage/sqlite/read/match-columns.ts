import type { ResourceEntry } from '../../../model/columns.ts'
import type { SpanMatchBlock } from '../../../query/filter-match.ts'
import type { NestedTexts, SpanPart } from '../../../query/nested-match.ts'
import type { AttributeColumn } from '../blocks/attribute-sections.ts'
import type { SpanBlock } from '../blocks/span-block.ts'

/** Memory of a MatchColumns that keeps no column yet. */
export const EMPTY_BYTES = 500

/**
 * A block as searches filter it. Its services and the attributes that were asked for stay at hand, a few bytes a row;
 * all else comes from the block, which is opened when it is needed.
 */
export class MatchColumns implements SpanMatchBlock {
  readonly rows: number
  #block: () => SpanBlock
  #grown: (bytes: number) => void
  #services: { names: string[]; index: ArrayLike<number> } | null = null
  #attributes = new Map<string, AttributeColumn | null>()

  /**
   * @param block opens the block
   * @param grown is told how many bytes more are kept
   */
  constructor(rows: number, block: () => SpanBlock, grown: (bytes: number) => void) {
    this.rows = rows
    this.#block = block
    this.#grown = grown
  }

  get services(): string[] {
    return this.#servicesKept().names
  }
  get service(): ArrayLike<number> {
    return this.#servicesKept().index
  }

  #servicesKept(): { names: string[]; index: ArrayLike<number> } {
    if (!this.#services) {
      const { services, service } = this.#block()
      this.#services = { names: services, index: service }
      this.#grown(service.byteLength + services.length * 50)
    }
    return this.#services
  }

  attribute(key: string): AttributeColumn | null {
    let column = this.#attributes.get(key)
    if (column === undefined) {
      column = this.#block().attribute(key)
      this.#attributes.set(key, column)
      this.#grown(50 + (column?.bytes ?? 0))
    }
    return column
  }

  nested(part: SpanPart): NestedTexts {
    return this.#block().nested(part)
  }

  get seq(): Uint32Array {
    return this.#block().seq
  }
  get names(): string[] {
    return this.#block().names
  }
  get name(): Uint32Array {
    return this.#block().name
  }
  get kind(): Uint8Array {
    return this.#block().kind
  }
  get status(): Uint8Array {
    return this.#block().status
  }
  get durUs(): Float64Array {
    return this.#block().durUs
  }
  get resource(): Uint32Array {
    return this.#block().resource
  }
  resources(): ResourceEntry[] {
    return this.#block().resources()
  }
}
