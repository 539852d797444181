// Over 500 lines: one recursive descent whose rules call each other; apart they would only pass its state around.
import type { GlassboxError } from '../../../base/errors.ts'
import { compileMatcherRegex } from '../../../model/label-regex.ts'
import { FUNCTIONS } from '../../../model/promql-functions.ts'
import type { Matcher } from '../../../model/series.ts'
import { ALL_FEATURES, type PromqlFeatures } from '../answer.ts'
import {
  type AggregateExpr,
  type BinaryExpr,
  EXPERIMENTAL_AGGREGATORS,
  type Expr,
  type NumberLiteral,
  PARAM_AGGREGATORS,
  type TimeShift,
  type VectorMatching,
  type VectorSelector,
} from './ast.ts'
import { checkTypes } from './check-types.ts'
import { DurationParser } from './duration-parser.ts'
import { goNumber } from './go-number.ts'
import { durationMs, isLabelName, parseError, quoted, unquote } from './text.ts'
import { TokenStream } from './token-stream.ts'
import { AGGREGATORS, DURATION_WORDS, isLabelWord, isMetricWord, type Token } from './tokens.ts'

// Over 500 lines: one recursive descent whose methods all call each other; tokens, durations and types are apart.

const PRECEDENCE: Record<string, number> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
}
const POWER = 6

/**
 * Parses and type-checks a PromQL expression. Written by hand rather than on @prometheus-io/lezer-promql: see
 * ../README.md.
 * @throws GlassboxError `bad_promql`: `line:column: parse error: ...`, worded as Prometheus does
 */
export function parsePromql(query: string, features: PromqlFeatures = ALL_FEATURES): Expr {
  const parser = new Parser(query, features)
  const expr = parser.parseWhole()
  const faults = parser.faults
  if (faults.length === 0) checkTypes(query, expr)
  else throw faults[0]
  return expr
}

/**
 * Parses one series selector, as in `match[]`; one that matches everything is taken.
 * @throws GlassboxError `bad_promql`
 */
export function parseSelector(query: string): Matcher[] {
  const parser = new Parser(query, ALL_FEATURES)
  const selector = parser.parseSelectorOnly()
  if (parser.faults.length > 0) throw parser.faults[0]
  return selector.matchers
}

class Parser {
  readonly #query: string
  readonly #features: PromqlFeatures
  readonly #tokens: TokenStream
  readonly #durations: DurationParser
  /** Semantic faults in the order they are found; the first is the one that is told. */
  readonly faults: GlassboxError[] = []
  /** The nearest construct around the current token that names itself in errors. */
  #context = ''

  constructor(query: string, features: PromqlFeatures) {
    this.#query = query
    this.#features = features
    this.#tokens = new TokenStream(query)
    this.#durations = new DurationParser(this.#tokens, features, (at, text) => this.#fault(at, text))
  }

  parseWhole(): Expr {
    return this.#run(() => {
      if (this.#tokens.peek().type === 'eof') throw parseError(this.#query, 0, 'no expression found in input')
      const expr = this.#expr(1)
      if (this.#tokens.peek().type !== 'eof') this.#unexpected()
      return expr
    })
  }

  parseSelectorOnly(): VectorSelector {
    return this.#run(() => {
      const token = this.#tokens.peek()
      if (token.type !== '{' && !isMetricWord(token.type)) this.#unexpected()
      const selector = this.#selector()
      if (this.#tokens.peek().type !== 'eof') this.#unexpected()
      return selector
    })
  }

  /** A syntax error stops the parser; a semantic fault that was found before it is the one to tell. */
  #run<T>(parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw this.faults[0] ?? error
    }
  }

  #fault(at: number, text: string): void {
    this.faults.push(parseError(this.#query, at, text))
  }

  #unexpected(context = this.#context, expected = ''): never {
    this.#tokens.unexpected(context, expected)
  }

  #expect(type: string, context?: string, expected?: string): Token {
    if (this.#tokens.peek().type !== type) this.#unexpected(context, expected)
    return this.#tokens.take()
  }

  #expr(minPrecedence: number): Expr {
    let left = this.#unary()
    for (;;) {
      const token = this.#tokens.peek()
      const precedence = PRECEDENCE[token.type]
      if (precedence === undefined || precedence < minPrecedence) return left
      this.#tokens.take()
      const { matching, bool } = this.#matching()
      const right = this.#expr(token.type === '^' ? precedence : precedence + 1)
      const fill = matching.fillLeft !== null || matching.fillRight !== null
      const binary: BinaryExpr = {
        kind: 'binary',
        op: token.type,
        left,
        right,
        matching,
        bool,
        start: left.start,
        end: right.end,
      }
      if (fill && !this.#features.fillModifiers)
        this.#fault(left.start, 'binop fill modifiers are experimental and not enabled')
      left = binary
    }
  }

  #matching(): { matching: VectorMatching; bool: boolean } {
    const matching: VectorMatching = {
      card: 'one-to-one',
      labels: [],
      on: false,
      include: [],
      fillLeft: null,
      fillRight: null,
    }
    const bool = this.#tokens.takeIf('bool')
    if (this.#tokens.peek().type === 'on' || this.#tokens.peek().type === 'ignoring') {
      matching.on = this.#tokens.take().type === 'on'
      matching.labels = this.#grouping()
      const group = this.#tokens.peek().type
      if (group === 'group_left' || group === 'group_right') {
        this.#tokens.take()
        matching.card = group === 'group_left' ? 'many-to-one' : 'one-to-many'
        if (this.#tokens.peek().type === '(') matching.include = this.#grouping()
      }
    }
    let fill = this.#tokens.peek().type
    if (fill === 'fill') {
      this.#tokens.take()
      matching.fillLeft = this.#fillValue()
      matching.fillRight = matching.fillLeft
    } else
      for (let i = 0; i < 2; i++) {
        fill = this.#tokens.peek().type
        if (fill === 'fill_left' && matching.fillLeft === null) {
          this.#tokens.take()
          matching.fillLeft = this.#fillValue()
        } else if (fill === 'fill_right' && matching.fillRight === null) {
          this.#tokens.take()
          matching.fillRight = this.#fillValue()
        }
      }
    return { matching, bool }
  }

  #fillValue(): number {
    this.#expect('(')
    const sign = this.#sign()
    const token = this.#tokens.peek()
    if (token.type !== 'number' && token.type !== 'duration') this.#unexpected()
    const value = sign * this.#number().value
    this.#expect(')')
    return value
  }

  #sign(): 1 | -1 {
    if (this.#tokens.takeIf('-')) return -1
    this.#tokens.takeIf('+')
    return 1
  }

  /** `(a, "b c", )` after by, without, on, ignoring, group_left, group_right. */
  #grouping(): string[] {
    if (this.#tokens.peek().type !== '(') this.#unexpected('grouping opts', '"("')
    this.#tokens.take()
    const names: string[] = []
    while (!this.#tokens.takeIf(')')) {
      const token = this.#tokens.peek()
      if (!isLabelWord(token.type) && token.type !== 'string') this.#unexpected('grouping opts', 'label')
      this.#tokens.take()
      const name = token.type === 'string' ? unquote(token.text) : token.text
      if (!isLabelName(name)) this.#fault(token.start, `invalid label name for grouping: ${quoted(name)}`)
      names.push(name)
      if (this.#tokens.takeIf(',')) continue
      if (this.#tokens.peek().type !== ')') this.#unexpected('grouping opts', '"," or ")"')
    }
    return names
  }

  #unary(): Expr {
    const token = this.#tokens.peek()
    if (token.type !== '+' && token.type !== '-') return this.#postfix(this.#primary())
    this.#tokens.take()
    const operand = this.#expr(POWER)
    if (operand.kind === 'number') {
      if (token.type === '-') operand.value = -operand.value
      operand.start = token.start
      return operand
    }
    return { kind: 'unary', op: token.type, expr: operand, start: token.start, end: operand.end }
  }

  #primary(): Expr {
    const token = this.#tokens.peek()
    if (token.type === 'number' || token.type === 'duration') return this.#number()
    if (token.type === 'string') {
      this.#tokens.take()
      return { kind: 'string', value: unquote(token.text), start: token.start, end: this.#tokens.lastEnd }
    }
    if (token.type === '(') {
      this.#tokens.take()
      const expr = this.#expr(1)
      this.#expect(')')
      return { kind: 'paren', expr, start: token.start, end: this.#tokens.lastEnd }
    }
    const after = this.#tokens.peekSecond()
    const callable = token.type === 'identifier' || DURATION_WORDS.has(token.type) || /^(start|end)$/.test(token.type)
    if (callable && after.type === '(') return this.#call()
    if (AGGREGATORS.has(token.type)) {
      if (after.type === '(' || after.type === 'by' || after.type === 'without') return this.#aggregate()
      if (['identifier', 'metric', 'number', 'duration', 'string'].includes(after.type)) {
        this.#tokens.take()
        this.#unexpected('aggregation')
      }
    }
    if (token.type === '{' || isMetricWord(token.type)) return this.#selector()
    this.#unexpected()
  }

  #number(): NumberLiteral {
    const token = this.#tokens.take()
    const literal: NumberLiteral = {
      kind: 'number',
      value: 0,
      duration: token.type === 'duration',
      start: token.start,
      end: token.start + token.text.length,
    }
    if (token.type === 'duration') {
      const ms = durationMs(token.text)
      if (ms === null) this.#fault(token.start, `not a valid duration string: ${quoted(token.text)}`)
      literal.value = (ms ?? 0) / 1000
    } else literal.value = goNumber(token.text)
    return literal
  }

  #call(): Expr {
    const token = this.#tokens.take()
    const args = this.#callBody()
    const func = FUNCTIONS.get(token.text)
    if (!func) {
      this.#fault(token.start, `unknown function with name ${quoted(token.text)}`)
      throw this.faults[0]
    }
    if (func.experimental && !this.#features.functions)
      this.#fault(token.start, `function ${quoted(token.text)} is not enabled`)
    return { kind: 'call', func, args, start: token.start, end: this.#tokens.lastEnd }
  }

  #callBody(): Expr[] {
    this.#expect('(')
    const args: Expr[] = []
    if (this.#tokens.takeIf(')')) return args
    for (;;) {
      args.push(this.#expr(1))
      const comma = this.#tokens.peek()
      if (!this.#tokens.takeIf(',')) break
      if (this.#tokens.peek().type === ')') {
        this.#fault(comma.start, 'trailing commas not allowed in function call args')
        break
      }
    }
    this.#expect(')')
    return args
  }

  #aggregate(): Expr {
    const token = this.#tokens.take()
    const outer = this.#context
    this.#context = 'aggregation'
    let modifier = this.#aggregateModifier()
    const args = this.#callBody()
    modifier ??= this.#aggregateModifier()
    this.#context = outer
    const node: AggregateExpr = {
      kind: 'aggregate',
      op: token.type,
      expr: args[0],
      param: null,
      grouping: modifier?.labels ?? [],
      without: modifier?.without ?? false,
      start: token.start,
      end: this.#tokens.lastEnd,
    }
    const wanted = PARAM_AGGREGATORS.has(token.type) ? 2 : 1
    if (args.length === 0) this.#fault(token.start, 'no arguments for aggregate expression provided')
    else if (EXPERIMENTAL_AGGREGATORS.has(token.type) && !this.#features.functions)
      this.#fault(
        token.start,
        `${token.type}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
      )
    else if (args.length !== wanted)
      this.#fault(
        token.start,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      )
    else if (wanted === 2) {
      node.param = args[0]
      node.expr = args[1]
    }
    if (this.faults.length > 0) throw this.faults[0]
    return node
  }

  #aggregateModifier(): { labels: string[]; without: boolean } | null {
    const { type } = this.#tokens.peek()
    if (type !== 'by' && type !== 'without') return null
    this.#tokens.take()
    return { labels: this.#grouping(), without: type === 'without' }
  }

  #selector(): VectorSelector {
    const first = this.#tokens.peek()
    const name = first.type === '{' ? '' : this.#tokens.take().text
    const matchers = this.#tokens.peek().type === '{' ? this.#matchers() : []
    if (name !== '') matchers.push({ name: '__name__', op: '=', value: name })
    return {
      kind: 'vector',
      name,
      matchers,
      anchored: false,
      smoothed: false,
      allowEmpty: false,
      statsOnly: false,
      originalOffset: 0,
      offsetExpr: null,
      timestamp: null,
      startOrEnd: null,
      offset: 0,
      start: first.start,
      end: this.#tokens.lastEnd,
    }
  }

  #matchers(): Matcher[] {
    this.#tokens.take()
    const matchers: Matcher[] = []
    const context = 'label matching'
    while (!this.#tokens.takeIf('}')) {
      const token = this.#tokens.peek()
      if (token.type !== 'identifier' && token.type !== 'string') this.#unexpected(context, 'identifier or "}"')
      this.#tokens.take()
      const name = token.type === 'string' ? unquote(token.text) : token.text
      const op = this.#tokens.peek().type
      if (op === '=' || op === '!=' || op === '=~' || op === '!~') {
        this.#tokens.take()
        const value = this.#expect('string', context, 'string')
        const matcher: Matcher = { name, op, value: unquote(value.text) }
        if (op === '=~' || op === '!~') {
          const fault = compileMatcherRegex(matcher.value).fault
          if (fault) this.#fault(token.start, fault)
        }
        matchers.push(matcher)
      } else if (token.type === 'string') matchers.push({ name: '__name__', op: '=', value: name })
      else this.#unexpected(context, 'label matching operator')
      if (this.#tokens.takeIf(',')) continue
      if (this.#tokens.peek().type !== '}') this.#unexpected(context, '"," or "}"')
    }
    return matchers
  }

  #postfix(primary: Expr): Expr {
    let expr = primary
    for (;;) {
      const token = this.#tokens.peek()
      if (token.type === '[') expr = this.#range(expr)
      else if (token.type === 'offset') this.#offset(expr)
      else if (token.type === '@') this.#at(expr)
      else if (token.type === 'anchored' || token.type === 'smoothed') this.#extend(expr, token.type)
      else return expr
    }
  }

  #range(expr: Expr): Expr {
    const bracket = this.#tokens.take()
    const range = this.#durations.positive('subquery or range selector', 'number, duration, step(), or range()')
    if (this.#tokens.takeIf(':')) {
      let step: ReturnType<DurationParser['positive']> | null = null
      if (this.#tokens.peek().type !== ']') {
        step = this.#durations.positive('subquery selector', 'number, duration, step(), range(), or "]"')
        if (this.#tokens.peek().type !== ']') this.#unexpected('subquery selector', '"]"')
      }
      this.#tokens.take()
      return {
        kind: 'subquery',
        expr,
        range: range.ms,
        rangeExpr: range.expr,
        step: step?.ms ?? 0,
        stepExpr: step?.expr ?? null,
        originalOffset: 0,
        offsetExpr: null,
        timestamp: null,
        startOrEnd: null,
        offset: 0,
        start: expr.start,
        end: this.#tokens.lastEnd,
      }
    }
    if (this.#tokens.peek().type !== ']') this.#unexpected('subquery or range', '":" or "]"')
    this.#tokens.take()
    if (expr.kind !== 'vector') {
      this.#fault(bracket.start, 'ranges only allowed for vector selectors')
      throw this.faults[0]
    }
    if (expr.originalOffset !== 0 || expr.offsetExpr)
      this.#fault(bracket.start, 'no offset modifiers allowed before range')
    else if (expr.timestamp !== null || expr.startOrEnd)
      this.#fault(bracket.start, 'no @ modifiers allowed before range')
    return {
      kind: 'matrix',
      selector: expr,
      range: range.ms,
      rangeExpr: range.expr,
      start: expr.start,
      end: this.#tokens.lastEnd,
    }
  }

  /** The part of a selector or subquery that carries offset and @; null (and a fault) for anything else. */
  #shiftOf(expr: Expr, what: string): TimeShift | null {
    if (expr.kind === 'vector' || expr.kind === 'subquery') return expr
    if (expr.kind === 'matrix') return expr.selector
    this.#fault(
      expr.start,
      `${what} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
    )
    return null
  }

  #offset(expr: Expr): void {
    this.#tokens.take()
    const offset = this.#durations.offset()
    const shift = this.#shiftOf(expr, 'offset')
    if (!shift) return
    if (shift.originalOffset !== 0 || shift.offsetExpr) this.#fault(expr.start, 'offset may not be set multiple times')
    shift.originalOffset = offset.ms
    shift.offsetExpr = offset.expr
    expr.end = this.#tokens.lastEnd
  }

  #at(expr: Expr): void {
    this.#tokens.take()
    const token = this.#tokens.peek()
    if (token.type === 'start' || token.type === 'end') {
      this.#tokens.take()
      this.#expect('(')
      this.#expect(')')
    } else {
      const sign = this.#sign()
      const { type } = this.#tokens.peek()
      if (type !== 'number' && type !== 'duration') this.#unexpected('@', 'timestamp')
      const seconds = sign * this.#number().value
      if (!Number.isFinite(seconds) || Math.abs(seconds) >= 2 ** 63)
        this.#fault(expr.start, `timestamp out of bounds for @ modifier: ${seconds.toFixed(6)}`)
      this.#setTimestamp(expr, Math.round(seconds * 1000), null)
      return
    }
    this.#setTimestamp(expr, null, token.type)
  }

  #setTimestamp(expr: Expr, timestamp: number | null, startOrEnd: 'start' | 'end' | null): void {
    const shift = this.#shiftOf(expr, '@')
    if (!shift) return
    if (shift.timestamp !== null || shift.startOrEnd)
      this.#fault(expr.start, '@ <timestamp> may not be set multiple times')
    shift.timestamp = timestamp
    shift.startOrEnd = startOrEnd
    expr.end = this.#tokens.lastEnd
  }

  #extend(expr: Expr, word: 'anchored' | 'smoothed'): void {
    this.#tokens.take()
    if (!this.#features.extendedRangeSelectors) {
      this.#fault(expr.start, `${word} modifier is experimental and not enabled`)
      return
    }
    const selector = expr.kind === 'vector' ? expr : expr.kind === 'matrix' ? expr.selector : null
    if (!selector) {
      const text = expr.kind === 'subquery' ? 'is not supported for subqueries' : 'not implemented'
      this.#fault(expr.start, `${word} modifier ${text}`)
      return
    }
    selector[word] = true
    if (selector.anchored && selector.smoothed)
      this.#fault(expr.start, 'anchored and smoothed modifiers cannot be used together')
  }
}
