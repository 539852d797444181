import type { Matcher } from '../../../model/series.ts'
import {
  type AggregateExpr,
  type BinaryExpr,
  type DurationNode,
  type Expr,
  type MatrixSelector,
  PARAM_AGGREGATORS,
  type SubqueryExpr,
  type TimeShift,
  type VectorSelector,
} from './ast.ts'
import { durationText, plainFloat, quoted } from './text.ts'

const LINE_LENGTH = 100
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

const names = (labels: readonly string[]): string =>
  labels.map((label) => (PLAIN_NAME.test(label) ? label : quoted(label))).join(', ')

/** An expression on one line, as Prometheus prints it. */
export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr.value, expr.duration)
    case 'string':
      return quoted(expr.value)
    case 'vector':
      return printSelector(expr) + shiftSuffix(expr, expr)
    case 'matrix':
      return printMatrix(expr)
    case 'subquery':
      return printExpr(expr.expr) + subquerySuffix(expr)
    case 'binary':
      return `${printExpr(expr.left)} ${binaryHead(expr)} ${printExpr(expr.right)}`
    case 'unary':
      return expr.op + printExpr(expr.expr)
    case 'paren':
      return `(${printExpr(expr.expr)})`
    case 'aggregate': {
      const param = expr.param && PARAM_AGGREGATORS.has(expr.op) ? `${printExpr(expr.param)}, ` : ''
      return `${aggregateHead(expr)}(${param}${printExpr(expr.expr)})`
    }
    case 'call':
      return `${expr.func.name}(${expr.args.map(printExpr).join(', ')})`
    case 'invariant':
      return printExpr(expr.expr)
  }
}

function printNumber(value: number, duration: boolean): string {
  if (!duration) return plainFloat(value)
  const text = durationText(Math.abs(value) * 1000)
  return value < 0 ? `-${text}` : text
}

function printMatcher({ name, op, value }: Matcher): string {
  return `${PLAIN_NAME.test(name) ? name : quoted(name)}${op}${quoted(value)}`
}

function printSelector({ name, matchers }: VectorSelector): string {
  const shown = matchers
    .filter((matcher) => !(matcher.name === '__name__' && matcher.op === '=' && matcher.value === name && name !== ''))
    .map(printMatcher)
    .sort()
  return shown.length > 0 ? `${name}{${shown.join(',')}}` : name
}

function atSuffix({ timestamp, startOrEnd }: TimeShift): string {
  if (startOrEnd) return ` @ ${startOrEnd}()`
  return timestamp === null ? '' : ` @ ${(timestamp / 1000).toFixed(3)}`
}

function offsetSuffix({ originalOffset, offsetExpr }: TimeShift): string {
  if (offsetExpr) return ` offset ${printDuration(offsetExpr)}`
  if (originalOffset === 0) return ''
  return ` offset ${originalOffset < 0 ? '-' : ''}${durationText(Math.abs(originalOffset))}`
}

const extended = (selector: VectorSelector): string =>
  selector.anchored ? ' anchored' : selector.smoothed ? ' smoothed' : ''

function shiftSuffix(shift: TimeShift, selector: VectorSelector): string {
  return atSuffix(shift) + extended(selector) + offsetSuffix(shift)
}

function printMatrix({ selector, range, rangeExpr }: MatrixSelector): string {
  const length = rangeExpr ? printDuration(rangeExpr) : durationText(range)
  return `${printSelector(selector)}[${length}]${extended(selector)}${atSuffix(selector)}${offsetSuffix(selector)}`
}

function subquerySuffix(node: SubqueryExpr): string {
  const range = node.rangeExpr ? printDuration(node.rangeExpr) : durationText(node.range)
  const step = node.step !== 0 ? durationText(node.step) : node.stepExpr ? printDuration(node.stepExpr) : ''
  return `[${range}:${step}]${atSuffix(node)}${offsetSuffix(node)}`
}

function printDuration(node: DurationNode): string {
  if (node.kind === 'number') return printNumber(node.value, node.duration)
  const left = node.left ? printDuration(node.left) : ''
  const right = node.right ? printDuration(node.right) : ''
  let text: string
  if (node.op === 'step' || node.op === 'range') text = `${node.op}()`
  else if (node.op === 'min_of' || node.op === 'max_of') text = `${node.op}(${left}, ${right})`
  else if (!node.left) text = node.op === '-' ? `-${right}` : right
  else text = `${left} ${node.op} ${right}`
  return node.wrapped ? `(${text})` : text
}

function aggregateHead({ op, grouping, without }: AggregateExpr): string {
  if (without) return `${op} without (${names(grouping)}) `
  return grouping.length > 0 ? `${op} by (${names(grouping)}) ` : op
}

function binaryHead({ op, bool, matching }: BinaryExpr): string {
  let text = op + (bool ? ' bool' : '')
  if (!matching) return text
  const group = matching.card === 'many-to-one' ? 'left' : matching.card === 'one-to-many' ? 'right' : null
  if (matching.labels.length > 0 || matching.on || group)
    text += ` ${matching.on ? 'on' : 'ignoring'} (${names(matching.labels)})`
  if (group) text += ` group_${group} (${names(matching.include)})`
  const { fillLeft, fillRight } = matching
  if (fillLeft !== null && fillLeft === fillRight) return `${text} fill (${plainFloat(fillLeft)})`
  if (fillLeft !== null) text += ` fill_left (${plainFloat(fillLeft)})`
  if (fillRight !== null) text += ` fill_right (${plainFloat(fillRight)})`
  return text
}

/** An expression over several lines where one would be too long, as Prometheus' formatter lays it out. */
export function prettyExpr(expr: Expr, level = 0): string {
  const indent = '  '.repeat(level)
  const whole = printExpr(expr)
  const fits = Buffer.byteLength(whole) <= LINE_LENGTH
  switch (expr.kind) {
    case 'aggregate': {
      if (fits) return indent + whole
      const param = expr.param && PARAM_AGGREGATORS.has(expr.op) ? `${prettyExpr(expr.param, level + 1)},\n` : ''
      return `${indent}${aggregateHead(expr)}(\n${param}${prettyExpr(expr.expr, level + 1)}\n${indent})`
    }
    case 'binary':
      if (fits) return indent + whole
      return `${prettyExpr(expr.left, level + 1)}\n${indent}${binaryHead(expr)}\n${prettyExpr(expr.right, level + 1)}`
    case 'call': {
      if (fits) return indent + whole
      const args = expr.args.map((arg) => prettyExpr(arg, level + 1)).join(',\n')
      return `${indent}${expr.func.name}(\n${args}\n${indent})`
    }
    case 'paren':
      return fits ? indent + whole : `${indent}(\n${prettyExpr(expr.expr, level + 1)}\n${indent})`
    case 'subquery':
      return fits ? whole : prettyExpr(expr.expr, level) + subquerySuffix(expr)
    case 'unary':
      return `${indent}${expr.op}${prettyExpr(expr.expr, level).trim()}`
    default:
      return indent + whole
  }
}
