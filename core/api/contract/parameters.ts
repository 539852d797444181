import { z } from 'zod'

const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+\- ]\d\d:\d\d)$/
const DURATION = /^(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h|d)?$/
const UNIT_US: Record<string, number> = { ns: 1e-3, us: 1, µs: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 }
const SEVERITY: Record<string, number> = { trace: 1, debug: 5, info: 9, warn: 13, warning: 13, error: 17, fatal: 21 }

/** Whole µs of a time written as µs or RFC 3339 (digits below a µs are cut); null when it is neither. */
export function parseTime(text: string): number | null {
  if (/^\d{1,16}$/.test(text)) return Number(text)
  const match = TIME.exec(text)
  if (!match) return null
  const [, year, month, day, time, fraction = '', zone] = match
  // A plus sign that was not escaped arrives as a blank.
  const ms = Date.parse(`${year}-${month}-${day}T${time}${zone.toUpperCase().replace(' ', '+')}`)
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  if (Number.isNaN(ms) || Number(day) > lastDay) return null
  return ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

/** Whole µs of `250ms`, `1.5s`, `2m`, or a bare number of µs; null when it is none of these. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text)
  return match ? Math.round(Number(match[1]) * UNIT_US[match[2] ?? 'us']) : null
}

/** A severity number of 1 to 24 or a name such as `warn`; null when it is neither. */
function parseSeverity(text: string): number | null {
  const number = SEVERITY[text.toLowerCase()] ?? (/^\d{1,2}$/.test(text) ? Number(text) : 0)
  return number >= 1 && number <= 24 ? number : null
}

function parsed(parse: (text: string) => number | null, wanted: string) {
  return z.string().transform((text, context) => {
    const value = parse(text)
    if (value !== null) return value
    context.issues.push({ code: 'custom', input: text, message: `${JSON.stringify(text)} is not ${wanted}` })
    return z.NEVER
  })
}

export const time = parsed(parseTime, 'a time in µs or RFC 3339').describe('µs since 1970, or RFC 3339')
export const duration = parsed(parseDuration, 'a duration such as 250ms').describe('250ms, 1.5s, 2m, or bare µs')
export const severity = parsed(parseSeverity, 'a severity name or a number of 1 to 24').describe('at least this one')
export const traceId = z
  .string()
  .regex(/^[0-9a-fA-F]{32}$/, 'is not 32 hexadecimal digits')
  .transform((id) => id.toLowerCase())
export const spanId = z
  .string()
  .regex(/^[0-9a-fA-F]{16}$/, 'is not 16 hexadecimal digits')
  .transform((id) => id.toLowerCase())

/** A whole number of 1 to `max`. */
export function count(max: number, fallback: number) {
  return parsed((text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    return value >= 1 && value <= max ? value : null
  }, `a whole number of 1 to ${max}`)
    .prefault(String(fallback))
    .describe(`1 to ${max}, ${fallback} when left out`)
}
