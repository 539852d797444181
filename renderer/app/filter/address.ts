import type { LocationQuery } from 'vue-router'
import { type FilterToken, scanTerms, termsText } from './terms.ts'

/** A parameter of the address that stands for one kind of term; all other terms stay text in `q`. */
interface NamedParam {
  param: string
  key: string
  /** The operators it stands for; the first is the one shown. */
  ops: readonly string[]
  accepts?: RegExp
}

export type FilterSpec = readonly NamedParam[]

export const TRACE_FILTER: FilterSpec = [
  { param: 'status', key: 'status', ops: ['='], accepts: /^(ok|error)$/ },
  { param: 'service', key: 'service', ops: ['='] },
  { param: 'operation', key: 'operation', ops: ['='] },
  { param: 'minDuration', key: 'duration', ops: ['>', '>='] },
  { param: 'maxDuration', key: 'duration', ops: ['<', '<='] },
]

export const LOG_FILTER: FilterSpec = [
  { param: 'severity', key: 'severity', ops: ['>='] },
  { param: 'service', key: 'service', ops: ['='] },
  { param: 'trace', key: 'trace', ops: ['='], accepts: /^[0-9a-f]{32}$/i },
  { param: 'traced', key: 'traced', ops: ['='], accepts: /^(true|false)$/ },
  { param: 'span', key: 'span', ops: ['='], accepts: /^[0-9a-f]{16}$/i },
]

export type FilterParams = Partial<Record<string, string>>

/** The filter's parameters in an address. */
export function filterParams(spec: FilterSpec, query: LocationQuery): FilterParams {
  const params: FilterParams = {}
  for (const { param } of [...spec, { param: 'q' }]) {
    const value = query[param]
    if (typeof value === 'string' && value !== '') params[param] = value
  }
  return params
}

export function tokensOf(spec: FilterSpec, params: FilterParams): FilterToken[] {
  const named = spec.flatMap(({ param, key, ops }): FilterToken[] => {
    const value = params[param]
    return value ? [{ negated: false, key, op: ops[0], value }] : []
  })
  const rest = scanTerms(params['q'] ?? '').map(({ negated, key, op, value }) => ({ negated, key, op, value }))
  return [...named, ...rest]
}

/** Every parameter of the filter, undefined where it is not set. The first of two equal ones is named, others go to `q`. */
export function paramsOf(spec: FilterSpec, tokens: readonly FilterToken[]): FilterParams {
  const params: FilterParams = { q: undefined }
  for (const { param } of spec) params[param] = undefined
  const rest: FilterToken[] = []
  for (const token of tokens) {
    const fits = spec.find(
      ({ param, key, ops, accepts }) =>
        !token.negated &&
        token.key === key &&
        ops.includes(token.op) &&
        token.value !== '' &&
        (accepts?.test(token.value) ?? true) &&
        params[param] === undefined,
    )
    if (fits) params[fits.param] = token.value
    else rest.push(token)
  }
  if (rest.length > 0) params['q'] = termsText(rest)
  return params
}

/**
 * Parameters of the address that the screen cannot use, as `key=value`: they are shown, never dropped silently.
 * `checks` says of known parameters which values they may have.
 */
export function ignoredParams(
  query: LocationQuery,
  checks: Record<string, RegExp | null>,
): { key: string; value: string }[] {
  return Object.entries(query).flatMap(([key, raw]) => {
    const value = Array.isArray(raw) ? (raw.at(-1) ?? '') : (raw ?? '')
    const check = checks[key]
    if (check === undefined || (check !== null && value !== '' && !check.test(value))) return [{ key, value }]
    return []
  })
}
