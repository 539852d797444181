import { stepText } from '../../metrics/derive/step.ts'

/** What a variable stands for in expressions. */
export interface VariableValue {
  /** The chosen values; with `all` every value there is. */
  values: readonly string[]
  all: boolean
  /** Replaces all values when `all`; empty joins them. */
  allValue: string
  /** Several may be chosen, so that it is used with =~ and values are escaped as patterns. */
  many: boolean
}

export interface BoardTimes {
  /** µs */
  start: number
  end: number
  /** Seconds between points. */
  step: number
}

/** How often samples come, s, where nobody says: Grafana's own assumption, which `$__rate_interval` builds on. */
const SCRAPE = 15
const MACRO = /\$(\w+)|\$\{(\w+)(?:\.\w+)?(?::([^}]*))?\}|\[\[(\w+)(?:\.\w+)?(?::([^\]]*))?\]\]/g

/**
 * An expression with its variables and Grafana's macros put in. `unresolved` names what nothing is known of: it stays in
 * the text, where the parser then points at it.
 */
export function interpolate(
  text: string,
  variables: ReadonlyMap<string, VariableValue>,
  times: BoardTimes,
): { text: string; unresolved: string[] } {
  const unresolved = new Set<string>()
  const resolved = text.replaceAll(
    MACRO,
    (whole, plain?: string, braced?: string, format?: string, old?: string, oldFormat?: string) => {
      const name = plain ?? braced ?? old ?? ''
      const own = variables.get(name)
      if (own) return valueText(own, format ?? oldFormat ?? '')
      const macro = macroText(name, times)
      if (macro !== null) return macro
      // `$1` is a group of label_replace.
      if (!/^\d+$/.test(name)) unresolved.add(name)
      return whole
    },
  )
  return { text: resolved, unresolved: [...unresolved] }
}

function macroText(name: string, { start, end, step }: BoardTimes): string | null {
  const range = Math.max(1, Math.round((end - start) / 1e6))
  const rate = Math.max(step + SCRAPE, 4 * SCRAPE)
  switch (name) {
    case '__interval':
    case 'interval':
      return stepText(step)
    case '__interval_ms':
      return String(Math.round(step * 1000))
    case '__rate_interval':
      return stepText(Math.ceil(rate))
    case '__rate_interval_ms':
      return String(Math.ceil(rate) * 1000)
    case '__range':
      return `${range}s`
    case '__range_s':
      return String(range)
    case '__range_ms':
      return String(range * 1000)
    case '__from':
      return String(Math.round(start / 1000))
    case '__to':
      return String(Math.round(end / 1000))
    default:
      return null
  }
}

/** For a quoted pattern: what is special in RE2, then what is special between quotes. */
const asPattern = (value: string): string => value.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\\\$&').replaceAll('"', '\\"')
const asText = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')

function valueText({ values, all, allValue, many }: VariableValue, format: string): string {
  if (all && allValue !== '') return allValue
  switch (format) {
    case 'raw':
    case 'text':
      return values.join(',')
    case 'csv':
      return values.join(',')
    case 'pipe':
      return values.join('|')
    case 'glob':
      return values.length > 1 ? `{${values.join(',')}}` : (values[0] ?? '')
    case 'json':
      return JSON.stringify(values)
    case 'doublequote':
      return values.map((value) => JSON.stringify(value)).join(',')
    default:
      if (!many && format !== 'regex') return asText(values[0] ?? '')
      return values.length > 1 ? `(${values.map(asPattern).join('|')})` : asPattern(values[0] ?? '')
  }
}

/** Names of the variables that a text uses. */
export function usedVariables(text: string): string[] {
  return [...new Set([...text.matchAll(MACRO)].map((match) => match[1] ?? match[2] ?? match[4] ?? ''))]
}
