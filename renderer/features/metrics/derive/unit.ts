import { bytes, count, duration, percent } from '../../../ui/format.ts'

/** How values are written: what they measure, and whether it is a rate a second. */
export type ValueUnit =
  | 'none'
  | 'seconds'
  | 'ms'
  | 'bytes'
  | 'bits'
  | 'ratio'
  | 'percent'
  | 'celsius'
  | 'volts'
  | 'hertz'

export interface UnitOfValue {
  unit: ValueUnit
  perSecond: boolean
  /** Words behind the number, such as `req/s`. */
  suffix?: string
  /** Digits after the point, where somebody chose them. */
  decimals?: number
}

/** Units that a person may choose; a rate a second is written with `/s` behind. */
export const UNITS: readonly ValueUnit[] = [
  'none',
  'seconds',
  'ms',
  'bytes',
  'bits',
  'ratio',
  'percent',
  'celsius',
  'volts',
  'hertz',
]

/** A unit as boards write it: `bytes/s`, `suffix:req/s`; null for the empty text, which leaves it to be guessed. */
export function readUnit(text: string, decimals: number | null): UnitOfValue | null {
  const digits = decimals === null ? {} : { decimals }
  if (text === '') return decimals === null ? null : { unit: 'none', perSecond: false, ...digits }
  if (text.startsWith('suffix:')) return { unit: 'none', perSecond: false, suffix: text.slice(7), ...digits }
  const [, name, rate] = /^(\w+)(\/s)?$/.exec(text) ?? []
  const unit = UNITS.find((one) => one === name)
  return unit
    ? { unit, perSecond: rate !== undefined, ...digits }
    : { unit: 'none', perSecond: false, suffix: text, ...digits }
}

const NO_UNIT: UnitOfValue = { unit: 'none', perSecond: false }
const RATES = /\b(rate|irate|deriv)\s*\(/
const COUNTS = /^\s*(count|count_values|group)\b/
const WORDS = new Set(
  'by without on ignoring group_left group_right bool and or unless offset sum avg min max count topk bottomk quantile group stddev stdvar count_values limitk limit_ratio start end inf nan'.split(
    ' ',
  ),
)

/** The metric names in an expression, as far as its text shows them. */
export function metricNames(expr: string): string[] {
  const plain = expr
    .replaceAll(/#.*$/gm, '')
    .replaceAll(/\{[^}]*\}/g, '{}')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`/g, ' ')
  const found = [...plain.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*/g)]
  return found
    .filter(({ 0: word, index }) => !WORDS.has(word.toLowerCase()) && !/^\s*\(/.test(plain.slice(index + word.length)))
    .filter(({ index }) => !/[0-9.]$/.test(plain.slice(0, index)))
    .map(([word]) => word)
}

function unitOfName(name: string): ValueUnit {
  const base = name.replace(/_(total|sum|bucket)$/, '')
  if (/_seconds$/.test(base)) return 'seconds'
  if (/_milliseconds$|_ms$/.test(base)) return 'ms'
  if (/_bytes$/.test(base)) return 'bytes'
  if (/_bits$/.test(base)) return 'bits'
  if (/_ratio$/.test(base)) return 'ratio'
  if (/_percent$/.test(base)) return 'percent'
  if (/_celsius$/.test(base)) return 'celsius'
  if (/_volts$/.test(base)) return 'volts'
  return /_hertz$/.test(base) ? 'hertz' : 'none'
}

/**
 * What the values of an expression measure, guessed from the names in it: `_seconds`, `_bytes`, `_ratio`. A quotient, a
 * count, or names that disagree have no unit: a missing unit misleads nobody, a wrong one does.
 */
export function unitOf(expr: string): UnitOfValue {
  if (COUNTS.test(expr)) return NO_UNIT
  const quotient = /[^/]\/[^/]/.test(expr.replaceAll(/"[^"]*"|'[^']*'/g, ''))
  const names = metricNames(expr)
  if (quotient || names.length === 0) return NO_UNIT
  const units = new Set(names.map(unitOfName))
  if (units.size > 1) return NO_UNIT
  if (/\bhistogram_quantile|\bhistogram_avg/.test(expr)) return { unit: unitOfName(names[0]), perSecond: false }
  if (/_(bucket|count)\b/.test(names[0])) return { unit: 'none', perSecond: RATES.test(expr) }
  const [unit] = units
  // Seconds per second are a share of time.
  if (unit === 'seconds' && RATES.test(expr)) return { unit: 'ratio', perSecond: false }
  return { unit, perSecond: RATES.test(expr) }
}

/** What the observations of a histogram measure, whatever is done with its buckets. */
export function observedUnit(expr: string): UnitOfValue {
  const [name] = metricNames(expr)
  return { unit: name === undefined ? 'none' : unitOfName(name), perSecond: false }
}

/** `2.41 s`, `412 MiB/s`, `12.3 %`, `0.0042`; NaN and infinities as PromQL names them, nothing as a dash. */
export function valueText(value: number | null, { unit, perSecond, suffix, decimals }: UnitOfValue = NO_UNIT): string {
  if (value === null) return '–'
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const text = decimals === undefined ? withUnit(value, unit) : withDigits(value, unit, decimals)
  return `${text}${suffix ? ` ${suffix}` : ''}${perSecond ? '/s' : ''}`
}

/** With digits that somebody chose; sizes and times keep their own, as their unit changes with the value. */
function withDigits(value: number, unit: ValueUnit, decimals: number): string {
  const fixed = (n: number): string =>
    n.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
  if (unit === 'ratio') return `${fixed(value * 100)} %`
  if (unit === 'percent') return `${fixed(value)} %`
  return unit === 'none' ? fixed(value) : withUnit(value, unit)
}

function withUnit(value: number, unit: ValueUnit): string {
  switch (unit) {
    case 'seconds':
      return value === 0 ? '0 s' : duration(value * 1e6)
    case 'ms':
      return value === 0 ? '0 ms' : duration(value * 1e3)
    case 'bytes':
      return bytes(value)
    case 'bits':
      return `${plainNumber(value)} bit`
    case 'ratio':
      return value < 0 ? `-${percent(-value)}` : percent(value)
    case 'percent':
      return value < 0 ? `-${percent(-value / 100)}` : percent(value / 100)
    case 'celsius':
      return `${plainNumber(value)} °C`
    case 'volts':
      return `${plainNumber(value)} V`
    case 'hertz':
      return `${plainNumber(value)} Hz`
    default:
      return plainNumber(value)
  }
}

/** Four significant digits; whole numbers below 10,000 exactly. */
export function plainNumber(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 10_000) return count(value)
  if (Number.isInteger(value)) return count(value)
  if (size < 1e-4) return value.toExponential(2)
  return String(Number(value.toPrecision(4)))
}

const TIME_UNITS = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
] as const

/** A value for an axis whose largest one is `most`: times all in one unit, without digits that say nothing. */
export function axisText(value: number, of: UnitOfValue, most: number): string {
  const { unit, perSecond } = of
  const seconds = unit === 'seconds' ? 1 : unit === 'ms' ? 1e-3 : 0
  if (seconds === 0 || most * seconds >= 60) return valueText(value, { ...of, decimals: undefined })
  if (value === 0) return '0'
  const [size, name] = TIME_UNITS.find(([one]) => most * seconds >= one) ?? TIME_UNITS[2]
  return `${Number(((value * seconds) / size).toPrecision(4))} ${name}${perSecond ? '/s' : ''}`
}
