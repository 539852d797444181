import type { FunctionSignature, ValueType } from '../../../model/promql-functions.ts'
import type { Matcher } from '../../../model/series.ts'

interface Located {
  /** Offsets in the query, UTF-16 units; `end` is exclusive. */
  start: number
  end: number
}

export interface NumberLiteral extends Located {
  kind: 'number'
  value: number
  /** Written as a duration (`5m`); the value is in seconds. */
  duration: boolean
}
export interface StringLiteral extends Located {
  kind: 'string'
  value: string
}

/** Where a selector or subquery looks in time. */
export interface TimeShift {
  /** As written, ms. */
  originalOffset: number
  offsetExpr: DurationExpr | null
  /** `@ t`, ms; also what `@ start()` and `@ end()` resolve to. */
  timestamp: number | null
  startOrEnd: 'start' | 'end' | null
  /** Effective shift in ms once `@` is taken into account; set before evaluation. */
  offset: number
}

export interface VectorSelector extends Located, TimeShift {
  kind: 'vector'
  name: string
  /** The name, when it stands outside the braces, is the last one. */
  matchers: Matcher[]
  anchored: boolean
  smoothed: boolean
  /** The second argument of info() may match everything. */
  allowEmpty: boolean
  /** Only count and sum of native histograms are wanted. */
  statsOnly: boolean
}
export interface MatrixSelector extends Located {
  kind: 'matrix'
  selector: VectorSelector
  /** ms */
  range: number
  rangeExpr: DurationExpr | null
}
export interface SubqueryExpr extends Located, TimeShift {
  kind: 'subquery'
  expr: Expr
  range: number
  rangeExpr: DurationExpr | null
  /** ms; 0 when none is named. */
  step: number
  stepExpr: DurationExpr | null
}
export interface VectorMatching {
  card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many'
  labels: string[]
  on: boolean
  include: string[]
  fillLeft: number | null
  fillRight: number | null
}
export interface BinaryExpr extends Located {
  kind: 'binary'
  op: string
  left: Expr
  right: Expr
  matching: VectorMatching | null
  bool: boolean
}
export interface UnaryExpr extends Located {
  kind: 'unary'
  op: '+' | '-'
  expr: Expr
}
export interface ParenExpr extends Located {
  kind: 'paren'
  expr: Expr
}
export interface AggregateExpr extends Located {
  kind: 'aggregate'
  op: string
  expr: Expr
  param: Expr | null
  grouping: string[]
  without: boolean
}
export interface CallExpr extends Located {
  kind: 'call'
  func: FunctionSignature
  args: Expr[]
}
/** Arithmetic on durations inside brackets and after `offset`. */
export interface DurationExpr extends Located {
  kind: 'duration'
  op: string
  left: DurationNode | null
  right: DurationNode | null
  wrapped: boolean
}
export type DurationNode = DurationExpr | NumberLiteral
/** The same at every step: evaluated once. Only made before evaluation. */
export interface StepInvariantExpr extends Located {
  kind: 'invariant'
  expr: Expr
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | SubqueryExpr
  | BinaryExpr
  | UnaryExpr
  | ParenExpr
  | AggregateExpr
  | CallExpr
  | StepInvariantExpr

export const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>='])
export const SET_OPERATORS = new Set(['and', 'or', 'unless'])
export const PARAM_AGGREGATORS = new Set(['topk', 'bottomk', 'count_values', 'quantile', 'limitk', 'limit_ratio'])
export const EXPERIMENTAL_AGGREGATORS = new Set(['limitk', 'limit_ratio'])

export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar'
    case 'string':
      return 'string'
    case 'vector':
    case 'aggregate':
      return 'vector'
    case 'matrix':
    case 'subquery':
      return 'matrix'
    case 'binary':
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector'
    case 'call':
      return expr.func.returns
    case 'unary':
    case 'paren':
    case 'invariant':
      return typeOf(expr.expr)
  }
}

/** The direct sub-expressions, in the order they are written. */
function childrenOf(expr: Expr): Expr[] {
  switch (expr.kind) {
    case 'binary':
      return [expr.left, expr.right]
    case 'aggregate':
      return expr.param ? [expr.expr, expr.param] : [expr.expr]
    case 'call':
      return expr.args
    case 'matrix':
      return [expr.selector]
    case 'subquery':
    case 'unary':
    case 'paren':
    case 'invariant':
      return [expr.expr]
    default:
      return []
  }
}

/** Calls `visit` for each node with the nodes above it, parents first. */
export function walk(expr: Expr, visit: (node: Expr, path: Expr[]) => void, path: Expr[] = []): void {
  visit(expr, path)
  const below = [...path, expr]
  for (const child of childrenOf(expr)) walk(child, visit, below)
}
