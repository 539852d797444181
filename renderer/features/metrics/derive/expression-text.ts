/** The tree of /api/v1/parse_query as text again, and as a list of steps for the explanation. */

interface Matcher {
  name: string
  value: string
  type: string
}

interface Shift {
  offset?: number
  timestamp?: number | null
  startOrEnd?: string | null
}

/** A node as the api writes it; only what is read here. */
export interface ParsedNode extends Shift {
  type: string
  op?: string
  val?: string
  name?: string
  range?: number
  step?: number
  bool?: boolean
  without?: boolean
  grouping?: string[]
  matchers?: Matcher[]
  expr?: ParsedNode
  lhs?: ParsedNode
  rhs?: ParsedNode
  param?: ParsedNode | null
  args?: ParsedNode[]
  func?: { name: string; returnType: string }
  matching?: { card: string; labels: string[] | null; on: boolean; include: string[] | null } | null
}

/** `1h30m`, `250ms`, from ms. */
function lengthText(ms: number): string {
  if (ms === 0) return '0s'
  let rest = Math.abs(ms)
  let text = ''
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ] as const) {
    const n = Math.floor(rest / size)
    if (n > 0) text += `${n}${unit}`
    rest -= n * size
  }
  return text
}

function shiftText({ offset, timestamp, startOrEnd }: Shift): string {
  const at =
    timestamp !== null && timestamp !== undefined ? ` @ ${timestamp / 1000}` : startOrEnd ? ` @ ${startOrEnd}()` : ''
  const by = offset ? ` offset ${offset < 0 ? '-' : ''}${lengthText(offset)}` : ''
  return at + by
}

const labelName = (name: string): string => (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name))

function selectorText({ name = '', matchers = [] }: ParsedNode): string {
  const legacy = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)
  const others = matchers.filter(
    (one) => !(one.name === '__name__' && one.type === '=' && legacy && one.value === name),
  )
  const inside = others.map((one) => `${labelName(one.name)}${one.type}${JSON.stringify(one.value)}`)
  return (legacy ? name : '') + (inside.length > 0 || !legacy ? `{${inside.join(', ')}}` : '')
}

function matchingText({ bool, matching }: ParsedNode): string {
  const labels = matching?.labels ?? []
  const on =
    matching && (matching.on || labels.length > 0) ? ` ${matching.on ? 'on' : 'ignoring'} (${labels.join(', ')})` : ''
  const side = matching?.card === 'many-to-one' ? 'group_left' : matching?.card === 'one-to-many' ? 'group_right' : ''
  const group = side ? ` ${side} (${(matching?.include ?? []).join(', ')})` : ''
  return `${bool ? ' bool' : ''}${on}${group}`
}

function aggregationText(node: ParsedNode): string {
  const labels = (node.grouping ?? []).map(labelName).join(', ')
  const by = node.without ? ` without (${labels}) ` : (node.grouping ?? []).length > 0 ? ` by (${labels}) ` : ''
  const inside = [node.param, node.expr].filter((one) => one != null).map(expressionText)
  return `${node.op}${by}(${inside.join(', ')})`
}

/** PromQL that parses to this very tree. */
export function expressionText(node: ParsedNode): string {
  switch (node.type) {
    case 'numberLiteral':
      return node.val ?? ''
    case 'stringLiteral':
      return JSON.stringify(node.val ?? '')
    case 'vectorSelector':
      return selectorText(node) + shiftText(node)
    case 'matrixSelector':
      return `${selectorText(node)}[${lengthText(node.range ?? 0)}]${shiftText(node)}`
    case 'subquery':
      return `${wrapped(node.expr)}[${lengthText(node.range ?? 0)}:${node.step ? lengthText(node.step) : ''}]${shiftText(node)}`
    case 'binaryExpr':
      return `${wrapped(node.lhs)} ${node.op}${matchingText(node)} ${wrapped(node.rhs)}`
    case 'unaryExpr':
      return `${node.op}${wrapped(node.expr)}`
    case 'parenExpr':
      return `(${node.expr ? expressionText(node.expr) : ''})`
    case 'aggregation':
      return aggregationText(node)
    case 'call':
      return `${node.func?.name ?? ''}(${(node.args ?? []).map(expressionText).join(', ')})`
    default:
      return ''
  }
}

/** In parentheses where another operator beside it would read it otherwise. */
function wrapped(node: ParsedNode | undefined): string {
  if (!node) return ''
  const text = expressionText(node)
  return node.type === 'binaryExpr' || node.type === 'unaryExpr' ? `(${text})` : text
}

export interface ExplainStep {
  depth: number
  /** What this node does, short: `sum by (job)`, `rate`, `+`, or the selector itself. */
  title: string
  /** The whole expression of the node. */
  text: string
  /** A query that counts its series; null where it is a number or a text. */
  countQuery: string | null
}

const NUMBERS = new Set(['numberLiteral', 'stringLiteral'])

function titleOf(node: ParsedNode): string {
  if (node.type === 'aggregation') {
    const labels = (node.grouping ?? []).map(labelName).join(', ')
    return labels || node.without ? `${node.op} ${node.without ? 'without' : 'by'} (${labels})` : `${node.op}`
  }
  if (node.type === 'call') return node.func?.name ?? ''
  if (node.type === 'binaryExpr') return `${node.op}${matchingText(node)}`
  if (node.type === 'unaryExpr') return node.op ?? ''
  if (node.type === 'subquery')
    return `[${lengthText(node.range ?? 0)}:${node.step ? lengthText(node.step) : ''}]${shiftText(node)}`
  return expressionText(node)
}

function countQueryOf(node: ParsedNode): string | null {
  if (NUMBERS.has(node.type)) return null
  if (node.type === 'call' && (node.func?.returnType === 'scalar' || node.func?.returnType === 'string')) return null
  const text = expressionText(node)
  if (node.type === 'matrixSelector' || node.type === 'subquery') return `count(present_over_time(${text}))`
  return `count(${text})`
}

/** Steps of an expression from the outside in, at most `most`; numbers and texts are no steps. */
export function explainSteps(root: ParsedNode, most = 30): ExplainStep[] {
  const steps: ExplainStep[] = []
  const walk = (node: ParsedNode, depth: number): void => {
    if (steps.length >= most || NUMBERS.has(node.type)) return
    if (node.type === 'parenExpr') {
      if (node.expr) walk(node.expr, depth)
      return
    }
    steps.push({ depth, title: titleOf(node), text: expressionText(node), countQuery: countQueryOf(node) })
    const inside = [node.lhs, node.rhs, node.param, node.expr, ...(node.args ?? [])]
    for (const child of inside) if (child) walk(child, depth + 1)
  }
  walk(root, 0)
  return steps
}
