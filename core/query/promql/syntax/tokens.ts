import { quoted, quotedRune } from './text.ts'

/** Operators and punctuation stand for themselves; keywords carry their lower-case word; the rest is named. */
export type TokenType = string

export interface Token {
  type: TokenType
  text: string
  /** Offset in the query, UTF-16 units. */
  start: number
}

export const AGGREGATORS = new Set([
  'sum',
  'avg',
  'count',
  'min',
  'max',
  'group',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'count_values',
  'quantile',
  'limitk',
  'limit_ratio',
])
const OPERATOR_WORDS = new Set(['and', 'or', 'unless', 'atan2'])
const MODIFIERS = new Set([
  'offset',
  'smoothed',
  'anchored',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'fill',
  'fill_left',
  'fill_right',
  'bool',
])
export const DURATION_WORDS = new Set(['step', 'range', 'max_of', 'min_of'])
const PREPROCESSORS = new Set(['start', 'end', ...DURATION_WORDS])
const OPERATORS = new Set(['+', '-', '*', '/', '%', '^', '==', '!=', '<', '<=', '>', '>=', '</', '>/', '=~', '!~', '@'])
const NAMES: Record<string, string> = {
  identifier: 'identifier',
  metric: 'metric identifier',
  string: 'string',
  number: 'number',
  duration: 'duration',
}

/** Words that may stand where a metric's name does. */
export function isMetricWord(type: TokenType): boolean {
  return (
    type === 'identifier' ||
    type === 'metric' ||
    AGGREGATORS.has(type) ||
    PREPROCESSORS.has(type) ||
    ['and', 'or', 'unless', 'by', 'without', 'offset', 'smoothed', 'anchored'].includes(type) ||
    ['fill', 'fill_left', 'fill_right'].includes(type)
  )
}

/** Words that may stand where a label's name does. */
export function isLabelWord(type: TokenType): boolean {
  return isMetricWord(type) || type === 'atan2' || MODIFIERS.has(type)
}

/** How an unexpected token is named in an error. */
export function describe(token: Token): string {
  const { type, text } = token
  if (type === 'eof') return 'end of input'
  if (MODIFIERS.has(type)) return `<${text}>`
  if (AGGREGATORS.has(type)) return `<aggr:${text}>`
  if (OPERATORS.has(type) || OPERATOR_WORDS.has(type)) return `<op:${text}>`
  const shown = text.length > 10 && !type.startsWith('identifier') && type !== 'metric' ? cut(text) : quoted(text)
  return NAMES[type] ? `${NAMES[type]} ${shown}` : shown
}

function cut(text: string): string {
  return `${quoted(text.slice(0, 10))}...`
}

/** A fault of the text itself (an unclosed string, a stray character), found by the lexer. */
export class LexFault extends Error {
  readonly start: number
  constructor(text: string, start: number) {
    super(text)
    this.start = start
  }
}

const isAlpha = (char: string | undefined): boolean => char !== undefined && /^[A-Za-z_]$/.test(char)
const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9'
const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\n' || char === '\r'

/** Cuts a query into tokens; what a character means depends on the open brace or bracket, as in Prometheus. */
export class Lexer {
  readonly query: string
  #at = 0
  #parens = 0
  #brace = false
  #bracket = false
  #colon = false
  /** Right after `[` or inside the arithmetic that follows. */
  #durationMode = false
  #gotDuration = false

  constructor(query: string) {
    this.query = query
  }

  /** @throws LexFault */
  next(): Token {
    this.#skip()
    const { query } = this
    const start = this.#at
    const char = this.#rune(start)
    if (this.#brace) return this.#insideBraces(start, char)
    if (this.#durationMode) return this.#insideDuration(start, char)
    if (char === null) {
      if (this.#parens !== 0) throw new LexFault('unclosed left parenthesis', start)
      if (this.#bracket) throw new LexFault('unclosed left bracket', start)
      return { type: 'eof', text: '', start }
    }
    const two = query.slice(start, start + 2)
    if (['==', '!=', '<=', '>=', '</', '>/'].includes(two)) return this.#take(two, start, 2)
    if (two === '=~') throw new LexFault(`unexpected character after '=': '~'`, start)
    if (char === '!') throw new LexFault(`unexpected character after '!': ${quotedRune(this.#rune(start + 1))}`, start)
    if (',*/%+-^=<>@'.includes(char)) return this.#take(char, start, 1)
    if (isDigit(char) || (char === '.' && isDigit(query[start + 1]))) return this.#numberOrDuration(start)
    if (char === '"' || char === "'" || char === '`') return this.#string(start, char)
    if (isAlpha(char) || char === ':') {
      if (!this.#bracket) return this.#word(start)
      if (char === ':') {
        if (this.#colon) throw new LexFault(`unexpected colon ':'`, start)
        this.#colon = true
        this.#durationMode = false
        return this.#take(':', start, 1)
      }
      return this.#durationWord(start, `unexpected character: ${quotedRune(char)}, expected ':'`)
    }
    if (char === '(') {
      this.#parens++
      return this.#take(char, start, 1)
    }
    if (char === ')') {
      this.#parens--
      if (this.#parens < 0) throw new LexFault(`unexpected right parenthesis ')'`, start)
      return this.#take(char, start, 1)
    }
    if (char === '{') {
      this.#brace = true
      return this.#take(char, start, 1)
    }
    if (char === '[') {
      if (this.#bracket) throw new LexFault(`unexpected left bracket '['`, start)
      this.#bracket = true
      this.#colon = false
      this.#gotDuration = false
      this.#durationMode = true
      return this.#take(char, start, 1)
    }
    if (char === ']') {
      if (!this.#bracket) throw new LexFault(`unexpected right bracket ']'`, start)
      this.#bracket = false
      return this.#take(char, start, 1)
    }
    throw new LexFault(`unexpected character: ${quotedRune(char)}`, start)
  }

  #skip(): void {
    const { query } = this
    for (;;) {
      while (isSpace(query[this.#at])) this.#at++
      if (query[this.#at] !== '#' || this.#durationMode) return
      while (this.#at < query.length && query[this.#at] !== '\n' && query[this.#at] !== '\r') this.#at++
    }
  }

  #rune(at: number): string | null {
    const code = this.query.codePointAt(at)
    return code === undefined ? null : String.fromCodePoint(code)
  }

  #take(type: TokenType, start: number, length: number): Token {
    this.#at = start + length
    return { type, text: this.query.slice(start, this.#at), start }
  }

  #insideBraces(start: number, char: string | null): Token {
    const { query } = this
    if (char === null) throw new LexFault('unexpected end of input inside braces', start)
    if (isAlpha(char)) {
      let end = start + 1
      while (isAlpha(query[end]) || isDigit(query[end])) end++
      return this.#take('identifier', start, end - start)
    }
    if (char === '"' || char === "'" || char === '`') return this.#string(start, char)
    const two = query.slice(start, start + 2)
    if (two === '=~' || two === '!~' || two === '!=') return this.#take(two, start, 2)
    if (char === '=' || char === ',') return this.#take(char, start, 1)
    if (char === '!')
      throw new LexFault(`unexpected character after '!' inside braces: ${quotedRune(this.#rune(start + 1))}`, start)
    if (char === '{') throw new LexFault(`unexpected left brace '{'`, start)
    if (char === '}') {
      this.#brace = false
      return this.#take(char, start, 1)
    }
    throw new LexFault(`unexpected character inside braces: ${quotedRune(char)}`, start)
  }

  #insideDuration(start: number, char: string | null): Token {
    if (char === null) throw new LexFault('unexpected end of input in duration expression', start)
    if (char === ']') {
      this.#bracket = false
      this.#durationMode = false
      return this.#take(char, start, 1)
    }
    if (char === ':') {
      if (!this.#gotDuration) throw new LexFault('unexpected colon before duration in duration expression', start)
      if (this.#colon) throw new LexFault('unexpected repeated colon in duration expression', start)
      this.#colon = true
      return this.#take(char, start, 1)
    }
    if (char === '(') this.#parens++
    if (char === ')') {
      this.#parens--
      if (this.#parens < 0) throw new LexFault(`unexpected right parenthesis ')'`, start)
    }
    if ('()+-*/%^,'.includes(char)) return this.#take(char, start, 1)
    if (isDigit(char) || (char === '.' && isDigit(this.query[start + 1]))) {
      this.#gotDuration = true
      this.#durationMode = false
      return this.#numberOrDuration(start)
    }
    const fault = `unexpected character in duration expression: ${quotedRune(char)}`
    if (!/[srm]/i.test(char)) throw new LexFault(fault, start)
    this.#gotDuration = true
    return this.#durationWord(start, fault)
  }

  #durationWord(start: number, fault: string): Token {
    let end = start
    while (isAlpha(this.query[end])) end++
    const word = this.query.slice(start, end).toLowerCase()
    if (!DURATION_WORDS.has(word)) throw new LexFault(fault, start)
    return this.#take(word, start, end - start)
  }

  #word(start: number): Token {
    const { query } = this
    let end = start
    while (isAlpha(query[end]) || isDigit(query[end]) || query[end] === ':') end++
    const text = query.slice(start, end)
    const word = text.toLowerCase()
    let type: TokenType = text.includes(':') ? 'metric' : 'identifier'
    if (word === 'inf' || word === 'nan') type = 'number'
    else if (word.startsWith('fill') && MODIFIERS.has(word)) {
      if (/^[ \t\n\r]*\(/.test(query.slice(end))) type = word
    } else if (AGGREGATORS.has(word) || OPERATOR_WORDS.has(word) || MODIFIERS.has(word) || PREPROCESSORS.has(word))
      type = word
    return this.#take(type, start, end - start)
  }

  #numberOrDuration(start: number): Token {
    const rest = this.query.slice(start)
    const number =
      /^0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*/.exec(rest)?.[0] ??
      /^(?:\d+(?:_\d+)*)?(?:\.(?:\d+(?:_\d+)*)?)?(?:[eE][+-]?\d+(?:_\d+)*)?/.exec(rest)?.[0] ??
      ''
    const after = rest[number.length]
    if (number && !isAlpha(after) && !isDigit(after) && after !== '.') return this.#take('number', start, number.length)
    const duration = /^\d+(?:ms|[smhdwy]s?)(?:\d+(?:ms|[smhdw]s?))*/.exec(rest)?.[0] ?? ''
    const end = rest[duration.length]
    if (duration && !isAlpha(end) && !isDigit(end)) return this.#take('duration', start, duration.length)
    const bad = /^[0-9A-Za-z_.]*/.exec(rest)?.[0] ?? ''
    throw new LexFault(`bad number or duration syntax: ${quoted(bad.slice(0, (duration || number).length + 1))}`, start)
  }

  #string(start: number, quote: string): Token {
    const { query } = this
    for (let at = start + 1; ; at++) {
      const char = query[at]
      if (char === undefined)
        throw new LexFault(quote === '`' ? 'unterminated raw string' : 'unterminated quoted string', start)
      if (quote !== '`') {
        if (char === '\n') throw new LexFault('unterminated quoted string', start)
        if (char === '\\') {
          at = this.#escape(at + 1, quote, start)
          continue
        }
      }
      if (char === quote) return this.#take('string', start, at + 1 - start)
    }
  }

  /** Checks the escape whose character after the backslash is at `at`; the offset of its last character. */
  #escape(at: number, quote: string, start: number): number {
    const { query } = this
    const char = query[at]
    if (char === undefined) throw new LexFault('escape sequence not terminated', start)
    if ('abfnrtv\\'.includes(char) || char === quote) return at
    const octal = char >= '0' && char <= '7'
    const length = octal ? 3 : char === 'x' ? 2 : char === 'u' ? 4 : char === 'U' ? 8 : 0
    const from = octal ? at : at + 1
    if (length === 0) throw new LexFault(`unknown escape sequence ${unicode(query, at)}`, start)
    for (let i = from; i < from + length; i++) {
      if (query[i] === undefined) throw new LexFault('escape sequence not terminated', start)
      if (!(octal ? /[0-7]/ : /[0-9a-fA-F]/).test(query[i]))
        throw new LexFault(`illegal character ${unicode(query, i)} in escape sequence`, start)
    }
    const code = Number.parseInt(query.slice(from, from + length), octal ? 8 : 16)
    if (code > (octal || char === 'x' ? 255 : 0x10ffff) || (code >= 0xd800 && code < 0xe000))
      throw new LexFault('escape sequence is an invalid Unicode code point', start)
    return from + length - 1
  }
}

function unicode(query: string, at: number): string {
  const code = query.codePointAt(at) as number
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')} '${String.fromCodePoint(code)}'`
}
