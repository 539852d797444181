/**
 * The filter language of `q`:
 *
 *     filter = term { blank term }          all terms hold on one and the same span or log record
 *     term   = [ "-" ] ( key op value | key "exists" | text )
 *     op     = "=" | "!=" | ">" | ">=" | "<" | "<=" | "=~" | "!~"
 *
 * Keys, values and text are bare (up to a blank; keys also up to an operator) or "quoted" with \" \\ \n \t escapes.
 * `=~` and `!~` take an RE2 pattern, found anywhere in the value. A term with `-` is the opposite comparison.
 */
import { RE2JS } from 're2js'
import { GlassboxError } from '../base/errors.ts'
import type { Filter, FilterOp, FilterTerm } from '../model/filter.ts'

const OPERATORS: readonly FilterOp[] = ['>=', '<=', '!=', '=~', '!~', '=', '>', '<']
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
}
const UNIT_US: Record<string, number> = { ns: 1e-3, us: 1, µs: 1, μs: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 }
const SEVERITY: Record<string, number> = { trace: 1, debug: 5, info: 9, warn: 13, warning: 13, error: 17, fatal: 21 }
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const DURATION = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)?$/
const MAX_LENGTH = 8192

/**
 * Reads a filter. Durations of `dur` become µs and severity names become numbers, in `number`.
 * @throws GlassboxError `bad_filter`, with the position (from 1) of what cannot be read.
 */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_LENGTH)
    throw new GlassboxError('bad_filter', `The filter is longer than ${MAX_LENGTH} characters.`)
  const scanner = new Scanner(text)
  const filter: Filter = []
  for (scanner.skipBlanks(); !scanner.done; scanner.skipBlanks()) filter.push(parseTerm(scanner))
  return filter
}

function parseTerm(scanner: Scanner): FilterTerm {
  const negated = scanner.takeNegation()
  const keyAt = scanner.at
  const word = scanner.takeWord()
  const wordEnd = scanner.at
  scanner.skipBlanks()
  const op = scanner.takeOperator() ?? scanner.takeExists(wordEnd)
  if (!op) {
    scanner.at = wordEnd
    if (word === '') scanner.fail(keyAt, 'a word is missing')
    return { type: 'text', value: word, negated }
  }
  if (word === '') scanner.fail(keyAt, `there is no key before ${op}`)
  const effective = negated ? OPPOSITE[op] : op
  if (op === 'exists') return { type: 'attribute', key: word, op: effective, value: '', number: null }
  scanner.skipBlanks()
  const valueAt = scanner.at
  const value = scanner.takeValue()
  const number = numberOf(word, value)
  if (number === null && ['>', '>=', '<', '<='].includes(op))
    scanner.fail(valueAt, `${op} needs a number, not "${value}"`)
  if (op === '=~' || op === '!~') checkPattern(scanner, valueAt, value)
  return { type: 'attribute', key: word, op: effective, value, number }
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

function formatTerm(term: FilterTerm): string {
  if (term.type === 'text') {
    return `${term.negated ? '-' : ''}${isBareKey(term.value) ? term.value : quote(term.value)}`
  }
  const key = isBareKey(term.key) ? term.key : quote(term.key)
  if (term.op === 'exists') return `${key} exists`
  if (term.op === '!exists') return `-${key} exists`
  return `${key}${term.op}${isBareValue(term.value) ? term.value : quote(term.value)}`
}

function isBareKey(text: string): boolean {
  return text !== '' && text !== 'exists' && !/[\s"=<>!]/.test(text) && !text.startsWith('-')
}

function isBareValue(text: string): boolean {
  return text !== '' && !/[\s"]/.test(text) && !/^[=~]/.test(text)
}

function quote(text: string): string {
  const escaped = text.replace(/[\\"\n\t]/g, (c) => (c === '\n' ? '\\n' : c === '\t' ? '\\t' : `\\${c}`))
  return `"${escaped}"`
}

class Scanner {
  readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  fail(at: number, why: string): never {
    throw new GlassboxError('bad_filter', `At character ${at + 1} of the filter: ${why}.`)
  }

  skipBlanks(): void {
    while (!this.done && isBlank(this.text[this.at])) this.at++
  }

  takeNegation(): boolean {
    const next = this.text[this.at + 1]
    if (this.text[this.at] !== '-' || next === undefined || isBlank(next)) return false
    this.at++
    return true
  }

  takeOperator(): FilterOp | null {
    const op = OPERATORS.find((candidate) => this.text.startsWith(candidate, this.at))
    if (op) this.at += op.length
    return op ?? null
  }

  takeExists(wordEnd: number): FilterOp | null {
    const end = this.at + 'exists'.length
    const after = this.text[end]
    if (this.at === wordEnd || !this.text.startsWith('exists', this.at)) return null
    if (after !== undefined && !isBlank(after)) return null
    this.at = end
    return 'exists'
  }

  takeWord(): string {
    if (this.text[this.at] === '"') return this.takeQuoted()
    const from = this.at
    while (!this.done && !isBlank(this.text[this.at]) && !this.#atOperator()) this.at++
    return this.text.slice(from, this.at)
  }

  takeValue(): string {
    if (this.text[this.at] === '"') return this.takeQuoted()
    const from = this.at
    while (!this.done && !isBlank(this.text[this.at])) this.at++
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
    if (!this.done && !isBlank(this.text[this.at]) && !this.#atOperator()) {
      this.fail(this.at, 'a blank is missing after the closing quote')
    }
    return taken
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
