import type { Labels } from '../../../model/series.ts'
import type { Expr } from '../syntax/ast.ts'
import { NO_LABELS, withLabel } from './labels.ts'

/** The labels that a selector fixes by `=`, once each; none for other expressions. */
export function absentLabels(expr: Expr): Labels {
  const selector = expr.kind === 'matrix' ? expr.selector : expr
  if (selector.kind !== 'vector') return NO_LABELS
  let labels: Labels = NO_LABELS
  const seen = new Set<string>()
  for (const { name, op, value } of selector.matchers) {
    if (name === '__name__') continue
    if (op === '=' && !seen.has(name)) {
      labels = withLabel(labels, name, value)
      seen.add(name)
    } else labels = withLabel(labels, name, '')
  }
  return labels
}
