import { FUNCTIONS, type ValueType } from '../../../../core/model/promql-functions.ts'

const TYPE: Record<ValueType, string> = {
  vector: 'instant-vector',
  matrix: 'range-vector',
  scalar: 'scalar',
  string: 'string',
  none: '',
}

/** Aggregations by the parameter that stands before the vector. */
const AGGREGATIONS: Record<string, string> = {
  sum: '',
  avg: '',
  count: '',
  min: '',
  max: '',
  group: '',
  stddev: '',
  stdvar: '',
  topk: 'scalar',
  bottomk: 'scalar',
  limitk: 'scalar',
  limit_ratio: 'scalar',
  quantile: 'scalar',
  count_values: 'string',
}

/** `rate(range-vector) → instant-vector`; null for a word that is neither function nor aggregation. */
export function signatureOf(name: string): string | null {
  if (Object.hasOwn(AGGREGATIONS, name)) {
    const before = AGGREGATIONS[name]
    return `${name} by (…) (${before ? `${before}, ` : ''}instant-vector) → instant-vector`
  }
  const known = FUNCTIONS.get(name)
  if (!known) return null
  const needed =
    known.variadic > 0 ? known.args.length - Math.min(known.variadic, known.args.length) : known.args.length
  const args = known.args.map((type, index) => (index < needed ? TYPE[type] : `[${TYPE[type]}]`))
  if (known.variadic === -1) args.push('…')
  return `${name}(${args.join(', ')}) → ${TYPE[known.returns]}`
}
