import { AttrType, type ResourceEntry } from '../../model/columns.ts'
import type { Filter, FilterTerm } from '../../model/filter.ts'
import { type AnyValue, SPAN_KINDS, SPAN_STATUSES } from '../../model/records.ts'
import {
  type LogMatchBlock,
  type MatchAttribute,
  matchLogs,
  matchSpans,
  type SpanMatchBlock,
} from '../../query/filter-match.ts'
import { type SpanPart, spanPart } from '../../query/nested-match.ts'
import type { NeededValue } from './value-filters.ts'

/**
 * The filter language on Postgres. Every term becomes SQL that lets all rows through on which it can hold, so that
 * the server does the bulk of the work; terms that SQL does not decide in exactly the same way as the language are then
 * looked at once more by the matcher that both engines share.
 */
export interface FilterSql extends Again {
  /** Conditions to be joined by AND. */
  conditions: string[]
  /** What rows must have among their own attributes. */
  needed: NeededValue[]
}

/** What the server's rows are matched against once more. */
export interface Again {
  /** Terms that the rows must be matched against once more. */
  again: Filter
  /** Attribute keys that this needs. */
  keys: string[]
}

/** Values of a statement, numbered as they are added. */
export class Values {
  readonly list: unknown[] = []

  add(value: unknown): string {
    return `$${this.list.push(value)}`
  }
}

type Signal = 'traces' | 'logs'

export function filterSql(
  signal: Signal,
  filter: Filter,
  values: Values,
  resources: ReadonlyMap<number, ResourceEntry>,
): FilterSql {
  const conditions: string[] = []
  const again: FilterTerm[] = []
  const keys = new Set<string>()
  const needed: NeededValue[] = []
  for (const term of filter) {
    if (term.type === 'text') {
      conditions.push(textCondition(signal === 'traces' ? 'name' : 'body', term, values))
      again.push(term)
      continue
    }
    const listed = listCondition(signal, term, resources)
    if (listed !== null) {
      conditions.push(listed)
      continue
    }
    if ((signal === 'traces' && term.key === 'name') || (signal === 'logs' && term.key === 'body')) {
      const column = term.key
      if (term.op === '=') conditions.push(`${column} = ${values.add(term.value)}`)
      else if (term.op === '!=') conditions.push(`${column} <> ${values.add(term.value)}`)
      else if (term.op === 'in')
        conditions.push(`${column} = ANY(${values.add(term.list?.map(({ value }) => value))}::text[])`)
      else again.push(term)
      continue
    }
    if (signal === 'traces' && term.key === 'dur') {
      if (term.number !== null && /^[<>]=?$/.test(term.op))
        conditions.push(`dur ${term.op} ${values.add(term.number)}::float8`)
      again.push(term)
      continue
    }
    again.push(term)
    const part = signal === 'traces' ? spanPart(term.key) : null
    if (part) {
      if (!term.op.startsWith('!')) conditions.push(`${part} IS NOT NULL`)
      // An id stands in the text as it is written.
      if (part === 'links' && term.op === '=' && /^[0-9a-f]{16,32}$/.test(term.value))
        conditions.push(`links LIKE ${values.add(`%${term.value}%`)}`)
      continue
    }
    conditions.push(attributeCondition(term, values, resources, needed))
    keys.add(term.key)
  }
  return { conditions, again, keys: [...keys], needed }
}

/** Fields with few distinct values: the shared matcher says which of them hold. */
function listCondition(
  signal: Signal,
  term: FilterTerm & { type: 'attribute' },
  resources: ReadonlyMap<number, ResourceEntry>,
): string | null {
  if (term.key === 'service') {
    const services = [...new Set([...resources.values()].map(({ service }) => service))]
    const mask = new Uint8Array(services.length).fill(1)
    matchSpans([term], { ...noSpans(services.length), services, service: services.map((_, i) => i) }, mask)
    const held = new Set(services.filter((_, i) => mask[i] === 1))
    return resourceIn([...resources].flatMap(([id, { service }]) => (held.has(service) ? [id] : [])))
  }
  if (signal === 'traces' && (term.key === 'kind' || term.key === 'status')) {
    const all = Uint8Array.from({ length: term.key === 'kind' ? SPAN_KINDS.length : SPAN_STATUSES.length }, (_, i) => i)
    const mask = new Uint8Array(all.length).fill(1)
    matchSpans([term], { ...noSpans(all.length), [term.key]: all }, mask)
    return inList(term.key, mask)
  }
  if (signal === 'logs' && term.key === 'severity') {
    const severity = Uint8Array.from({ length: 25 }, (_, i) => i)
    const mask = new Uint8Array(25).fill(1)
    matchLogs([term], { ...noLogs(25), severity }, mask)
    return inList('severity', mask)
  }
  return null
}

/** Rows of these resources; ids are numbers of our own making. */
export function resourceIn(ids: number[]): string {
  return ids.length === 0 ? 'false' : `resource = ANY('{${ids.join(',')}}'::int8[])`
}

function inList(column: string, mask: Uint8Array): string {
  const held = [...mask.keys()].filter((value) => mask[value] === 1)
  return held.length === 0 ? 'false' : `${column} IN (${held.join(',')})`
}

/** ILIKE folds as the language does in ASCII; text beyond ASCII is left to the matcher. */
function textCondition(column: string, term: FilterTerm & { type: 'text' }, values: Values): string {
  const ascii = [...term.value].every((char) => char.charCodeAt(0) < 128)
  if (!ascii || term.negated) return 'true'
  const pattern = values.add(`%${term.value.replace(/[\\%_]/g, '\\$&')}%`)
  return `(${column} ILIKE ${pattern} OR ${column} ~ '[^[:ascii:]]')`
}

/** An attribute is looked for on the row first, then on its resource. */
function attributeCondition(
  term: FilterTerm & { type: 'attribute' },
  values: Values,
  resources: ReadonlyMap<number, ResourceEntry>,
  needed: NeededValue[],
): string {
  // A parameter that the statement does not use has no type, and Postgres refuses it.
  let parameter: string | null = null
  const key = (): string => {
    parameter ??= values.add(term.key)
    return parameter
  }
  const own = ownCondition(term, key, values)
  const ids = [...resources.keys()]
  const entries = [...resources.values()]
  const mask = new Uint8Array(ids.length).fill(1)
  if (ids.length > 0) {
    matchSpans([term], { ...noSpans(ids.length), resource: ids.map((_, i) => i), resources: () => entries }, mask)
  }
  const held = ids.filter((_, i) => mask[i] === 1)
  if (held.length === 0) {
    if (isPlainEquality(term)) needed.push({ key: term.key, texts: equalTexts(term) })
    return own
  }
  const has = `attributes ? ${key()}::text`
  if (held.length === ids.length && ids.length > 0) return `(NOT ${has} OR (${own}))`
  return `((${own}) OR (NOT ${has} AND ${resourceIn(held)}))`
}

/** A key as a path names it. */
function pathKey(key: string): string {
  return JSON.stringify(key.replaceAll('\0', '').toWellFormed())
}

/** Whether rows have just one of `equalTexts`: no value at all, and a list in text form, are found otherwise. */
function isPlainEquality({ op, value }: FilterTerm & { type: 'attribute' }): boolean {
  return op === '=' && value !== '' && !/^[[{]/.test(value)
}

function equalCandidates({
  value,
  number,
}: {
  value: string
  number: number | null
}): (string | number | boolean | null)[] {
  const candidates: (string | number | boolean | null)[] = [value]
  if (number !== null) candidates.push(number)
  else if (Number.isFinite(Number(value)) && value.trim() !== '') candidates.push(Number(value))
  if (value === 'true') candidates.push(true)
  if (value === 'false') candidates.push(false)
  if (value === '') candidates.push(null)
  return candidates
}

const equalTexts = (term: { value: string; number: number | null }): string[] => [
  ...new Set(equalCandidates(term).map(String)),
]

/**
 * Equality as containment, which an index answers. Where that is more than one, as text, too, which a row is asked sooner:
 * the server begins with what it holds for cheaper, so there are three of them at least.
 */
function equalCondition(
  { key, value, number }: { key: string; value: string; number: number | null },
  parameter: () => string,
  values: Values,
): string {
  const candidates = equalCandidates({ value, number })
  const texts = equalTexts({ value, number })
  if (candidates.length === 2) candidates.push(false)
  const equal = candidates.map((one) => `attributes @> ${values.add(JSON.stringify({ [key]: one }))}::jsonb`)
  // An array or list in text form is compared by the matcher.
  if (/^[[{]/.test(value)) {
    return `(${equal.join(' OR ')} OR jsonb_typeof(attributes -> ${parameter()}::text) IN ('object', 'array'))`
  }
  const contained = equal.length === 1 ? equal[0] : `(${equal.join(' OR ')})`
  // The server writes out what has an exponent here, and an empty value is no text.
  if (equal.length === 1 || value === '' || texts.some((text) => /e/i.test(text) && Number.isFinite(Number(text))))
    return contained
  const text = `attributes ->> ${parameter()}::text`
  const same = texts.length === 1 ? `= ${values.add(texts[0])}` : `= ANY(${values.add(texts)}::text[])`
  return `${text} ${same} AND ${contained}`
}

function ownCondition(
  { key, op, value, number, list }: FilterTerm & { type: 'attribute' },
  parameter: () => string,
  values: Values,
): string {
  const has = (): string => `attributes ? ${parameter()}::text`
  switch (op) {
    case 'exists':
      return has()
    case '!exists':
      return 'false'
    case '=':
      return equalCondition({ key, value, number }, parameter, values)
    case 'in':
      return `(${(list ?? []).map((one) => equalCondition({ key, ...one }, parameter, values)).join(' OR ')})`
    case '>':
    case '>=':
    case '<':
    case '<=':
      if (number === null || !Number.isFinite(number)) return has()
      // Text may hold a number, too; the matcher reads it as the language says. A path, as shards are not asked about text.
      return `attributes @? ${values.add(`strict $.${pathKey(key)} ? (@ ${op} ${number} || @.type() != "number")`)}::jsonpath`
    default:
      return has()
  }
}

const NO_ATTRIBUTES = () => null
const zeros = (rows: number): Uint8Array => new Uint8Array(rows)

function noSpans(rows: number): SpanMatchBlock {
  return {
    rows,
    services: [''],
    service: zeros(rows),
    resource: zeros(rows),
    resources: () => [],
    attribute: NO_ATTRIBUTES,
    names: [''],
    name: zeros(rows),
    kind: zeros(rows),
    status: zeros(rows),
    durUs: new Float64Array(rows),
    nested: () => ({ text: () => '', entries: 1, index: zeros(rows) }),
  }
}

function noLogs(rows: number): LogMatchBlock {
  const { services, service, resource, resources, attribute } = noSpans(rows)
  return {
    rows,
    services,
    service,
    resource,
    resources,
    attribute,
    severity: zeros(rows),
    bodies: () => ({ dictionary: [''], index: zeros(rows) }),
  }
}

/** Columns that `matchAgain` needs, after a comma; attributes as a0, a1 … */
export function againColumns(signal: Signal, { again, keys }: Again, values: Values): string {
  if (again.length === 0) return ''
  const attributes = keys.map((key, i) => `, attributes -> ${values.add(key)}::text AS a${i}`).join('')
  const parts = new Set(again.map((term) => (term.type === 'attribute' ? spanPart(term.key) : null)))
  const nested = (['events', 'links'] as const).filter((part) => parts.has(part)).map((part) => `, ${part}`)
  return `, resource${attributes}${keys.length > 0 ? ', typed' : ''}${signal === 'traces' ? `, name, dur${nested.join('')}` : ', body'}`
}

/** A row as `againColumns` selects it. */
export interface AgainRow {
  resource: number
  typed?: string | null
  name?: string
  dur?: number
  body?: string
  events?: string | null
  links?: string | null
  [attribute: `a${number}`]: string | null
}

/** The rows on which the whole filter holds, in their order. */
export function matchAgain<R>(
  signal: Signal,
  { again, keys }: Again,
  rows: R[],
  resources: ReadonlyMap<number, ResourceEntry>,
): R[] {
  if (again.length === 0 || rows.length === 0) return rows
  const index = Uint32Array.from(rows, (_, i) => i)
  const more = rows as unknown as AgainRow[]
  const own = new Map(keys.map((key, i) => [key, attributeColumn(more, key, i)]))
  const entries = more.map(({ resource }) => resources.get(resource) ?? NO_RESOURCE)
  const shared = {
    rows: rows.length,
    services: [''],
    service: zeros(rows.length),
    resource: index,
    resources: () => entries,
    attribute: (key: string) => own.get(key) ?? null,
  }
  const mask = new Uint8Array(rows.length).fill(1)
  if (signal === 'traces') {
    const names = more.map(({ name }) => name ?? '')
    const durUs = Float64Array.from(more, ({ dur }) => Number(dur))
    const nothing = zeros(rows.length)
    const nested = (part: SpanPart) => ({ text: (row: number) => more[row][part] ?? '', entries: rows.length, index })
    matchSpans(again, { ...shared, names, name: index, kind: nothing, status: nothing, durUs, nested }, mask)
  } else {
    const dictionary = more.map(({ body }) => body ?? '')
    matchLogs(again, { ...shared, severity: zeros(rows.length), bodies: () => ({ dictionary, index }) }, mask)
  }
  return rows.filter((_, i) => mask[i] === 1)
}

const NO_RESOURCE: ResourceEntry = { service: '', attributes: '[]', droppedAttributesCount: 0, schemaUrl: '' }

function attributeColumn(rows: AgainRow[], key: string, at: number): MatchAttribute {
  const has: number[] = []
  const types: number[] = []
  const numbers: number[] = []
  const numberOf = new Map<string, number>()
  const texts: string[] = []
  const index: number[] = []
  rows.forEach((row, i) => {
    const json = row[`a${at}`]
    if (json === null || json === undefined) return
    const exact = row.typed ? (JSON.parse(row.typed) as Record<string, AnyValue>)[key] : undefined
    const { type, number, text } = cellOf(exact ?? plainToAny(JSON.parse(json)))
    has.push(i)
    types.push(type)
    numbers.push(number)
    let entry = numberOf.get(text)
    if (entry === undefined) {
      entry = texts.push(text) - 1
      numberOf.set(text, entry)
    }
    index.push(entry)
  })
  return {
    rows: Uint32Array.from(has),
    types: Uint8Array.from(types),
    uniform: 0,
    numbers: Float64Array.from(numbers),
    texts: texts.length,
    index,
    text: (number) => texts[number],
    find: (text) => numberOf.get(text) ?? -1,
  }
}

/** A plain JSON value with the type it had: whole numbers were integers, as all else is kept apart. */
export function plainToAny(plain: unknown): AnyValue {
  switch (typeof plain) {
    case 'string':
      return { stringValue: plain }
    case 'boolean':
      return { boolValue: plain }
    case 'number':
      return Number.isInteger(plain) ? { intValue: String(plain) } : { doubleValue: plain }
    default:
      return {}
  }
}

function cellOf(value: AnyValue): { type: AttrType; number: number; text: string } {
  if ('stringValue' in value) return { type: AttrType.string, number: 0, text: String(value.stringValue) }
  if ('boolValue' in value) return { type: AttrType.bool, number: value.boolValue ? 1 : 0, text: '' }
  if ('intValue' in value) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number)
      ? { type: AttrType.int, number, text: '' }
      : { type: AttrType.bigint, number: 0, text: String(value.intValue) }
  }
  if ('doubleValue' in value) return { type: AttrType.double, number: Number(value.doubleValue), text: '' }
  if ('bytesValue' in value) return { type: AttrType.bytes, number: 0, text: String(value.bytesValue) }
  if ('arrayValue' in value || 'kvlistValue' in value)
    return { type: AttrType.json, number: 0, text: JSON.stringify(value) }
  return { type: AttrType.empty, number: 0, text: '' }
}
