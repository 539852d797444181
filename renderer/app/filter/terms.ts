/**
 * The filter language as the field sees it: terms with their places in the text, and what is wrong with them. The
 * grammar is that of core/query/filter-language.ts.
 */

export interface FilterToken {
  negated: boolean
  /** Empty for free text. */
  key: string
  /** Empty for free text; `exists` has no value. `in` has its list as text. `{}` for sets of spans, whose text is the value. */
  op: string
  value: string
}

export type TermProblem =
  | 'noValue'
  | 'noKey'
  | 'badDuration'
  | 'badStatus'
  | 'badNumber'
  | 'badSeverity'
  | 'badId'
  | 'openQuote'
  | 'openBrace'
  | 'noSet'
  | 'badAggregate'
  | 'badList'

/** A term and where it stands: `from` to `to` in the text, its parts between. */
export interface PlacedTerm extends FilterToken {
  from: number
  keyFrom: number
  keyTo: number
  opFrom: number
  opTo: number
  valueFrom: number
  to: number
  problem: TermProblem | null
  /** Where the problem is, if not at `from`. */
  problemAt?: number
}

const OPERATORS = ['>=', '<=', '!=', '=~', '!~', '=', '>', '<'] as const
const DURATION = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)$/
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
export const SEVERITY_WORDS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** The operator of a term of sets: `{ … } >> { … } | count() > 2`. */
export const CHAIN = '{}'
const AGGREGATE = /^(count|sum|avg|min|max)\([^()]*\)/
const AGGREGATE_TERM = /^(count\(\)|(sum|avg|min|max)\([^()]+\))\s*(>=|<=|!=|=|>|<)\s*[^\s{}|]+/

/** Where a set that begins at `open` ends: at its closing brace, or -1. Braces in quotes do not count. */
function closeOf(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '}') return at
    if (text[at] !== '"' || !/[\s{=<>~-]/.test(text[at - 1])) continue
    for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++
  }
  return -1
}

function scanChain(text: string, from: number): { to: number; problem: TermProblem | null; problemAt?: number } {
  const rest = (at: number): number => at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0)
  const wrong = (problem: TermProblem, problemAt: number) => ({ to: text.trimEnd().length, problem, problemAt })
  let fault: { problem: TermProblem; problemAt: number } | null = null
  for (let at = from; ; ) {
    const close = closeOf(text, at)
    if (close === -1) return wrong('openBrace', at)
    for (const term of scanTerms(text.slice(at + 1, close)))
      if (term.problem !== null) fault ??= { problem: term.problem, problemAt: at + 1 + term.from }
    let to = close + 1
    let next = rest(to)
    while (text[next] === '|') {
      const over = AGGREGATE_TERM.exec(text.slice(rest(next + 1)))
      if (!over) return wrong('badAggregate', rest(next + 1))
      to = rest(next + 1) + over[0].length
      next = rest(to)
    }
    const step = /^>>?/.exec(text.slice(next))
    if (!step) return { to, ...(fault ?? { problem: null }) }
    at = rest(next + step[0].length)
    if (text[at] !== '{') return wrong('noSet', at)
  }
}

/** Where the list that begins at `open` ends: at its closing bracket, or -1. Brackets in quotes do not count. */
function closeOfList(text: string, open: number): number {
  const close = /^\((?:"(?:[^"\\]|\\.)*"|[^")])*\)/s.exec(text.slice(open))
  return close ? open + close[0].length - 1 : -1
}
const LIST = /^\(\s*("(?:[^"\\]|\\.)*"|[^\s"{}(),]+)(\s*,\s*("(?:[^"\\]|\\.)*"|[^\s"{}(),]+))*\s*\)$/s

function listProblem(key: string, value: string, open: boolean): TermProblem | null {
  if (key === '') return 'noKey'
  return open || !LIST.test(value) ? 'badList' : null
}

/** The set of a chain that the cursor stands in: its text and where that begins; null outside of braces. */
export function setAt(text: string, term: PlacedTerm, cursor: number): { from: number; text: string } | null {
  for (let at = term.from; at !== -1 && at < cursor; at = text.indexOf('{', at)) {
    const close = closeOf(text, at)
    const end = close === -1 ? term.to : close
    if (cursor <= end || close === -1) return { from: at + 1, text: text.slice(at + 1, Math.max(end, cursor)) }
    at = end
  }
  return null
}

/** Every term of the text, also unfinished and wrong ones. */
export function scanTerms(text: string): PlacedTerm[] {
  const terms: PlacedTerm[] = []
  let at = 0
  const blank = (i: number): boolean => /\s/.test(text[i] ?? '')
  const operatorAt = (i: number): string | null => OPERATORS.find((op) => text.startsWith(op, i)) ?? null
  const skip = (): void => {
    while (at < text.length && blank(at)) at++
  }
  /** Text in quotes from `at` on; `open` when the end of it is missing. */
  const quoted = (): { value: string; open: boolean } => {
    let value = ''
    for (at++; at < text.length; at++) {
      if (text[at] === '"') {
        at++
        return { value, open: false }
      }
      if (text[at] === '\\' && at + 1 < text.length) {
        at++
        value += text[at] === 'n' ? '\n' : text[at] === 't' ? '\t' : text[at]
      } else value += text[at]
    }
    return { value, open: true }
  }
  for (skip(); at < text.length; skip()) {
    const from = at
    if (text[at] === '{') {
      const chain = scanChain(text, at)
      at = chain.to
      terms.push({
        ...{ negated: false, key: '', op: CHAIN, value: text.slice(from, at) },
        ...{ from, keyFrom: from, keyTo: from, opFrom: from, opTo: from, valueFrom: from },
        ...chain,
      })
      continue
    }
    const minus = text[at] === '-' || (text[at] === '!' && !/[=~]/.test(text[at + 1]))
    const negated = minus && at + 1 < text.length && !blank(at + 1)
    if (negated) at++
    const keyFrom = at
    let open = false
    let word = ''
    if (text[at] === '"') {
      const read = quoted()
      word = read.value
      open = read.open
    } else {
      while (at < text.length && !blank(at) && operatorAt(at) === null) at++
      word = text.slice(keyFrom, at)
    }
    const keyTo = at
    skip()
    const opFrom = at
    const op = operatorAt(at)
    const exists = op === null && at > keyTo && /^exists(\s|$)/.test(text.slice(at))
    const list = op === null && at > keyTo ? /^(in\s*)\(/.exec(text.slice(at)) : null
    if (list) {
      const valueFrom = opFrom + list[1].length
      const close = closeOfList(text, valueFrom)
      at = close === -1 ? text.trimEnd().length : close + 1
      const value = text.slice(valueFrom, at)
      terms.push({
        ...{ negated, key: word, op: 'in', value, from, keyFrom, keyTo, opFrom },
        ...{ opTo: opFrom + 2, valueFrom, to: at, problem: listProblem(word, value, close === -1) },
      })
      continue
    }
    if (op === null && !exists) {
      at = keyTo
      const problem = open ? 'openQuote' : null
      terms.push({
        negated,
        key: '',
        op: '',
        value: word,
        from,
        keyFrom,
        keyTo: keyFrom,
        opFrom: keyFrom,
        opTo: keyFrom,
        valueFrom: keyFrom,
        to: keyTo,
        problem,
      })
      continue
    }
    at = opFrom + (op ?? 'exists').length
    const opTo = at
    let value = ''
    let valueFrom = at
    if (op !== null) {
      // A blank may stand after the operator, yet not at the very end: there the value is still to come.
      const before = at
      skip()
      valueFrom = at
      if (at >= text.length) at = valueFrom = before
      if (text[at] === '"') {
        const read = quoted()
        value = read.value
        open = read.open
      } else {
        while (at < text.length && !blank(at)) at++
        value = text.slice(valueFrom, at)
      }
    }
    const token = { negated, key: word, op: op ?? 'exists', value }
    const quotedEmpty = valueFrom < at && value === ''
    const problem = open ? 'openQuote' : termProblem(token, quotedEmpty)
    terms.push({ ...token, from, keyFrom, keyTo, opFrom, opTo, valueFrom, to: at, problem })
  }
  return terms
}

/** Why a term cannot be applied, or null. */
function termProblem(token: FilterToken, emptyIsMeant = false): TermProblem | null {
  const { key, op, value } = token
  if (op === '') return null
  if (key === '') return 'noKey'
  if (op === 'exists') return null
  if (op === 'in') return listProblem(key, value, false)
  if (value === '' && !emptyIsMeant) return 'noValue'
  const ordered = /^[<>]/.test(op)
  if (AGGREGATE.test(key))
    return AGGREGATE_TERM.test(`${key}${op}${value}`) && (NUMBER.test(value) || DURATION.test(value))
      ? null
      : 'badAggregate'
  if (key === 'duration' || key === 'dur') return DURATION.test(value) ? null : 'badDuration'
  if (key === 'status') return /^(ok|error|unset)$/i.test(value) ? null : 'badStatus'
  if (key === 'severity')
    return /^(trace|debug|info|warn|warning|error|fatal|\d{1,2})$/i.test(value) ? null : 'badSeverity'
  if (key === 'trace' && op === '=') return /^[0-9a-f]{32}$/i.test(value) ? null : 'badId'
  if (key === 'span' && op === '=') return /^[0-9a-f]{16}$/i.test(value) ? null : 'badId'
  return ordered && !NUMBER.test(value) ? 'badNumber' : null
}

/** The term as the field and the address write it. */
export function termText({ negated, key, op, value }: FilterToken): string {
  const minus = negated ? '-' : ''
  if (op === CHAIN) return value
  if (op === '') return minus + (AGGREGATE.test(value) ? quote(value) : quoteKey(value))
  if (op === 'exists') return `${minus}${quoteKey(key)} exists`
  if (op === 'in') return `${minus}${quoteKey(key)} in ${value}`
  return `${minus}${quoteKey(key)}${op}${quoteValue(value)}`
}

export function termsText(tokens: readonly FilterToken[]): string {
  return tokens.map(termText).join(' ')
}

export function sameToken(a: FilterToken, b: FilterToken): boolean {
  return termText(a) === termText(b)
}

/** `key=value`, or its opposite. */
export function equals(key: string, value: string, negated = false): FilterToken {
  return { negated, key, op: '=', value }
}

/** A value as a list has it. */
export function itemText(value: string): string {
  return value !== '' && !/[\s"{}(),]/.test(value) ? value : quote(value)
}

function quoteKey(key: string): string {
  return key !== '' && key !== 'exists' && !/[\s"=<>!{}]|^[-|]/.test(key) ? key : quote(key)
}

function quoteValue(value: string): string {
  return value !== '' && !/[\s"]/.test(value) && !/^[=~]/.test(value) ? value : quote(value)
}

function quote(text: string): string {
  return `"${text.replace(/[\\"\n\t]/g, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : `\\${c}`))}"`
}
