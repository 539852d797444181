import type { PromqlFeatures } from '../answer.ts'
import type { DurationExpr, DurationNode, NumberLiteral } from './ast.ts'
import { goNumber } from './go-number.ts'
import { durationMs, quoted } from './text.ts'
import type { TokenStream } from './token-stream.ts'

const PRECEDENCE: Record<string, number> = { '+': 1, '-': 1, '*': 2, '/': 2, '%': 2, '^': 3 }
const LONGEST_SECONDS = 2 ** 63 / 1e9

/** A duration: known now (`ms`), or arithmetic to work out once step and range are known (`expr`). */
export interface ParsedDuration {
  ms: number
  expr: DurationExpr | null
}

/** Seconds as whole ms, as Go rounds to ns first and then cuts. */
function secondsToMs(seconds: number): number {
  return Math.trunc(Math.round(seconds * 1e9) / 1e6)
}

/** Durations in brackets and after `offset`: numbers of seconds, `5m`, and arithmetic on them. */
export class DurationParser {
  readonly #tokens: TokenStream
  readonly #features: PromqlFeatures
  readonly #fault: (at: number, text: string) => void
  /** What errors say is being parsed. */
  #context = ''
  #expected = ''

  constructor(tokens: TokenStream, features: PromqlFeatures, fault: (at: number, text: string) => void) {
    this.#tokens = tokens
    this.#features = features
    this.#fault = fault
  }

  /** A range or a subquery's step. */
  positive(context: string, expected: string): ParsedDuration {
    this.#context = context
    this.#expected = expected
    const node = this.#arithmetic(1)
    if (node.kind === 'number' && node.value <= 0) {
      this.#fault(node.start, 'duration must be greater than 0')
      return { ms: 0, expr: null }
    }
    return parsed(node)
  }

  /** After `offset`: arithmetic only in parentheses, so that `foo offset -2^2` is `(foo offset -2)^2`. */
  offset(): ParsedDuration {
    this.#context = 'offset'
    this.#expected = 'number, duration, step(), or range()'
    const sign = this.#tokens.peek()
    if (sign.type !== '+' && sign.type !== '-') return parsed(this.#primary())
    this.#tokens.take()
    return parsed(this.#signed(sign.type, sign.start, this.#primary()))
  }

  #arithmetic(minPrecedence: number): DurationNode {
    let left = this.#unary()
    for (;;) {
      const token = this.#tokens.peek()
      const precedence = PRECEDENCE[token.type]
      if (precedence === undefined || precedence < minPrecedence) return left
      this.#tokens.take()
      const right = this.#arithmetic(token.type === '^' ? precedence : precedence + 1)
      this.#experimental(left.start)
      if ((token.type === '/' || token.type === '%') && right.kind === 'number' && right.value === 0)
        this.#fault(token.start, token.type === '/' ? 'division by zero' : 'modulo by zero')
      left = { kind: 'duration', op: token.type, left, right, wrapped: false, start: left.start, end: right.end }
    }
  }

  #unary(): DurationNode {
    const sign = this.#tokens.peek()
    if (sign.type !== '+' && sign.type !== '-') return this.#primary()
    this.#tokens.take()
    return this.#signed(sign.type, sign.start, this.#arithmetic(3))
  }

  #signed(op: string, start: number, node: DurationNode): DurationNode {
    if (node.kind === 'number') {
      if (op === '-') node.value = -node.value
      node.start = start
      return node
    }
    if (op === '+') return node
    return { kind: 'duration', op: '-', left: null, right: node, wrapped: false, start, end: node.end }
  }

  #primary(): DurationNode {
    const token = this.#tokens.peek()
    if (token.type === 'number' || token.type === 'duration') return this.#literal()
    const { start } = token
    if (token.type === '(') {
      this.#tokens.take()
      const inner = this.#arithmetic(1)
      if (!this.#tokens.takeIf(')')) this.#unexpected()
      this.#experimental(inner.start)
      if (inner.kind === 'duration') {
        inner.wrapped = true
        return inner
      }
      return { kind: 'duration', op: '+', left: null, right: inner, wrapped: true, start, end: this.#tokens.lastEnd }
    }
    if (!/^(step|range|min_of|max_of)$/.test(token.type)) this.#unexpected()
    this.#tokens.take()
    if (!this.#tokens.takeIf('(')) this.#unexpected()
    let left: DurationNode | null = null
    let right: DurationNode | null = null
    if (token.type === 'min_of' || token.type === 'max_of') {
      left = this.#arithmetic(1)
      if (!this.#tokens.takeIf(',')) this.#unexpected()
      right = this.#arithmetic(1)
    }
    if (!this.#tokens.takeIf(')')) this.#unexpected()
    this.#experimental(start)
    return { kind: 'duration', op: token.type, left, right, wrapped: false, start, end: this.#tokens.lastEnd }
  }

  #literal(): NumberLiteral {
    const token = this.#tokens.take()
    const literal: NumberLiteral = {
      kind: 'number',
      value: 0,
      duration: token.type === 'duration',
      start: token.start,
      end: this.#tokens.lastEnd,
    }
    if (literal.duration) {
      const ms = durationMs(token.text)
      if (ms === null) this.#fault(token.start, `not a valid duration string: ${quoted(token.text)}`)
      literal.value = (ms ?? 0) / 1000
    } else literal.value = goNumber(token.text)
    if (!(Math.abs(literal.value) <= LONGEST_SECONDS)) {
      this.#fault(token.start, 'duration out of range')
      literal.value = 0
    }
    return literal
  }

  #experimental(at: number): void {
    if (!this.#features.durationExpressions) this.#fault(at, 'experimental duration expression is not enabled')
  }

  #unexpected(): never {
    this.#tokens.unexpected(this.#context, this.#expected)
  }
}

function parsed(node: DurationNode): ParsedDuration {
  return node.kind === 'number' ? { ms: secondsToMs(node.value), expr: null } : { ms: 0, expr: node }
}
