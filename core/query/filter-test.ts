import { RE2JS } from 're2js'
import type { FilterTerm } from '../model/filter.ts'

/** A term made ready for many values. */
export interface ValueTest {
  text(value: string): boolean
  number(value: number): boolean
  /** Whether the term holds where the key is missing. */
  missing: boolean
  /** The one text for which `text` holds, or null where more may do. */
  exact: string | null
}

/** Makes a term ready to be tested. Patterns are RE2: time grows with the text alone, whatever the pattern. */
export function compileTest(term: FilterTerm): ValueTest {
  if (term.type === 'text') {
    const wanted = term.value.toLowerCase()
    return onText((value) => value.toLowerCase().includes(wanted) !== term.negated, term.negated)
  }
  const { op, value: wanted, number } = term
  switch (op) {
    case 'exists':
      return { text: () => true, number: () => true, missing: false, exact: null }
    case '!exists':
      return { text: () => false, number: () => false, missing: true, exact: null }
    case '=':
      return {
        text: (value) => value === wanted,
        number: (value) => (number === null ? String(value) === wanted : value === number),
        missing: false,
        exact: wanted,
      }
    case '!=':
      return {
        text: (value) => value !== wanted,
        number: (value) => (number === null ? String(value) !== wanted : value !== number),
        missing: true,
        exact: null,
      }
    case 'in':
    case '!in': {
      const texts = new Set(term.list?.map(({ value }) => value))
      const numbers = new Set(term.list?.flatMap(({ number: one }) => (one === null ? [] : [one])))
      const negated = op === '!in'
      return {
        text: (value) => texts.has(value) !== negated,
        number: (value) => (numbers.has(value) || texts.has(String(value))) !== negated,
        missing: negated,
        exact: null,
      }
    }
    case '=~':
    case '!~': {
      const pattern = RE2JS.compile(wanted)
      const negated = op === '!~'
      return onText((value) => pattern.test(value) !== negated, negated)
    }
    default:
      return ordered(op, number ?? Number.NaN)
  }
}

function onText(text: (value: string) => boolean, missing: boolean): ValueTest {
  return { text, number: (value) => text(String(value)), missing, exact: null }
}

function ordered(op: '>' | '>=' | '<' | '<=', limit: number): ValueTest {
  const compare = {
    '>': (value: number) => value > limit,
    '>=': (value: number) => value >= limit,
    '<': (value: number) => value < limit,
    '<=': (value: number) => value <= limit,
  }[op]
  // Number('') is 0, and an empty text is no number.
  return {
    text: (value) => value.trim() !== '' && compare(Number(value)),
    number: compare,
    missing: false,
    exact: null,
  }
}
