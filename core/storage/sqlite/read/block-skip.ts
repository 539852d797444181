import type { Filter, FilterTerm, FilterValue } from '../../../model/filter.ts'
import { resourceKey } from '../../../query/filter-match.ts'
import { spanPart } from '../../../query/nested-match.ts'
import { attrHash, type BloomHash, bloomHas } from '../blocks/bloom.ts'

/** Fields of spans and log records that are no attributes, so that the attribute filter says nothing of them. */
const FIELDS = {
  traces: new Set(['service', 'name', 'kind', 'status', 'dur']),
  logs: new Set(['service', 'severity', 'body']),
}

interface Skippable {
  services: string[]
  attrBloom: Uint8Array
}

/** Tells from its statistics alone whether a block can hold a matching row. Made once a query. */
export class BlockSkip {
  #service: string | null
  #needs: BloomHash[][]
  #services: string[] = []
  #dur: FilterTerm[] = []

  constructor(signal: 'traces' | 'logs', filter: Filter, service: string | null) {
    this.#service = service
    this.#needs = []
    for (const term of filter) {
      if (term.type !== 'attribute') continue
      if (term.key === 'service' && term.op === '=') this.#services.push(term.value)
      else if (signal === 'traces' && term.key === 'dur' && term.number !== null) this.#dur.push(term)
      else if (!FIELDS[signal].has(term.key) && !(signal === 'traces' && spanPart(term.key))) {
        const hashes = hashesOf(term)
        if (hashes) this.#needs.push(hashes)
      }
    }
  }

  mayMatch(block: Skippable): boolean {
    if (this.#service !== null && !block.services.includes(this.#service)) return false
    if (!this.#services.every((service) => block.services.includes(service))) return false
    return this.#needs.every((any) => any.some(({ hi, lo }) => bloomHas(block.attrBloom, hi, lo)))
  }

  /** Whether a span of `min` to `max` µs can satisfy the filter's conditions on `dur`. */
  mayLast(min: number, max: number): boolean {
    return this.#dur.every((term) => {
      if (term.type !== 'attribute' || term.number === null) return true
      if (term.op === '>') return max > term.number
      if (term.op === '>=') return max >= term.number
      if (term.op === '<') return min < term.number
      if (term.op === '<=') return min <= term.number
      return true
    })
  }
}

/** Of these, one must be in a block's filter; null where a missing key matches as well. */
function hashesOf(term: FilterTerm): BloomHash[] | null {
  if (term.type !== 'attribute' || term.op.startsWith('!')) return null
  const scoped = resourceKey(term.key)
  const keys = scoped === null ? [term.key] : [term.key, scoped]
  const values: FilterValue[] = term.op === '=' ? [term] : (term.list ?? [])
  // Lists, empty values and patterns are not in the filter as the text that people write: the key must do.
  if (values.length === 0 || values.some(({ value }) => value === '' || /^[[{]/.test(value)))
    return keys.map((key) => attrHash(key))
  return keys.flatMap((key) =>
    values.flatMap(({ value, number }) => [
      attrHash(key, value),
      ...(number === null ? [] : [attrHash(key, String(number))]),
    ]),
  )
}
