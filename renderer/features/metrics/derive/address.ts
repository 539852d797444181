import type { LocationQuery } from 'vue-router'

/** One query of the screen, as the address keeps it: `expr`, `expr2`, … with `label`, `label2`, … and `hide=1,3`. */
export interface QuerySpec {
  expr: string
  label: string
  hidden: boolean
}

export const MOST_QUERIES = 10
export type MetricView = 'graph' | 'table' | 'heat'

const suffix = (index: number): string => (index === 0 ? '' : String(index + 1))

/** Every query named in the address, gaps closed; at least one, empty when there is none. */
export function readQueries(query: LocationQuery): QuerySpec[] {
  const text = (key: string): string => (typeof query[key] === 'string' ? query[key] : '')
  const hidden = new Set(text('hide').split(',').filter(Boolean).map(Number))
  const found: QuerySpec[] = []
  for (let index = 0; index < MOST_QUERIES; index++) {
    const expr = query[`expr${suffix(index)}`]
    if (typeof expr !== 'string') continue
    found.push({ expr, label: text(`label${suffix(index)}`), hidden: hidden.has(index + 1) })
  }
  return found.length > 0 ? found : [{ expr: '', label: '', hidden: false }]
}

/** The parameters of these queries; undefined takes one out of the address. */
export function writeQueries(queries: readonly QuerySpec[]): Record<string, string | undefined> {
  const params: Record<string, string | undefined> = {}
  for (let index = 0; index < MOST_QUERIES; index++) {
    const one = queries[index]
    params[`expr${suffix(index)}`] = one && (one.expr !== '' || queries.length > 1) ? one.expr : undefined
    params[`label${suffix(index)}`] = one?.label || undefined
  }
  const hidden = queries.flatMap(({ hidden }, index) => (hidden ? [index + 1] : []))
  params['hide'] = hidden.length > 0 ? hidden.join(',') : undefined
  return params
}

/** Which values the screen's own parameters may have; null takes any. */
export const METRIC_CHECKS: Record<string, RegExp | null> = {
  ...Object.fromEntries(
    Array.from({ length: MOST_QUERIES }, (_, index) => [`expr${suffix(index)}`, null] as [string, null]),
  ),
  ...Object.fromEntries(
    Array.from({ length: MOST_QUERIES }, (_, index) => [`label${suffix(index)}`, null] as [string, null]),
  ),
  hide: /^\d+(,\d+)*$/,
  g: /^(graph|table|heat)$/,
  rows: /^range$/,
  step: /^(\d+(\.\d+)?(ms|s|m|h|d)?)$/,
  stack: /^1$/,
  log: /^1$/,
  zero: /^0$/,
  ex: /^1$/,
  only: null,
}
