import type { BoardVariable, ImportNote, VariableKind } from '../../model/board.ts'
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts'

const KINDS: Record<string, VariableKind> = {
  query: 'query',
  custom: 'custom',
  interval: 'interval',
  constant: 'constant',
  textbox: 'text',
}

/** Forms of queries for values that are understood when the board is shown. */
const VALUES = /^\s*(label_values|label_names|metrics|query_result)\s*\(/

/** One template variable, or null for what cannot be a variable here. */
export function readVariable(
  value: unknown,
  note: (kind: ImportNote['kind'], detail: string) => void,
): BoardVariable | null {
  const variable = fieldsOf(value)
  const name = textOf(variable['name'])
  const type = textOf(variable['type'])
  // Which Prometheus to ask is no question here: there is the one.
  if (type === 'datasource') return null
  if (type === 'adhoc' || type === 'groupby') {
    note('adhoc', name)
    return null
  }
  const kind = KINDS[type]
  if (kind === undefined || !/^\w{1,64}$/.test(name)) {
    note('variableType', `${name} (${type || '?'})`)
    return null
  }
  const query = queryOf(variable)
  if (kind === 'query' && !VALUES.test(query)) note('variableQuery', `${name}: ${query.slice(0, 200)}`)
  return {
    name,
    label: textOf(variable['label']).slice(0, 200),
    kind,
    query: kind === 'query' ? query.slice(0, 20_000) : optionsOf(variable, query).slice(0, 20_000),
    regex: textOf(variable['regex']).slice(0, 2000),
    multi: variable['multi'] === true,
    includeAll: variable['includeAll'] === true,
    allValue: textOf(variable['allValue']).slice(0, 2000),
    value: currentOf(variable, kind),
  }
}

/** The text of the query, also in the form of an object, as newer versions write it. */
function queryOf(variable: Fields): string {
  const { query } = variable
  if (typeof query === 'string') return query
  const asked = fieldsOf(query)
  return textOf(asked['query']) || textOf(variable['definition'])
}

/** Choices of a list: from the query (`a,b`), or from the options the file holds. */
function optionsOf(variable: Fields, query: string): string {
  if (query !== '') return query
  return listOf(variable['options'])
    .map((one) => textOf(fieldsOf(one)['value']))
    .filter((one) => one !== '' && one !== '$__all')
    .join(',')
}

function currentOf(variable: Fields, kind: VariableKind): string[] {
  const { value } = fieldsOf(variable['current'])
  const list = (Array.isArray(value) ? value : [value]).map(textOf).filter((one) => one !== '')
  if (list.length > 0) return list.map((one) => one.slice(0, 2000)).slice(0, 1000)
  return kind === 'constant' || kind === 'text' ? [queryOf(variable)].filter((one) => one !== '') : []
}
