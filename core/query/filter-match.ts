/**
 * Evaluates a Filter on the columns of one stored block. Text is looked at once per distinct value, not once per row.
 * An attribute is looked for on the row first, then on its resource; where it is missing, `!=`, `!~`, `!in` and `!exists` hold.
 */
import { AttrType, type ResourceEntry } from '../model/columns.ts'
import type { Filter, FilterTerm } from '../model/filter.ts'
import type { KeyValue } from '../model/records.ts'
import { SPAN_KINDS, SPAN_STATUSES } from '../model/records.ts'
import { plainText } from './any-value.ts'
import { compileTest, type ValueTest } from './filter-test.ts'
import { keepNested, type NestedTexts, type SpanPart, spanPart } from './nested-match.ts'

/** One attribute key of a block: the rows that have it, in order, and their values. */
export interface MatchAttribute {
  rows: Uint32Array
  types: Uint8Array
  /** The type of all cells, 0 when they differ. */
  uniform: number
  /** Of bool, int and double values. */
  numbers: Float64Array
  /** How many distinct texts there are; `index` has the number of each cell's, for values kept as text. */
  texts: number
  index: ArrayLike<number> & { indexOf(value: number, from?: number): number }
  text(number: number): string
  /** The number of a text, or -1. */
  find(text: string): number
}

interface MatchBlock {
  rows: number
  services: string[]
  service: ArrayLike<number>
  resource: ArrayLike<number>
  resources(): ResourceEntry[]
  attribute(key: string): MatchAttribute | null
}

export interface SpanMatchBlock extends MatchBlock {
  names: string[]
  name: ArrayLike<number>
  kind: Uint8Array
  status: Uint8Array
  durUs: Float64Array
  nested(part: SpanPart): NestedTexts
}

export interface LogMatchBlock extends MatchBlock {
  severity: Uint8Array
  bodies(): { dictionary: string[]; index: ArrayLike<number> }
}

/**
 * Clears, in `mask` (one byte a row), every row on which a term of `filter` does not hold.
 * @returns false when no row is left.
 */
export function matchSpans(filter: Filter, block: SpanMatchBlock, mask: Uint8Array): boolean {
  return matchTerms(filter, block, mask, (term, test) => {
    if (term.type === 'text') return keepText(mask, block.names, block.name, test)
    switch (term.key) {
      case 'service':
        return keepText(mask, block.services, block.service, test)
      case 'name':
        return keepText(mask, block.names, block.name, test)
      case 'kind':
        return keepText(mask, SPAN_KINDS, block.kind, test)
      case 'status':
        return keepText(mask, SPAN_STATUSES, block.status, test)
      case 'dur':
        return keepNumbers(mask, block.durUs, test)
      default: {
        const part = spanPart(term.key)
        return part ? keepNested(mask, block.nested(part), term) : keepAttribute(mask, block, term.key, test)
      }
    }
  })
}

/** As matchSpans, for log records: free text searches bodies. */
export function matchLogs(filter: Filter, block: LogMatchBlock, mask: Uint8Array): boolean {
  return matchTerms(filter, block, mask, (term, test) => {
    const key = term.type === 'text' ? 'body' : term.key
    if (key === 'body') {
      const bodies = block.bodies()
      return keepText(mask, bodies.dictionary, bodies.index, test)
    }
    if (key === 'service') return keepText(mask, block.services, block.service, test)
    if (key === 'severity') return keepSeverity(mask, block.severity, term, test)
    return keepAttribute(mask, block, key, test)
  })
}

function matchTerms(
  filter: Filter,
  block: MatchBlock,
  mask: Uint8Array,
  apply: (term: FilterTerm, test: ValueTest) => void,
): boolean {
  // Terms on columns that are at hand come first: they may empty the mask before attributes are unpacked.
  const cheap = (term: FilterTerm): boolean => term.type === 'attribute' && FIELDS.has(term.key)
  const ordered = [...filter].sort((a, b) => Number(cheap(b)) - Number(cheap(a)))
  for (const term of ordered) {
    if (!mask.subarray(0, block.rows).includes(1)) return false
    apply(term, compileTest(term))
  }
  return mask.subarray(0, block.rows).includes(1)
}

const FIELDS = new Set(['service', 'name', 'kind', 'status', 'dur', 'severity'])

/** Of so many texts each one is on few rows. */
const SELDOM = 64

/** Clears every row on which the column is not `wanted`. */
export function keepEqual(mask: Uint8Array, column: ArrayLike<number>, wanted: number): void {
  for (let row = 0; row < mask.length; row++) if (column[row] !== wanted) mask[row] = 0
}

/** The same where few rows hold it: the search for them is native. */
function keepSeldom(mask: Uint8Array, column: MatchAttribute['index'], wanted: number): void {
  let from = 0
  for (let row = column.indexOf(wanted); row !== -1; row = column.indexOf(wanted, row + 1)) {
    mask.fill(0, from, row)
    from = row + 1
  }
  mask.fill(0, from)
}

function keepText(mask: Uint8Array, dictionary: readonly string[], index: ArrayLike<number>, test: ValueTest): void {
  // 0 not looked at yet, 1 fails, 2 holds.
  const verdict = new Uint8Array(dictionary.length)
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] === 0) continue
    const entry = index[row]
    if (verdict[entry] === 0) verdict[entry] = test.text(dictionary[entry]) ? 2 : 1
    if (verdict[entry] === 1) mask[row] = 0
  }
}

function keepNumbers(mask: Uint8Array, column: ArrayLike<number>, test: ValueTest): void {
  for (let row = 0; row < mask.length; row++) if (mask[row] !== 0 && !test.number(column[row])) mask[row] = 0
}

/** `severity=error` means the band of error (17 to 20), as people read it; numbers mean themselves. */
function keepSeverity(mask: Uint8Array, severity: Uint8Array, term: FilterTerm, test: ValueTest): void {
  if (term.type === 'attribute' && term.list) {
    const bands = term.list.map(
      ({ value, number }): FilterTerm => ({ ...term, op: '=', value, number, list: undefined }),
    )
    const some = new Uint8Array(mask.length)
    for (const one of bands) {
      const own = mask.slice()
      keepSeverity(own, severity, one, compileTest(one))
      for (let row = 0; row < some.length; row++) some[row] |= own[row]
    }
    for (let row = 0; row < mask.length; row++) if (some[row] === (term.op === '!in' ? 1 : 0)) mask[row] = 0
    return
  }
  const named = term.type === 'attribute' && term.number !== null && Number.isNaN(Number(term.value))
  if (term.type !== 'attribute' || term.number === null || !named) {
    keepNumbers(mask, severity, test)
    return
  }
  const least = term.number
  const band = (value: number): number => (value === 0 ? 0 : value - ((value - 1) % 4))
  const accepts = (value: number): boolean => {
    switch (term.op) {
      case '=':
        return band(value) === least
      case '!=':
        return band(value) !== least
      case '>':
        return band(value) > least
      case '<=':
        return band(value) <= least
      default:
        return test.number(value)
    }
  }
  for (let row = 0; row < mask.length; row++) if (mask[row] !== 0 && !accepts(severity[row])) mask[row] = 0
}

const RESOURCE = 'resource.'
/** The key of the resource alone that a key names, or null. */
export const resourceKey = (key: string): string | null =>
  key.startsWith(RESOURCE) && key.length > RESOURCE.length ? key.slice(RESOURCE.length) : null

function keepAttribute(mask: Uint8Array, block: MatchBlock, key: string, test: ValueTest): void {
  // Opened only when a row has no value of its own, as resources lie apart.
  let ofResource: boolean[] | null = null
  const column = block.attribute(key)
  let next = 0
  const count = column ? column.rows.length : 0
  const verdict = new Uint8Array(column ? column.texts : 0)
  if (column && test.exact !== null) {
    // One look at the texts instead of one at each that a row has.
    const wanted = column.find(test.exact)
    if (column.rows.length === mask.length && column.uniform === AttrType.string) {
      if (wanted === -1) mask.fill(0)
      else if (column.texts > SELDOM) keepSeldom(mask, column.index, wanted)
      else keepEqual(mask, column.index, wanted)
      return
    }
    verdict.fill(1)
    if (wanted !== -1) verdict[wanted] = 2
  }
  for (let row = 0; row < mask.length; row++) {
    const own = next < count && column !== null && column.rows[next] === row
    if (mask[row] !== 0) {
      let holds: boolean
      if (own && column) holds = cellHolds(column, next, test, verdict)
      else {
        ofResource ??= block.resources().map((resource) => resourceHolds(resource, key, test))
        holds = ofResource[block.resource[row]]
      }
      if (!holds) mask[row] = 0
    }
    if (own) next++
  }
}

function cellHolds(column: MatchAttribute, cell: number, test: ValueTest, verdict: Uint8Array): boolean {
  const type = column.types[cell]
  if (type === AttrType.bool) return test.text(column.numbers[cell] === 1 ? 'true' : 'false')
  if (type === AttrType.int || type === AttrType.double) return test.number(column.numbers[cell])
  if (type === AttrType.empty) return test.text('')
  const entry = column.index[cell]
  if (type === AttrType.json) return test.text(plainText(JSON.parse(column.text(entry))))
  if (verdict[entry] === 0) verdict[entry] = test.text(column.text(entry)) ? 2 : 1
  return verdict[entry] === 2
}

function resourceHolds(resource: ResourceEntry, key: string, test: ValueTest): boolean {
  const scoped = resourceKey(key)
  const may = (name: string | null): boolean => name !== null && resource.attributes.includes(JSON.stringify(name))
  if (!may(key) && !may(scoped)) return test.missing
  const attributes = JSON.parse(resource.attributes) as KeyValue[]
  const found = attributes.find((one) => one.key === key) ?? attributes.find((one) => one.key === scoped)
  return found ? test.text(plainText(found.value)) : test.missing
}
