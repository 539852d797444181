import type { GlassboxError } from '../../../base/errors.ts'
import { matcherTest } from '../../../model/label-regex.ts'
import type { ValueType } from '../../../model/promql-functions.ts'
import { type BinaryExpr, type CallExpr, COMPARISONS, type Expr, SET_OPERATORS, typeOf } from './ast.ts'
import { parseError, quoted } from './text.ts'

const TYPE_NAMES: Record<ValueType, string> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
  none: 'none',
}

/**
 * Checks the types of a tree; set operators become many-to-many and matching is dropped where a side is a scalar.
 * @throws GlassboxError `bad_promql`, the first fault in Prometheus' order
 */
export function checkTypes(query: string, root: Expr): void {
  new TypeCheck(query).check(root)
}

class TypeCheck {
  readonly #query: string

  constructor(query: string) {
    this.#query = query
  }

  #fault(at: number, text: string): GlassboxError {
    return parseError(this.#query, at, text)
  }

  check(node: Expr): ValueType {
    switch (node.kind) {
      case 'aggregate':
        this.#expect(node.expr, 'vector', 'aggregation expression')
        if (node.param)
          this.#expect(node.param, node.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter')
        break
      case 'binary':
        this.#binary(node)
        break
      case 'call':
        this.#call(node)
        break
      case 'paren':
        this.check(node.expr)
        break
      case 'unary': {
        const type = this.check(node.expr)
        if (type !== 'scalar' && type !== 'vector')
          throw this.#fault(
            node.start,
            `unary expression only allowed on expressions of type scalar or instant vector, got ${quoted(TYPE_NAMES[type])}`,
          )
        break
      }
      case 'subquery': {
        const type = this.check(node.expr)
        if (type !== 'vector')
          throw this.#fault(node.start, `subquery is only allowed on instant vector, got ${type} instead`)
        break
      }
      case 'matrix':
        this.check(node.selector)
        break
      case 'vector':
        if (node.name !== '') {
          const twice = node.matchers.slice(0, -1).find((matcher) => matcher.name === '__name__')
          if (twice)
            throw this.#fault(
              node.start,
              `metric name must not be set twice: ${quoted(node.name)} or ${quoted(twice.value)}`,
            )
        } else if (!node.allowEmpty && !node.matchers.some((matcher) => !matcherTest(matcher)('')))
          throw this.#fault(node.start, 'vector selector must contain at least one non-empty matcher')
        break
    }
    return typeOf(node)
  }

  #expect(node: Expr, want: ValueType, context: string): void {
    const type = this.check(node)
    if (type !== want)
      throw this.#fault(node.start, `expected type ${TYPE_NAMES[want]} in ${context}, got ${TYPE_NAMES[type]}`)
  }

  #binary(node: BinaryExpr): void {
    const left = this.check(node.left)
    const right = this.check(node.right)
    const comparison = COMPARISONS.has(node.op)
    const set = SET_OPERATORS.has(node.op)
    const scalars = left === 'scalar' && right === 'scalar'
    const { matching } = node
    if (node.bool && !comparison)
      throw this.#fault(this.#operatorAt(node), 'bool modifier can only be used on comparison operators')
    if (comparison && !node.bool && scalars)
      throw this.#fault(this.#operatorAt(node), 'comparisons between scalars must use BOOL modifier')
    if (!matching) return
    if (set && matching.card === 'one-to-one') matching.card = 'many-to-many'
    const both = matching.on ? matching.labels.find((label) => matching.include.includes(label)) : undefined
    if (both !== undefined)
      throw this.#fault(this.#operatorAt(node), `label ${quoted(both)} must not occur in ON and GROUP clause at once`)
    for (const [side, type] of [
      [node.left, left],
      [node.right, right],
    ] as const)
      if (type !== 'scalar' && type !== 'vector')
        throw this.#fault(side.start, 'binary expression must contain only scalar and instant vector types')
    const filled = matching.fillLeft !== null || matching.fillRight !== null
    if (left !== 'vector' || right !== 'vector') {
      if (matching.labels.length > 0)
        throw this.#fault(node.start, 'vector matching only allowed between instant vectors')
      if (filled) throw this.#fault(node.start, 'filling in missing series only allowed between instant vectors')
      node.matching = null
    } else if (set) {
      if (matching.card !== 'many-to-many')
        throw this.#fault(node.start, `no grouping allowed for ${quoted(node.op)} operation`)
      if (filled) throw this.#fault(node.start, 'filling in missing series not allowed for set operators')
    }
    if (set && (left === 'scalar' || right === 'scalar'))
      throw this.#fault(node.start, `set operator ${quoted(node.op)} not allowed in binary scalar expression`)
  }

  #operatorAt(node: BinaryExpr): number {
    let at = node.left.end
    while (/\s/.test(this.#query[at] ?? '')) at++
    return at
  }

  #call(node: CallExpr): void {
    const { func, args } = node
    const wanted = func.args.length
    const called = `in call to ${quoted(func.name)}, got ${args.length}`
    if (func.variadic === 0) {
      if (args.length !== wanted) throw this.#fault(node.start, `expected ${wanted} argument(s) ${called}`)
    } else {
      const least = wanted - 1
      if (args.length < least) throw this.#fault(node.start, `expected at least ${least} argument(s) ${called}`)
      const most = least + func.variadic
      if (func.variadic > 0 && args.length > most)
        throw this.#fault(node.start, `expected at most ${most} argument(s) ${called}`)
    }
    if (func.name === 'info' && args.length > 1) {
      const selector = args[1]
      const type = typeOf(selector)
      if (type !== 'vector')
        throw this.#fault(
          node.start,
          `expected type instant vector in call to function "info", got ${TYPE_NAMES[type]}`,
        )
      if (selector.kind !== 'vector') throw this.#fault(selector.start, 'expected label selectors only')
      if (selector.name !== '')
        throw this.#fault(selector.start, 'expected label selectors only, got vector selector instead')
      selector.allowEmpty = true
    }
    for (let i = 0; i < args.length; i++) {
      const want = func.args[Math.min(i, wanted - 1)]
      const type = this.check(args[i])
      if (type !== want)
        throw this.#fault(
          args[i].start,
          `expected type ${TYPE_NAMES[want]} in call to function ${quoted(func.name)}, got ${TYPE_NAMES[type]}`,
        )
    }
  }
}
