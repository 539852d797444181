import type { AnyValue, KeyValue } from '../../model/records.ts'

/** Words that units become (OpenTelemetry's Prometheus compatibility, and Prometheus' own translator). */
const UNITS: Record<string, string> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '1': '',
  '%': 'percent',
}
const PER_UNITS: Record<string, string> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
}

export type NamedKind = 'gauge' | 'counter' | 'other'

/** The PromQL name of a metric: tokens, unit, `total` or `ratio`; empty when nothing is left. */
export function prometheusName(name: string, unit: string, kind: NamedKind): string {
  const tokens = name.split(/[^A-Za-z0-9:]+/).filter((token) => token !== '')
  if (tokens.length === 0) return ''
  const [main, per] = unitWords(unit)
  if (main !== '' && !tokens.includes(main)) tokens.push(main)
  if (per !== '' && !tokens.includes(per)) tokens.push('per', per)
  const last = kind === 'counter' ? 'total' : kind === 'gauge' && unit === '1' ? 'ratio' : ''
  const out = last === '' ? tokens : [...tokens.filter((token) => token !== last), last]
  const joined = out.join('_')
  return /^[0-9]/.test(joined) ? `_${joined}` : joined
}

/** The unit's word, as `# UNIT` names it. */
export function unitWords(unit: string): [main: string, per: string] {
  if (unit.includes('{') && !unit.replaceAll(/\{[^}]*\}/g, '').includes('/')) {
    const bare = unit.replaceAll(/\{[^}]*\}/g, '')
    return [cleanUnit(UNITS[bare] ?? bare), '']
  }
  const [main, per] = unit.split('/', 2).map((part) => part.trim())
  const word = (main ?? '').includes('{') ? '' : cleanUnit(UNITS[main ?? ''] ?? main ?? '')
  const perWord = per === undefined || per.includes('{') ? '' : cleanUnit(PER_UNITS[per] ?? per)
  return [word, perWord]
}

function cleanUnit(word: string): string {
  return word.replaceAll(/[^A-Za-z0-9:]+/g, '_').replaceAll(/^_+|_+$/g, '')
}

/** The PromQL name of a label. */
function prometheusLabel(key: string): string {
  const clean = key.replaceAll(/[^A-Za-z0-9_]/g, '_')
  if (/^[0-9]/.test(clean)) return `key_${clean}`
  return clean.startsWith('_') && !clean.startsWith('__') ? `key${clean}` : clean
}

/** A label's text: strings bare, the rest as JSON writes it. */
export function labelText(value: AnyValue | null | undefined): string {
  if (!value) return ''
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return String(value.boolValue)
  if ('intValue' in value) return String(value.intValue)
  if ('doubleValue' in value) return String(value.doubleValue)
  if ('bytesValue' in value) return value.bytesValue
  if (Object.keys(value).length === 0) return ''
  return JSON.stringify(plain(value))
}

function plain(value: AnyValue | null | undefined): unknown {
  if (!value) return null
  if ('arrayValue' in value) return (value.arrayValue.values ?? []).map(plain)
  if ('kvlistValue' in value)
    return Object.fromEntries((value.kvlistValue.values ?? []).map((pair) => [pair.key, plain(pair.value)]))
  if ('intValue' in value) return Number(value.intValue)
  return Object.values(value)[0] ?? null
}

/** Attributes as labels; two on one label are joined with `;` in the order of their own keys. Empty values are absent. */
export function addLabels(into: Map<string, string>, attributes: readonly KeyValue[]): void {
  const sorted = attributes.length > 1 ? [...attributes].sort((a, b) => (a.key < b.key ? -1 : 1)) : attributes
  const own = new Set<string>()
  for (const { key, value } of sorted) {
    const name = prometheusLabel(key)
    const text = labelText(value)
    if (name === '' || text === '') continue
    into.set(name, own.has(name) ? `${into.get(name)};${text}` : text)
    own.add(name)
  }
}
