import { GlassboxError } from '../../../base/errors.ts'
import { compileMatcherRegex } from '../../../model/label-regex.ts'
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
  const { test, fault } = compileMatcherRegex(pattern)
  if (fault !== null)
    throw new GlassboxError('bad_request', `the regular expression of label ${name} cannot be read: ${fault}`)
  return test
}
