import type { Expr, TimeShift, VectorSelector } from '../syntax/ast.ts'
import { type DurationExpr, type DurationNode, walk } from '../syntax/ast.ts'
import { evaluationError } from './query-run.ts'

/** Functions whose value depends on the evaluation time even when their arguments do not. */
const TIME_BOUND = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'end',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'range',
  'start',
  'step',
  'time',
  'timestamp',
])

/** The query's own times, ms. */
export interface QueryTimes {
  start: number
  end: number
  /** 0 for an instant query. */
  step: number
}

/**
 * Readies a checked tree for evaluation: start(), end(), range(), step() and duration arithmetic become numbers, parts
 * that are the same at every step are wrapped to run once, and offsets take `@` into account.
 * @throws GlassboxError `promql_failed` on a duration that cannot be
 */
export function prepare(expr: Expr, times: QueryTimes): Expr {
  markStatsOnly(expr)
  const folded = fold(expr, times)
  walk(folded, (node) => resolveDurations(node, times))
  const [, wrap] = mark(folded, times)
  const ready: Expr = wrap ? invariant(folded) : folded
  setOffsets(ready, times.start)
  return ready
}

/** Where only counts and sums of histograms are wanted, buckets are left out. */
function markStatsOnly(root: Expr): void {
  walk(root, (node, path) => {
    if (node.kind !== 'vector') return
    for (let i = path.length - 1; i >= 0; i--) {
      const above = path[i]
      if (above.kind === 'subquery' || (above.kind === 'binary' && (above.op === '</' || above.op === '>/'))) {
        node.statsOnly = false
        return
      }
      if (above.kind !== 'call') continue
      const { name } = above.func
      if (name === 'histogram_count' || name === 'histogram_sum' || name === 'histogram_avg') node.statsOnly = true
      else if (name === 'histogram_quantile' || name === 'histogram_quantiles' || name === 'histogram_fraction') {
        node.statsOnly = false
        return
      }
    }
  })
}

function fold(expr: Expr, times: QueryTimes): Expr {
  switch (expr.kind) {
    case 'call': {
      const number = (value: number): Expr => ({
        kind: 'number',
        value,
        duration: false,
        start: expr.start,
        end: expr.end,
      })
      if (expr.func.name === 'start') return number(times.start / 1000)
      if (expr.func.name === 'end') return number(times.end / 1000)
      if (expr.func.name === 'range') return number((times.end - times.start) / 1000)
      if (expr.func.name === 'step') return number(times.start === times.end ? 0 : times.step / 1000)
      expr.args = expr.args.map((arg) => fold(arg, times))
      return expr
    }
    case 'binary':
      expr.left = fold(expr.left, times)
      expr.right = fold(expr.right, times)
      return expr
    case 'aggregate':
      expr.expr = fold(expr.expr, times)
      if (expr.param) expr.param = fold(expr.param, times)
      return expr
    case 'unary':
    case 'paren':
    case 'subquery':
      expr.expr = fold(expr.expr, times)
      return expr
    default:
      return expr
  }
}

function resolveDurations(node: Expr, times: QueryTimes): void {
  if (node.kind === 'matrix' && node.rangeExpr) node.range = durationOf(node.rangeExpr, times, false)
  if (node.kind === 'subquery') {
    if (node.stepExpr) node.step = durationOf(node.stepExpr, times, false)
    if (node.rangeExpr) node.range = durationOf(node.rangeExpr, times, false)
  }
  if ((node.kind === 'vector' || node.kind === 'subquery') && node.offsetExpr)
    node.originalOffset = durationOf(node.offsetExpr, times, true)
}

function durationOf(node: DurationExpr, times: QueryTimes, negative: boolean): number {
  const seconds = secondsOf(node, times)
  const at = `${node.start}:${node.end}`
  if (!Number.isFinite(seconds)) throw evaluationError(`${at}: duration is NaN or infinite`)
  if (seconds <= 0 && !negative) throw evaluationError(`${at}: duration must be greater than 0`)
  if (Math.abs(seconds) > 2 ** 63 / 1e9) throw evaluationError(`${at}: duration is out of range`)
  return Math.trunc(seconds * 1000)
}

function secondsOf(node: DurationNode, times: QueryTimes): number {
  if (node.kind === 'number') return node.value
  const left = node.left ? secondsOf(node.left, times) : 0
  const right = node.right ? secondsOf(node.right, times) : 0
  switch (node.op) {
    case 'step':
      return times.step / 1000
    case 'range':
      return (times.end - times.start) / 1000
    case 'min_of':
      return Math.min(left, right)
    case 'max_of':
      return Math.max(left, right)
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '^':
      return left ** right
    default:
      if (right === 0)
        throw evaluationError(`${node.start}:${node.end}: ${node.op === '/' ? 'division' : 'modulo'} by zero`)
      return node.op === '/' ? left / right : left % right
  }
}

/** 0-1: whether the node is the same at every step, and whether it should then be wrapped. */
function mark(node: Expr, times: QueryTimes): [same: boolean, wrap: boolean] {
  switch (node.kind) {
    case 'vector': {
      resolveStartEnd(node, times)
      const fixed = node.timestamp !== null
      return [fixed, fixed]
    }
    case 'aggregate':
      node.expr = unwrapParens(node.expr)
      if (node.param) node.param = unwrapParens(node.param)
      return mark(node.expr, times)
    case 'binary': {
      const left = mark(node.left, times)
      const right = mark(node.right, times)
      if (left[0] && right[0]) return [true, true]
      if (left[1]) node.left = invariant(node.left)
      if (right[1]) node.right = invariant(node.right)
      return [false, false]
    }
    case 'call': {
      let same = !TIME_BOUND.has(node.func.name)
      let timestampOfSelectors = node.func.name === 'timestamp'
      const wraps = node.args.map((arg, i) => {
        node.args[i] = unwrapParens(arg)
        const [argSame, wrap] = mark(node.args[i], times)
        same &&= argSame
        timestampOfSelectors &&= argSame && node.args[i].kind === 'vector'
        return wrap
      })
      if (same || timestampOfSelectors) return [true, true]
      wraps.forEach((wrap, i) => {
        if (wrap) node.args[i] = invariant(node.args[i])
      })
      return [false, false]
    }
    case 'matrix':
      return [mark(node.selector, times)[0], false]
    case 'subquery':
      if (mark(node.expr, times)[0]) node.expr = invariant(node.expr)
      resolveStartEnd(node, times)
      return [node.timestamp !== null, false]
    case 'paren':
    case 'unary':
      return mark(node.expr, times)
    default:
      return [true, false]
  }
}

function resolveStartEnd(shift: TimeShift, times: QueryTimes): void {
  if (shift.startOrEnd) shift.timestamp = times[shift.startOrEnd]
}

function unwrapParens(expr: Expr): Expr {
  let inner = expr
  while (inner.kind === 'paren') inner = inner.expr
  return inner
}

function invariant(expr: Expr): Expr {
  return { kind: 'invariant', expr, start: expr.start, end: expr.end }
}

/** Offset, range and `@` of the subqueries around a node, added up. */
export function subqueryShift(path: readonly Expr[]): { offset: number; range: number; timestamp: number | null } {
  let offset = 0
  let range = 0
  let timestamp: number | null = null
  for (const node of path) {
    if (node.kind !== 'subquery') continue
    offset += node.originalOffset
    range += node.range
    if (node.timestamp !== null) {
      offset = node.originalOffset
      range = node.range
      timestamp = node.timestamp
    }
  }
  return { offset, range, timestamp }
}

/** Turns `@` into an offset from `start`, the first step of the evaluator that runs `expr`. */
export function setOffsets(expr: Expr, start: number): void {
  walk(expr, (node, path) => {
    if (node.kind !== 'vector' && node.kind !== 'subquery') return
    node.offset = node.originalOffset
    if (node.timestamp === null) return
    const around = subqueryShift(path)
    const shift = around.offset + (around.timestamp === null ? 0 : start - around.timestamp)
    node.offset += start - node.timestamp - shift
  })
}

/** The times that a selector reads, both inclusive, ms. */
export function selectorTimes(
  selector: VectorSelector,
  path: readonly Expr[],
  times: QueryTimes,
  lookback: number,
): { start: number; end: number } {
  const above = path.at(-1)
  const range = above?.kind === 'matrix' ? above.range : 0
  const around = subqueryShift(path)
  let start = around.timestamp ?? times.start
  let end = around.timestamp ?? times.end
  if (selector.timestamp !== null) {
    start = selector.timestamp
    end = selector.timestamp
  } else {
    start -= around.offset + around.range
    end -= around.offset
  }
  if (range === 0) {
    start -= lookback - 1
    if (selector.smoothed) end += lookback
  } else {
    start -= range - 1
    if (selector.anchored || selector.smoothed) start -= lookback
    if (selector.smoothed) end += lookback
  }
  return { start: start - selector.originalOffset, end: end - selector.originalOffset }
}
