/**
 * The language of `q`; LANGUAGE.md explains it to people.
 *
 *     query     = { term | chain | aggregate }       blanks between; terms hold on one and the same span or log record
 *     term      = [ "-" | "!" ] ( key op value | key "exists" | key "in" list | text )
 *     list      = "(" value { "," value } ")"      at most 100 values, which end at a comma, too
 *     op        = "=" | "!=" | ">" | ">=" | "<" | "<=" | "=~" | "!~"
 *     chain     = set { ( ">" | ">>" ) set } { "|" aggregate }
 *     set       = "{" { term } "}"
 *     aggregate = ( "count()" | ( "sum" | "avg" | "min" | "max" ) "(" key ")" ) op number
 *
 * Keys, values and text are bare (up to a blank; keys also up to an operator; in a set also up to `}`) or "quoted" with
 * \" \\ \n \t escapes. `=~` and `!~` take an RE2 pattern, found anywhere in the value. A term with `-` is the opposite
 * comparison. An aggregate on its own is one over all spans of the trace. Log records have terms only.
 */
import { RE2JS } from 're2js'
import { GlassboxError } from '../base/errors.ts'
import type {
  Filter,
  FilterOp,
  FilterTerm,
  FilterValue,
  SpanAggregate,
  SpanChain,
  TraceFilter,
} from '../model/filter.ts'

type ComparedOp = Exclude<FilterOp, 'exists' | '!exists' | 'in' | '!in'>
const OPERATORS: readonly ComparedOp[] = ['>=', '<=', '!=', '=~', '!~', '=', '>', '<']
const OPPOSITE: Record<FilterOp, FilterOp> = {
  '=': '!=',
  '!=': '=',
  '>': '<=',
  '>=': '<',
  '<': '>=',
  '<=': '>',
  '=~': '!~',
  '!~': '=~',
  exists: '!exists',
  '!exists': 'exists',
  in: '!in',
  '!in': 'in',
}
const UNIT_US: Record<string, number> = { ns: 1e-3, us: 1, µs: 1, μs: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 }
const SEVERITY: Record<string, number> = { trace: 1, debug: 5, info: 9, warn: 13, warning: 13, error: 17, fatal: 21 }
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const DURATION = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)?$/
const MAX_LENGTH = 8192
/** Sets of spans in one filter: each costs a look at all spans. */
const MOST_SETS = 16
const MOST_VALUES = 100
const AGGREGATE = /^(count|sum|avg|min|max)\(([^()]*)\)/

/**
 * Reads what is asked of one span or log record. Durations of `dur` become µs and severity names become numbers, in `number`.
 * @throws GlassboxError `bad_filter`, with the position (from 1) of what cannot be read.
 */
export function parseFilter(text: string): Filter {
  const scanner = newScanner(text)
  const filter: Filter = []
  for (scanner.skipBlanks(); !scanner.done; scanner.skipBlanks()) {
    if (scanner.atSet || scanner.atAggregate)
      scanner.fail(scanner.at, 'only traces have sets of spans and counts over them; put what is text in quotes')
    filter.push(parseTerm(scanner))
  }
  return filter
}

/** As parseFilter, with conditions on whole traces. @throws GlassboxError `bad_filter` */
export function parseTraceFilter(text: string): TraceFilter {
  const scanner = newScanner(text)
  const filter: Filter = []
  const chains: SpanChain[] = []
  for (scanner.skipBlanks(); !scanner.done; scanner.skipBlanks()) {
    if (scanner.atSet) chains.push(parseChain(scanner))
    else if (scanner.atAggregate) chains.push({ sets: [[]], steps: [], aggregates: [parseAggregate(scanner)] })
    else filter.push(parseTerm(scanner))
    const sets = chains.reduce((sum, chain) => sum + chain.sets.length, 0)
    if (sets > MOST_SETS) scanner.fail(scanner.at - 1, `there are more than ${MOST_SETS} sets of spans`)
  }
  return { filter, chains }
}

function newScanner(text: string): Scanner {
  if (text.length > MAX_LENGTH)
    throw new GlassboxError('bad_filter', `The filter is longer than ${MAX_LENGTH} characters.`)
  return new Scanner(text)
}

function parseChain(scanner: Scanner): SpanChain {
  const chain: SpanChain = { sets: [parseSet(scanner)], steps: [], aggregates: [] }
  for (;;) {
    scanner.skipBlanks()
    const at = scanner.at
    const step = scanner.takeAny(['>>', '>'])
    if (step) {
      scanner.skipBlanks()
      if (!scanner.atSet) scanner.fail(scanner.at, `a set in braces is missing after ${step}`)
      chain.sets.push(parseSet(scanner))
      chain.steps.push(step === '>>' ? 'descendant' : 'child')
      continue
    }
    if (!scanner.takeAny(['|'])) return chain
    scanner.skipBlanks()
    if (!scanner.atAggregate) scanner.fail(scanner.at, 'after | comes count(), sum(…), avg(…), min(…) or max(…)')
    chain.aggregates.push(parseAggregate(scanner))
    scanner.skipBlanks()
    if (scanner.takeAny(['>>', '>'])) scanner.fail(at, 'what a set has below it stands before |')
  }
}

function parseSet(scanner: Scanner): Filter {
  const open = scanner.at++
  const filter: Filter = []
  scanner.inSet = true
  for (scanner.skipBlanks(); ; scanner.skipBlanks()) {
    if (scanner.done) scanner.fail(open, 'the closing brace of this set is missing')
    if (scanner.takeAny(['}'])) break
    if (scanner.atSet) scanner.fail(scanner.at, 'a set cannot stand in a set')
    filter.push(parseTerm(scanner))
  }
  scanner.inSet = false
  return filter
}

function parseAggregate(scanner: Scanner): SpanAggregate {
  const at = scanner.at
  const [fn, key] = scanner.takeAggregate()
  if (fn === 'count' && key !== '') scanner.fail(at, 'count() takes nothing: it counts spans')
  if (fn !== 'count' && key === '') scanner.fail(at, `${fn}() needs a key, such as ${fn}(dur)`)
  scanner.skipBlanks()
  const opAt = scanner.at
  const op = scanner.takeOperator()
  if (op === null || op === '=~' || op === '!~')
    scanner.fail(opAt, `${fn}(${key}) is compared by =, !=, >, >=, < or <=`)
  scanner.skipBlanks()
  const valueAt = scanner.at
  const value = scanner.takeValue()
  const number = numberOf(key, value)
  if (number === null) scanner.fail(valueAt, `${fn}(${key}) is compared with a number, not "${value}"`)
  return { fn, key, op, number }
}

function parseTerm(scanner: Scanner): FilterTerm {
  const negated = scanner.takeNegation()
  const keyAt = scanner.at
  if (scanner.atAggregate)
    scanner.fail(keyAt, scanner.inSet ? 'this stands behind a set, after |' : 'turn the comparison round instead of -')
  if (negated && !scanner.inSet && scanner.atSet) scanner.fail(keyAt, 'no such spans is written { … } | count() = 0')
  const word = scanner.takeWord()
  const wordEnd = scanner.at
  scanner.skipBlanks()
  const op = scanner.takeOperator() ?? scanner.takeVerb(wordEnd)
  if (!op) {
    scanner.at = wordEnd
    if (word === '') scanner.fail(keyAt, 'a word is missing')
    return { type: 'text', value: word, negated }
  }
  if (word === '') scanner.fail(keyAt, `there is no key before ${op}`)
  const effective = negated ? OPPOSITE[op] : op
  if (op === 'exists') return { type: 'attribute', key: word, op: effective, value: '', number: null }
  if (op === 'in')
    return { type: 'attribute', key: word, op: effective, value: '', number: null, list: parseList(scanner, word) }
  scanner.skipBlanks()
  const valueAt = scanner.at
  const value = scanner.takeValue()
  const number = numberOf(word, value)
  if (number === null && ['>', '>=', '<', '<='].includes(op))
    scanner.fail(valueAt, `${op} needs a number, not "${value}"`)
  if (op === '=~' || op === '!~') checkPattern(scanner, valueAt, value)
  return { type: 'attribute', key: word, op: effective, value, number }
}

function parseList(scanner: Scanner, key: string): FilterValue[] {
  const open = scanner.at++
  const list: FilterValue[] = []
  scanner.inList = true
  for (;;) {
    scanner.skipBlanks()
    if (scanner.done) scanner.fail(open, 'the closing bracket of this list is missing')
    const value = scanner.takeValue()
    list.push({ value, number: numberOf(key, value) })
    if (list.length > MOST_VALUES) scanner.fail(open, `the list has more than ${MOST_VALUES} values`)
    scanner.skipBlanks()
    if (scanner.takeAny([')'])) break
    if (!scanner.done && !scanner.takeAny([','])) scanner.fail(scanner.at, 'a comma is missing between two values')
  }
  scanner.inList = false
  return list
}

function checkPattern(scanner: Scanner, at: number, pattern: string): void {
  try {
    RE2JS.compile(pattern)
  } catch (error) {
    scanner.fail(at, `the pattern is not valid RE2 (${error instanceof Error ? error.message : String(error)})`)
  }
}

function numberOf(key: string, value: string): number | null {
  if (key === 'dur') {
    const parts = DURATION.exec(value)
    return parts ? Number(parts[1]) * UNIT_US[parts[2] ?? 'us'] : null
  }
  if (key === 'severity') {
    const named = SEVERITY[value.toLowerCase()]
    if (named !== undefined) return named
  }
  return NUMBER.test(value) ? Number(value) : null
}

/** Writes a filter so that parseFilter reads the same terms again. */
export function formatFilter(filter: Filter): string {
  return filter.map(formatTerm).join(' ')
}

/** Writes a filter so that parseTraceFilter reads the same again. */
export function formatTraceFilter({ filter, chains }: TraceFilter): string {
  return [...filter.map(formatTerm), ...chains.map(formatChain)].join(' ')
}

function formatChain({ sets, steps, aggregates }: SpanChain): string {
  const set = (terms: Filter): string => (terms.length === 0 ? '{ }' : `{ ${formatFilter(terms)} }`)
  const written = sets.map((terms, i) =>
    i === 0 ? set(terms) : `${steps[i - 1] === 'child' ? '>' : '>>'} ${set(terms)}`,
  )
  // Durations are read without a unit as µs.
  const over = aggregates.map(({ fn, key, op, number }) => `| ${fn}(${key}) ${op} ${number}`)
  return [...written, ...over].join(' ')
}

function formatTerm(term: FilterTerm): string {
  if (term.type === 'text') {
    return `${term.negated ? '-' : ''}${isBareKey(term.value) ? term.value : quote(term.value)}`
  }
  const key = isBareKey(term.key) ? term.key : quote(term.key)
  if (term.op === 'exists') return `${key} exists`
  if (term.op === '!exists') return `-${key} exists`
  if (term.op === 'in' || term.op === '!in') {
    const values = (term.list ?? []).map(({ value }) => (isBareItem(value) ? value : quote(value)))
    return `${term.op === 'in' ? '' : '-'}${key} in (${values.join(', ')})`
  }
  return `${key}${term.op}${isBareValue(term.value) ? term.value : quote(term.value)}`
}

function isBareKey(text: string): boolean {
  return text !== '' && text !== 'exists' && !/[\s"=<>!{}]|^[-|]/.test(text) && !AGGREGATE.test(text)
}

function isBareValue(text: string): boolean {
  return text !== '' && !/[\s"{}]/.test(text) && !/^[=~]/.test(text)
}

/** In a list. */
function isBareItem(text: string): boolean {
  return text !== '' && !/[\s"{}(),]/.test(text)
}

function quote(text: string): string {
  const escaped = text.replace(/[\\"\n\t]/g, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : `\\${c}`))
  return `"${escaped}"`
}

class Scanner {
  readonly text: string
  at = 0
  /** Between braces, `}` ends a bare word. */
  inSet = false
  /** In a list, a comma and the closing bracket do. */
  inList = false

  constructor(text: string) {
    this.text = text
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  fail(at: number, why: string): never {
    throw new GlassboxError('bad_filter', `At character ${at + 1} of the filter: ${why}.`)
  }

  get atSet(): boolean {
    return this.text[this.at] === '{'
  }

  get atAggregate(): boolean {
    return AGGREGATE.test(this.text.slice(this.at, this.at + MAX_LENGTH))
  }

  takeAggregate(): [fn: SpanAggregate['fn'], key: string] {
    const [whole, fn, key] = AGGREGATE.exec(this.text.slice(this.at)) ?? ['', 'count', '']
    this.at += whole.length
    return [fn as SpanAggregate['fn'], key.trim()]
  }

  takeAny<T extends string>(candidates: readonly T[]): T | null {
    const found = candidates.find((candidate) => this.text.startsWith(candidate, this.at))
    if (found) this.at += found.length
    return found ?? null
  }

  skipBlanks(): void {
    while (!this.done && isBlank(this.text[this.at])) this.at++
  }

  takeNegation(): boolean {
    const [sign, next] = [this.text[this.at], this.text[this.at + 1]]
    if ((sign !== '-' && sign !== '!') || next === undefined || isBlank(next)) return false
    // `!=` without a key is a mistake that is told of as one.
    if (sign === '!' && (next === '=' || next === '~')) return false
    this.at++
    return true
  }

  takeOperator(): ComparedOp | null {
    const op = OPERATORS.find((candidate) => this.text.startsWith(candidate, this.at))
    if (op) this.at += op.length
    return op ?? null
  }

  /** `exists`, or `in` before a list, apart from the key by a blank. */
  takeVerb(wordEnd: number): 'exists' | 'in' | null {
    if (this.at === wordEnd) return null
    const list = /^in\s*(?=\()/.exec(this.text.slice(this.at, this.at + MAX_LENGTH))
    if (list) {
      this.at += list[0].length
      return 'in'
    }
    const end = this.at + 'exists'.length
    if (!this.text.startsWith('exists', this.at)) return null
    if (end < this.text.length && !this.#endsWord(end)) return null
    this.at = end
    return 'exists'
  }

  takeWord(): string {
    if (this.text[this.at] === '"') return this.takeQuoted()
    const from = this.at
    while (!this.done && !this.#endsWord(this.at) && !this.#atOperator()) this.at++
    return this.text.slice(from, this.at)
  }

  takeValue(): string {
    if (this.text[this.at] === '"') return this.takeQuoted()
    const from = this.at
    while (!this.done && !this.#endsWord(this.at)) this.at++
    if (from === this.at) this.fail(from, 'a value is missing')
    return this.text.slice(from, this.at)
  }

  takeQuoted(): string {
    const from = this.at++
    let taken = ''
    for (; ; this.at++) {
      if (this.done) this.fail(from, 'the closing quote is missing')
      const c = this.text[this.at]
      if (c === '"') break
      if (c !== '\\') {
        taken += c
        continue
      }
      const escaped = this.text[++this.at]
      if (escaped === undefined) this.fail(from, 'the closing quote is missing')
      taken += escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped
    }
    this.at++
    if (!this.done && !this.#endsWord(this.at) && !this.#atOperator()) {
      this.fail(this.at, 'a blank is missing after the closing quote')
    }
    return taken
  }

  #endsWord(at: number): boolean {
    const c = this.text[at]
    return isBlank(c) || (this.inSet && c === '}') || (this.inList && (c === ',' || c === ')'))
  }

  #atOperator(): boolean {
    const c = this.text[this.at]
    if (c === '=' || c === '>' || c === '<') return true
    return c === '!' && (this.text[this.at + 1] === '=' || this.text[this.at + 1] === '~')
  }
}

function isBlank(c: string): boolean {
  return c === ' ' || c === '\t' || c === '\n' || c === '\r' || c === '\u00a0' || c === '\u3000'
}
