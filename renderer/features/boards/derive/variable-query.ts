import type { BoardVariable } from '../../../../core/model/board.ts'

/** What a variable's query asks our api for. */
export type ValuesQuery =
  | { kind: 'labelValues'; label: string; selector: string | null }
  | { kind: 'labelNames'; selector: string | null }
  | { kind: 'metrics'; pattern: string }
  | { kind: 'queryResult'; expr: string }

/** Reads `label_values(metric, label)` and its like; null for what is none of them. */
export function readValuesQuery(text: string): ValuesQuery | null {
  const [, call, inside] = /^\s*(label_values|label_names|metrics|query_result)\s*\(([\s\S]*)\)\s*$/.exec(text) ?? []
  if (call === undefined) return null
  const argument = inside.trim()
  if (call === 'metrics') return { kind: 'metrics', pattern: argument }
  if (call === 'query_result') return argument === '' ? null : { kind: 'queryResult', expr: argument }
  if (call === 'label_names') return { kind: 'labelNames', selector: argument || null }
  const comma = lastComma(argument)
  const label = (comma < 0 ? argument : argument.slice(comma + 1)).trim()
  const selector = comma < 0 ? '' : argument.slice(0, comma).trim()
  return /^[\w.:-]+$/.test(label) ? { kind: 'labelValues', label, selector: selector || null } : null
}

/** The last comma outside braces, brackets and quotes. */
function lastComma(text: string): number {
  let depth = 0
  let quote = ''
  let found = -1
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (quote !== '') {
      if (sign === '\\') at++
      else if (sign === quote) quote = ''
    } else if (sign === '"' || sign === "'" || sign === '`') quote = sign
    else if ('{[('.includes(sign)) depth++
    else if ('}])'.includes(sign)) depth--
    else if (sign === ',' && depth === 0) found = at
  }
  return found
}

/** Keeps and cuts values as Grafana does: `/pattern/flags` or a plain pattern; a group is what is kept. */
export function applyRegex(values: readonly string[], regex: string): string[] {
  const unique = (list: readonly string[]): string[] => [...new Set(list)]
  if (regex === '') return unique(values)
  const [, body = regex, flags = ''] = /^\/([\s\S]*)\/([a-z]*)$/.exec(regex) ?? []
  let pattern: RegExp
  try {
    pattern = new RegExp(body, flags.replaceAll(/[^imsu]/g, ''))
  } catch {
    // A pattern that cannot be read keeps everything, so that the variable stays usable.
    return unique(values)
  }
  return unique(
    values.flatMap((value) => {
      const match = pattern.exec(value)
      if (!match) return []
      return [match.groups?.['value'] ?? match.groups?.['text'] ?? match[1] ?? match[0]]
    }),
  )
}

/** The choices of a list variable: `a, b, name : value`. */
export function listedValues({ query }: BoardVariable): string[] {
  return query
    .split(/(?<!\\),/)
    .map((one) => one.replaceAll('\\,', ',').trim())
    .map((one) => /^.+\s:\s(.+)$/.exec(one)?.[1].trim() ?? one)
    .filter((one) => one !== '')
}

export const ALL = '$__all'

/** What is chosen: from the address, else as the board says, else the first there is. */
export function chosenValues(variable: BoardVariable, asked: readonly string[], options: readonly string[]): string[] {
  const given = asked.length > 0 ? asked : variable.value
  if (variable.includeAll && given.includes(ALL)) return [ALL]
  if (variable.kind === 'text' || variable.kind === 'constant') return [given[0] ?? variable.query]
  // A value that the address names is kept even when it is gone: the board must not silently show another.
  const known = asked.length > 0 ? [...given] : given.filter((one) => options.includes(one))
  if (known.length > 0) return variable.multi ? known : [known[0]]
  if (variable.includeAll) return [ALL]
  return options.length > 0 ? [options[0]] : []
}
