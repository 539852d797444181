import { RE2JS } from 're2js'
import { GlassboxError } from '../../../base/errors.ts'
import type { Matcher } from '../../../model/series.ts'

/** A matcher ready to test values; `one` is the only value it can match, where there is just one. */
export interface CompiledMatcher {
  name: string
  one: string | null
  test(value: string): boolean
  /** Whether a series without the label matches. */
  matchesEmpty: boolean
}

const PLAIN = /^[A-Za-z0-9_:/ -]*$/

/** @throws GlassboxError `bad_request` when RE2 does not take the pattern */
export function compileMatcher({ name, op, value }: Matcher): CompiledMatcher {
  if (op === '=') return { name, one: value, test: (given) => given === value, matchesEmpty: value === '' }
  if (op === '!=') return { name, one: null, test: (given) => given !== value, matchesEmpty: value !== '' }
  const matches = compileRegex(name, value)
  const negative = op === '!~'
  const test = negative ? (given: string) => !matches(given) : matches
  const one = !negative && PLAIN.test(value) ? value : null
  return { name, one, test, matchesEmpty: test('') }
}

function compileRegex(name: string, pattern: string): (given: string) => boolean {
  if (pattern === '.*') return () => true
  if (pattern === '.+') return (given) => given !== ''
  const parts = pattern.split('|')
  if (parts.every((part) => PLAIN.test(part))) {
    const values = new Set(parts)
    return (given) => values.has(given)
  }
  let compiled: RE2JS
  try {
    // Compiled alone first, or an unbalanced bracket could close the group around it.
    RE2JS.compile(pattern, RE2JS.DOTALL)
    compiled = RE2JS.compile(`^(?s:${pattern})$`)
  } catch (error) {
    const why = (error as Error).message
    throw new GlassboxError('bad_request', `the regular expression of label ${name} cannot be read: ${why}`)
  }
  return (given) => compiled.matcher(given).find()
}
