import type { Filter, FilterTerm } from '../../model/filter.ts'
import { attrHash, type BloomHash, bloomHas } from './bloom.ts'

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
      else if (!FIELDS[signal].has(term.key)) {
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
  if (term.type !== 'attribute' || term.op === '!=' || term.op === '!~' || term.op === '!exists') return null
  // Lists, empty values and patterns are not in the filter as the text that people write: the key must do.
  if (term.op !== '=' || term.value === '' || /^[[{]/.test(term.value)) return [attrHash(term.key)]
  const hashes = [attrHash(term.key, term.value)]
  if (term.number !== null) hashes.push(attrHash(term.key, String(term.number)))
  return hashes
}
