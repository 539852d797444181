import { RE2JS } from 're2js'
import type { Matcher } from './series.ts'

export interface CompiledRegex {
  test(value: string): boolean
  /** Why the pattern cannot be compiled, as Go words it; null when it can. */
  fault: string | null
}

const never: CompiledRegex['test'] = () => false
const cache = new Map<string, CompiledRegex>()
const CACHE_SIZE = 500
const META = /[\\.+*?()|[\]{}^$]/

/**
 * A label matcher's regular expression: RE2, anchored at both ends, `.` also matches a line break. Plain texts, lists of
 * them (`a|b|c`), `.*`, `.+`, `prefix.*` and `prefix.+` are compared without the engine.
 */
export function compileMatcherRegex(pattern: string): CompiledRegex {
  const known = cache.get(pattern)
  if (known) return known
  if (cache.size >= CACHE_SIZE) cache.clear()
  const compiled = compile(pattern)
  cache.set(pattern, compiled)
  return compiled
}

function compile(pattern: string): CompiledRegex {
  if (!META.test(pattern)) return { test: (value) => value === pattern, fault: null }
  if (pattern === '.*') return { test: () => true, fault: null }
  if (pattern === '.+') return { test: (value) => value !== '', fault: null }
  const words = pattern.split('|')
  if (words.every((word) => !META.test(word))) {
    const set = new Set(words)
    return { test: (value) => set.has(value), fault: null }
  }
  const open = /^(.*)\.([*+])$/s.exec(pattern)
  if (open && !META.test(open[1])) {
    const [, prefix, repeat] = open
    const least = prefix.length + (repeat === '+' ? 1 : 0)
    return { test: (value) => value.length >= least && value.startsWith(prefix), fault: null }
  }
  try {
    const regex = compileAnchored(pattern)
    return { test: (value) => regex.matches(value), fault: null }
  } catch (error) {
    // RE2's own words, without the flag that was put in front of the pattern.
    return { test: never, fault: (error instanceof Error ? error.message : String(error)).replace('`(?s)', '`') }
  }
}

/** @throws Error when RE2 does not take the pattern */
export function compileAnchored(pattern: string): RE2JS {
  RE2JS.compile(pattern, RE2JS.DOTALL)
  return RE2JS.compile(`^(?s:${pattern})$`)
}

/** Whether a label's value (empty when the label is absent) satisfies the matcher. */
export function matcherTest(matcher: Matcher): (value: string) => boolean {
  const { op, value: wanted } = matcher
  if (op === '=') return (value) => value === wanted
  if (op === '!=') return (value) => value !== wanted
  const { test } = compileMatcherRegex(wanted)
  return op === '=~' ? test : (value) => !test(value)
}
