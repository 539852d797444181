/** Words of PromQL that stand where a metric could. */
const WORDS = new Set(
  'and or unless by without on ignoring group_left group_right bool offset atan2 inf nan start end sum avg min max count group stddev stdvar topk bottomk quantile count_values limitk limit_ratio'.split(
    ' ',
  ),
)
/** Strings first, so that nothing inside them is taken for a name; then a name with its labels, or labels alone. */
const TOKEN =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|([a-zA-Z_:][\w:]*)\s*(\{(?:"(?:\\.|[^"\\])*"|[^"}])*\})?(?=\s*(.?))|(\{(?:"(?:\\.|[^"\\])*"|[^"}])*\})/g

/** The first series selector of an expression, for a person to go on from; empty when none is seen. */
export function firstSelector(expression: string): string {
  let grouping = 0
  for (const [whole, name, labels, next, bare] of expression.matchAll(TOKEN)) {
    if (bare) return bare
    if (!name) continue
    if (WORDS.has(name.toLowerCase())) {
      grouping = /^(by|without|on|ignoring|group_left|group_right)$/i.test(name) ? 1 : grouping
      continue
    }
    // `sum by (job) (x)`: names in the brackets after it are labels.
    if (grouping === 1 && (next === ')' || next === ',')) {
      if (next === ')') grouping = 0
      continue
    }
    if (next === '(') continue
    return whole.trim() + (labels && !whole.includes('{') ? labels : '')
  }
  return ''
}
