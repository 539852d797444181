import type { Matcher } from '../../model/series.ts'
import { ALL_FEATURES, type PromqlFeatures } from './answer.ts'
import type { DurationNode, Expr, TimeShift, VectorSelector } from './syntax/ast.ts'
import { parsePromql } from './syntax/parser.ts'
import { prettyExpr } from './syntax/printer.ts'
import { plainFloat } from './syntax/text.ts'

/**
 * The expression laid out as Prometheus' `/api/v1/format_query` does.
 * @throws GlassboxError `bad_promql`
 */
export function formatQuery(query: string, features: PromqlFeatures = ALL_FEATURES): string {
  return prettyExpr(parsePromql(query, features))
}

/**
 * The tree as JSON of Prometheus' `/api/v1/parse_query`.
 * @throws GlassboxError `bad_promql`
 */
export function parseQuery(query: string, features: PromqlFeatures = ALL_FEATURES): unknown {
  return nodeJson(parsePromql(query, features))
}

const matchersJson = (matchers: readonly Matcher[]): unknown =>
  matchers.map(({ name, op, value }) => ({ name, value, type: op }))

const shiftJson = (shift: TimeShift): Record<string, unknown> => ({
  offset: shift.originalOffset,
  offsetExpr: durationJson(shift.offsetExpr),
  timestamp: shift.timestamp,
  startOrEnd: shift.startOrEnd,
})

const selectorJson = (selector: VectorSelector): Record<string, unknown> => ({
  name: selector.name,
  ...shiftJson(selector),
  matchers: matchersJson(selector.matchers),
  anchored: selector.anchored,
  smoothed: selector.smoothed,
})

function durationJson(node: DurationNode | null): unknown {
  if (!node) return null
  if (node.kind === 'number') return { type: 'numberLiteral', val: plainFloat(node.value), duration: node.duration }
  const { op, left, right, wrapped } = node
  return { type: 'durationExpr', op, lhs: durationJson(left), rhs: durationJson(right), wrapped }
}

function nodeJson(node: Expr): unknown {
  switch (node.kind) {
    case 'number':
      return { type: 'numberLiteral', val: plainFloat(node.value) }
    case 'string':
      return { type: 'stringLiteral', val: node.value }
    case 'vector':
      return { type: 'vectorSelector', ...selectorJson(node) }
    case 'matrix':
      return {
        type: 'matrixSelector',
        range: node.range,
        rangeExpr: durationJson(node.rangeExpr),
        ...selectorJson(node.selector),
      }
    case 'subquery':
      return {
        type: 'subquery',
        expr: nodeJson(node.expr),
        range: node.range,
        rangeExpr: durationJson(node.rangeExpr),
        step: node.step,
        stepExpr: durationJson(node.stepExpr),
        ...shiftJson(node),
      }
    case 'binary': {
      const { matching } = node
      return {
        type: 'binaryExpr',
        op: node.op,
        lhs: nodeJson(node.left),
        rhs: nodeJson(node.right),
        matching: matching && {
          card: matching.card,
          labels: matching.labels,
          on: matching.on,
          include: matching.include,
          fillValues: { lhs: matching.fillLeft, rhs: matching.fillRight },
        },
        bool: node.bool,
      }
    }
    case 'unary':
      return { type: 'unaryExpr', op: node.op, expr: nodeJson(node.expr) }
    case 'paren':
      return { type: 'parenExpr', expr: nodeJson(node.expr) }
    case 'aggregate':
      return {
        type: 'aggregation',
        op: node.op,
        expr: nodeJson(node.expr),
        param: node.param && nodeJson(node.param),
        grouping: node.grouping,
        without: node.without,
      }
    case 'call':
      return {
        type: 'call',
        func: {
          name: node.func.name,
          argTypes: node.func.args,
          variadic: node.func.variadic,
          returnType: node.func.returns,
        },
        args: node.args.map(nodeJson),
      }
    case 'invariant':
      return nodeJson(node.expr)
  }
}
