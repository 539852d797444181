/**
 * The filter field's tokens and the address's parameters, each made from the other. Parameters that the api names
 * (service, status, operation, minDuration, maxDuration) come out as such; all else stays text in `q`.
 */

export interface FilterToken {
  negated: boolean
  /** Empty for free text. */
  key: string
  op: string
  value: string
}

export const OPERATORS = ['>=', '<=', '!=', '=~', '!~', '=', '>', '<'] as const
export const PARAMS = ['service', 'status', 'operation', 'minDuration', 'maxDuration', 'q'] as const
export type FilterParams = Partial<Record<(typeof PARAMS)[number], string>>

/** Splits at blanks outside double quotes. */
export function splitTerms(text: string): string[] {
  return text.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? []
}

export function parseTerm(text: string): FilterToken {
  const match = /^(-?)([A-Za-z_][\w.\-/:@]*?)(>=|<=|!=|=~|!~|=|>|<)(.*)$/s.exec(text)
  if (!match) {
    const negated = text.length > 1 && text.startsWith('-')
    return { negated, key: '', op: '', value: unquote(negated ? text.slice(1) : text) }
  }
  return { negated: match[1] === '-', key: match[2], op: match[3], value: unquote(match[4]) }
}

/** The term as the field and `q` write it. */
export function termText(token: FilterToken): string {
  return `${token.negated ? '-' : ''}${token.key}${token.op}${quote(token.value)}`
}

/** Why a term cannot be applied: the key of a message, or null. */
export function termProblem(token: FilterToken): 'noValue' | 'badDuration' | 'badStatus' | null {
  if (token.key === '') return null
  if (token.value === '') return 'noValue'
  if (isDuration(token.key) && !/^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$/.test(token.value)) return 'badDuration'
  if (token.key === 'status' && !/^(ok|error|unset)$/i.test(token.value)) return 'badStatus'
  return null
}

export function tokensOf(params: FilterParams): FilterToken[] {
  const tokens: FilterToken[] = []
  const add = (key: string, op: string, value: string | undefined): void => {
    if (value) tokens.push({ negated: false, key, op, value })
  }
  add('status', '=', params.status)
  add('service', '=', params.service)
  add('operation', '=', params.operation)
  add('duration', '>', params.minDuration)
  add('duration', '<', params.maxDuration)
  return [...tokens, ...splitTerms(params.q ?? '').map(parseTerm)]
}

/** The last of two equal single parameters wins; further ones stay in `q`. */
export function paramsOf(tokens: FilterToken[]): Record<(typeof PARAMS)[number], string | undefined> {
  const params: Record<(typeof PARAMS)[number], string | undefined> = {
    service: undefined,
    status: undefined,
    operation: undefined,
    minDuration: undefined,
    maxDuration: undefined,
    q: undefined,
  }
  const rest: string[] = []
  for (const token of tokens) {
    const plain = !token.negated && token.op === '='
    if (plain && (token.key === 'service' || token.key === 'operation')) params[token.key] = token.value
    else if (plain && token.key === 'status' && /^(ok|error)$/i.test(token.value))
      params.status = token.value.toLowerCase()
    else if (!token.negated && isDuration(token.key) && /^>=?$/.test(token.op)) params.minDuration = token.value
    else if (!token.negated && isDuration(token.key) && /^<=?$/.test(token.op)) params.maxDuration = token.value
    else rest.push(termText(token))
  }
  if (rest.length > 0) params.q = rest.join(' ')
  return params
}

function isDuration(key: string): boolean {
  return key === 'duration' || key === 'dur'
}

function quote(value: string): string {
  return /[\s"]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value
  return value.replace(/^"|"$/g, '').replace(/\\(["\\])/g, '$1')
}
