import type { Facet, TagValue } from '../../../core/api/contract/shapes.ts'
import { CHAIN, itemText, type PlacedTerm, scanTerms, setAt, termText } from './terms.ts'

export interface Suggestion {
  /** Replaces the text between `from` and the cursor. */
  insert: string
  label: string
  /** How often, where known; 0 would find nothing. */
  count: number | null
  kind: 'key' | 'operator' | 'value' | 'term'
  /** The term is whole: choosing it applies the filter. */
  complete: boolean
}

export interface Suggestions {
  from: number
  items: Suggestion[]
}

/** Where suggestions come from; both answer the most frequent first. */
export interface SuggestionSource {
  /** Keys that are no attributes, in the order to offer them. */
  fields: readonly string[]
  /** Numbers over a trace, such as `count()`; none where there are no traces. */
  aggregates?: readonly string[]
  /** Whole terms that are often wanted. */
  shortcuts: readonly string[]
  keys(): Promise<TagValue[]>
  values(key: string, prefix: string): Promise<TagValue[]>
  /** Counts within what is shown now; a key that is not there has no counts. */
  facets(): readonly Facet[]
}

const MOST = 14
const OPERATORS = ['=', '!=', '=~', '!~', '>', '>=', '<', '<=', ' exists', ' in (']

/** What can be written at the cursor: keys by frequency, then operators, then values with counts. */
export async function suggest(source: SuggestionSource, text: string, cursor: number): Promise<Suggestions | null> {
  const terms = scanTerms(text)
  const term = terms.find((one) => one.from < cursor && cursor <= one.to)
  if (term?.op === CHAIN) return inChain(source, text, term, cursor)
  // Right after a set: what may lie below it comes first.
  const before = terms.find((one) => one.op === CHAIN && one.to < cursor && text.slice(one.to, cursor).trim() === '')
  if (!term && before) {
    return { from: cursor, items: [...continuations(source, ''), ...(await keysFor(source, '', false))].slice(0, MOST) }
  }
  if (term && term.op !== '' && cursor > term.opFrom) return valuesFor(source, text, term, cursor)
  const from = term ? term.from + (term.negated ? 1 : 0) : cursor
  return { from, items: await keysFor(source, text.slice(from, cursor), term?.negated ?? false) }
}

/** What may follow a set in braces, given what stands behind it already. */
function continuations({ aggregates = [] }: SuggestionSource, typed: string): Suggestion[] {
  const all = ['>> { ', '> { ', ...aggregates.map((one) => `| ${one} > `)]
  return all
    .filter((text) => text.replaceAll(' ', '').startsWith(typed.replaceAll(' ', '')))
    .map((insert): Suggestion => ({ insert, label: insert.trim(), count: null, kind: 'operator', complete: false }))
}

/** Within braces as anywhere else, but nothing there is whole before the brace is closed. */
async function inChain(
  source: SuggestionSource,
  text: string,
  term: PlacedTerm,
  cursor: number,
): Promise<Suggestions | null> {
  const set = setAt(text, term, cursor)
  if (!set) {
    const from = text.lastIndexOf('}', cursor - 1) + 1
    const typed = text.slice(from, cursor)
    const blank = /^\s/.test(typed) ? '' : ' '
    return {
      from,
      items: continuations(source, typed).map((item) => ({ ...item, insert: (blank || ' ') + item.insert })),
    }
  }
  const found = await suggest(
    { ...source, aggregates: [], shortcuts: [], facets: () => source.facets() },
    set.text,
    cursor - set.from,
  )
  if (!found) return null
  const braces = (insert: string): string => (/^[^"].*[{}]|^[{}]/.test(insert) ? `"${insert}"` : insert)
  return {
    from: set.from + found.from,
    items: found.items.map((item) => ({
      ...item,
      insert: item.kind === 'value' ? `${braces(item.insert)} ` : item.insert,
      complete: false,
    })),
  }
}

async function keysFor(source: SuggestionSource, typed: string, negated: boolean): Promise<Suggestion[]> {
  const wanted = typed.toLowerCase()
  const known = await source.keys().catch(() => [])
  const all = [
    ...source.fields.map((value) => ({ value, count: 0 })),
    ...known.filter(({ value }) => !source.fields.includes(value)),
  ]
  const hits = all.filter(({ value }) => value.toLowerCase().includes(wanted))
  hits.sort(
    (a, b) => Number(b.value.toLowerCase().startsWith(wanted)) - Number(a.value.toLowerCase().startsWith(wanted)),
  )
  const exact = hits.find(({ value }) => value.toLowerCase() === wanted)
  const shortcuts = negated || wanted.length < 2 ? [] : source.shortcuts.filter((text) => text.includes(wanted))
  const aggregates = wanted === '' || negated ? [] : (source.aggregates ?? []).filter((text) => text.startsWith(wanted))
  return [
    ...aggregates.map(
      (text): Suggestion => ({ insert: `${text} > `, label: text, count: null, kind: 'operator', complete: false }),
    ),
    ...shortcuts.map((text): Suggestion => ({ insert: text, label: text, count: null, kind: 'term', complete: true })),
    ...(exact ? operatorsOf(exact.value) : []),
    ...hits
      .filter((hit) => hit !== exact)
      .map(
        ({ value, count }): Suggestion => ({
          insert: value + usualOperator(value),
          label: value,
          count: count || null,
          kind: 'key',
          complete: false,
        }),
      ),
  ].slice(0, MOST)
}

function usualOperator(key: string): string {
  if (key === 'duration' || key === 'dur') return '>'
  return key === 'severity' ? '>=' : '='
}

function operatorsOf(key: string): Suggestion[] {
  const fitting = key === 'duration' ? OPERATORS.filter((op) => /[<>]/.test(op)) : OPERATORS
  return fitting.map((op) => ({
    insert: key + op,
    label: `${key}${op}`,
    count: null,
    kind: 'operator',
    complete: op === ' exists',
  }))
}

/** Where the value of a list begins that the cursor stands in. */
function itemFrom(text: string, term: PlacedTerm, cursor: number): number {
  const before = text.slice(term.valueFrom, cursor)
  return term.valueFrom + (/^.*[(,]\s*/s.exec(before)?.[0].length ?? before.length)
}

async function valuesFor(
  source: SuggestionSource,
  text: string,
  term: PlacedTerm,
  cursor: number,
): Promise<Suggestions> {
  const valueFrom = term.op === 'in' ? itemFrom(text, term, cursor) : Math.min(term.valueFrom, cursor)
  const wanted = text.slice(valueFrom, cursor).replace(/^"/, '').toLowerCase()
  const facet = source.facets().find(({ key }) => key === term.key)
  const here = new Map(facet?.values.map(({ value, count }) => [value, count]))
  // All values of the key are counted: what is not among them would find nothing.
  const whole = facet !== undefined && facet.values.length === facet.distinct
  const elsewhere = await source.values(term.key, '').catch(() => [])
  const counts = new Map<string, number | null>(here)
  for (const { value, count } of elsewhere)
    if (!counts.has(value)) counts.set(value, facet ? (whole ? 0 : null) : count || null)
  const hits = [...counts].filter(([value]) => value.toLowerCase().includes(wanted) && value !== '')
  hits.sort(([a], [b]) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)))
  return {
    from: valueFrom,
    items: hits.slice(0, MOST).map(([value, count]) => {
      if (term.op === 'in') return { insert: itemText(value), label: value, count, kind: 'value', complete: false }
      const written = termText({ negated: false, key: 'k', op: term.op === 'exists' ? '=' : term.op, value })
      const insert = written.slice(1 + term.op.length)
      return { insert, label: value, count, kind: 'value', complete: true }
    }),
  }
}
