import type { Facet, TagValue } from '../../../core/api/contract/shapes.ts'
import { type PlacedTerm, scanTerms, termText } from './terms.ts'

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
  /** Whole terms that are often wanted. */
  shortcuts: readonly string[]
  keys(): Promise<TagValue[]>
  values(key: string, prefix: string): Promise<TagValue[]>
  /** Counts within what is shown now; a key that is not there has no counts. */
  facets(): readonly Facet[]
}

const MOST = 14
const OPERATORS = ['=', '!=', '=~', '!~', '>', '>=', '<', '<=', ' exists']

/** What can be written at the cursor: keys by frequency, then operators, then values with counts. */
export async function suggest(source: SuggestionSource, text: string, cursor: number): Promise<Suggestions | null> {
  const term = scanTerms(text).find((one) => one.from < cursor && cursor <= one.to)
  if (term && term.op !== '' && cursor > term.opFrom) return valuesFor(source, text, term, cursor)
  const from = term ? term.from + (term.negated ? 1 : 0) : cursor
  return { from, items: await keysFor(source, text.slice(from, cursor), term?.negated ?? false) }
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
  return [
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

async function valuesFor(
  source: SuggestionSource,
  text: string,
  term: PlacedTerm,
  cursor: number,
): Promise<Suggestions> {
  const wanted = text.slice(Math.min(term.valueFrom, cursor), cursor).replace(/^"/, '').toLowerCase()
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
    from: Math.min(term.valueFrom, cursor),
    items: hits.slice(0, MOST).map(([value, count]) => {
      const written = termText({ negated: false, key: 'k', op: term.op === 'exists' ? '=' : term.op, value })
      const insert = written.slice(1 + term.op.length)
      return { insert, label: value, count, kind: 'value', complete: true }
    }),
  }
}
