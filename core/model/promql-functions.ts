export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string' | 'none'

export interface FunctionSignature {
  name: string
  args: ValueType[]
  /** How many further arguments of the last type may follow or be left out; -1: any number; 0: none. */
  variadic: number
  returns: ValueType
  experimental: boolean
}

type Row = readonly [args: string, returns: ValueType, variadic?: number, experimental?: boolean]

/** Argument letters: v instant vector, m range vector, s scalar, t string. */
const LETTERS: Record<string, ValueType> = { v: 'vector', m: 'matrix', s: 'scalar', t: 'string' }

const ROWS: Record<string, Row> = {
  abs: ['v', 'vector'],
  absent: ['v', 'vector'],
  absent_over_time: ['m', 'vector'],
  acos: ['v', 'vector'],
  acosh: ['v', 'vector'],
  asin: ['v', 'vector'],
  asinh: ['v', 'vector'],
  atan: ['v', 'vector'],
  atanh: ['v', 'vector'],
  avg_over_time: ['m', 'vector'],
  ceil: ['v', 'vector'],
  changes: ['m', 'vector'],
  clamp: ['vss', 'vector'],
  clamp_max: ['vs', 'vector'],
  clamp_min: ['vs', 'vector'],
  cos: ['v', 'vector'],
  cosh: ['v', 'vector'],
  count_over_time: ['m', 'vector'],
  day_of_month: ['v', 'vector', 1],
  day_of_week: ['v', 'vector', 1],
  day_of_year: ['v', 'vector', 1],
  days_in_month: ['v', 'vector', 1],
  deg: ['v', 'vector'],
  delta: ['m', 'vector'],
  deriv: ['m', 'vector'],
  double_exponential_smoothing: ['mss', 'vector', 0, true],
  end: ['', 'scalar', 0, true],
  exp: ['v', 'vector'],
  first_over_time: ['m', 'vector'],
  floor: ['v', 'vector'],
  histogram_avg: ['v', 'vector'],
  histogram_count: ['v', 'vector'],
  histogram_fraction: ['ssv', 'vector'],
  histogram_quantile: ['sv', 'vector'],
  histogram_quantiles: ['vtss', 'vector', 9, true],
  histogram_stddev: ['v', 'vector'],
  histogram_stdvar: ['v', 'vector'],
  histogram_sum: ['v', 'vector'],
  hour: ['v', 'vector', 1],
  idelta: ['m', 'vector'],
  increase: ['m', 'vector'],
  info: ['vv', 'vector', 1, true],
  irate: ['m', 'vector'],
  label_join: ['vttt', 'vector', -1],
  label_replace: ['vtttt', 'vector'],
  last_over_time: ['m', 'vector'],
  ln: ['v', 'vector'],
  log10: ['v', 'vector'],
  log2: ['v', 'vector'],
  mad_over_time: ['m', 'vector', 0, true],
  max_of: ['ss', 'scalar', 0, true],
  max_over_time: ['m', 'vector'],
  min_of: ['ss', 'scalar', 0, true],
  min_over_time: ['m', 'vector'],
  minute: ['v', 'vector', 1],
  month: ['v', 'vector', 1],
  pi: ['', 'scalar'],
  predict_linear: ['ms', 'vector'],
  present_over_time: ['m', 'vector'],
  quantile_over_time: ['sm', 'vector'],
  rad: ['v', 'vector'],
  range: ['', 'scalar', 0, true],
  rate: ['m', 'vector'],
  resets: ['m', 'vector'],
  round: ['vs', 'vector', 1],
  scalar: ['v', 'scalar'],
  sgn: ['v', 'vector'],
  sin: ['v', 'vector'],
  sinh: ['v', 'vector'],
  sort: ['v', 'vector'],
  sort_by_label: ['vt', 'vector', -1, true],
  sort_by_label_desc: ['vt', 'vector', -1, true],
  sort_desc: ['v', 'vector'],
  sqrt: ['v', 'vector'],
  start: ['', 'scalar', 0, true],
  start_timestamp: ['v', 'vector', 0, true],
  stddev_over_time: ['m', 'vector'],
  stdvar_over_time: ['m', 'vector'],
  step: ['', 'scalar', 0, true],
  sum_over_time: ['m', 'vector'],
  tan: ['v', 'vector'],
  tanh: ['v', 'vector'],
  time: ['', 'scalar'],
  timestamp: ['v', 'vector'],
  ts_of_first_over_time: ['m', 'vector', 0, true],
  ts_of_last_over_time: ['m', 'vector', 0, true],
  ts_of_max_over_time: ['m', 'vector', 0, true],
  ts_of_min_over_time: ['m', 'vector', 0, true],
  vector: ['s', 'vector'],
  year: ['v', 'vector', 1],
}

/** Every function of Prometheus 3 by name. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSignature> = new Map(
  Object.entries(ROWS).map(([name, [args, returns, variadic = 0, experimental = false]]) => [
    name,
    { name, args: [...args].map((letter) => LETTERS[letter]), variadic, returns, experimental },
  ]),
)
