import { inputTime, parseTime } from './format-time.ts'

/** What a person wrote for a time range: one that moves with the clock, or one that stands. */
export type ParsedRange = { kind: 'relative'; range: string } | { kind: 'absolute'; start: number; end: number }

const DAY = 86_400e6
const UNIT: Record<string, string> = {
  s: 's',
  sec: 's',
  second: 's',
  seconds: 's',
  秒: 's',
  m: 'm',
  min: 'm',
  minute: 'm',
  minutes: 'm',
  分钟: 'm',
  分: 'm',
  h: 'h',
  hr: 'h',
  hour: 'h',
  hours: 'h',
  小时: 'h',
  d: 'd',
  day: 'd',
  days: 'd',
  天: 'd',
  日: 'd',
  w: 'w',
  week: 'w',
  weeks: 'w',
  周: 'w',
}
const UNIT_US: Record<string, number> = { s: 1e6, m: 60e6, h: 3600e6, d: DAY, w: 7 * DAY }
/** How much is shown around one pasted moment. */
const AROUND = 60e6
const LONGEST = 366 * DAY

/** µs of `90m`, `7d`; null when it is no such text or longer than a year. */
export function relativeLength(range: string): number | null {
  const match = /^(\d{1,6})([smhdw])$/.exec(range)
  const length = match ? Number(match[1]) * UNIT_US[match[2]] : 0
  return length > 0 && length <= LONGEST ? length : null
}

/**
 * Reads `15m`, `last 2 hours`, `today`, `yesterday`, `14:00-14:30`, `2026-11-24 10:00 to 11:00`, a date, a pasted
 * timestamp or epoch (then a minute before and after). Times without a zone are in `zone`. Null when it cannot be read.
 */
export function parseRange(text: string, zone: string, nowUs: number): ParsedRange | null {
  const trimmed = text.trim().replace(/\s+/g, ' ')
  if (trimmed === '') return null
  return (
    readRelative(trimmed) ??
    readDay(trimmed, zone, nowUs) ??
    readPair(trimmed, zone, nowUs) ??
    readMoment(trimmed, zone, nowUs)
  )
}

function readRelative(text: string): ParsedRange | null {
  const match = /^(?:last|past|now-|-|最近|过去)? ?(\d{1,6}) ?([a-z]+|秒|分钟|分|小时|天|日|周)$/i.exec(text)
  const unit = match ? UNIT[match[2].toLowerCase()] : undefined
  if (!match || !unit) return null
  const range = `${Number(match[1])}${unit}`
  return relativeLength(range) === null ? null : { kind: 'relative', range }
}

function readDay(text: string, zone: string, nowUs: number): ParsedRange | null {
  const today = inputTime(nowUs, zone).slice(0, 10)
  const word = text.toLowerCase()
  if (word === 'today' || word === '今天') return dayOf(today, zone, nowUs)
  if (word === 'yesterday' || word === '昨天')
    return dayOf(inputTime(midnight(today, zone, nowUs) - 1, zone).slice(0, 10), zone, nowUs)
  return /^\d{4}-\d\d-\d\d$/.test(text) ? dayOf(text, zone, nowUs) : null
}

function midnight(date: string, zone: string, nowUs: number): number {
  return parseTime(`${date} 00:00`, zone, nowUs) ?? Number.NaN
}

/** A whole day of the zone's clock, which is 23 or 25 hours when the clocks change; today ends now. */
function dayOf(date: string, zone: string, nowUs: number): ParsedRange | null {
  const start = midnight(date, zone, nowUs)
  if (Number.isNaN(start)) return null
  // 26 hours on is in the next day whatever the clocks do.
  const next = midnight(inputTime(start + 26 * 3600e6, zone).slice(0, 10), zone, nowUs)
  const end = Math.min(next, Math.max(nowUs, start + 1e6))
  return { kind: 'absolute', start, end }
}

function readPair(text: string, zone: string, nowUs: number): ParsedRange | null {
  const parts = /^(.+?) ?(?: to | bis |\.\.|–|—|~|至|到| - |(?<=\d)-(?=\d{1,2}:)) ?(.+)$/i.exec(text)
  if (!parts) return null
  const start = parseTime(parts[1], zone, nowUs)
  if (start === null) return null
  if (/^(now|现在)$/i.test(parts[2])) return ordered(start, nowUs)
  // A bare time of day at the end belongs to the day of the start.
  const bare = /^\d{1,2}:\d\d(:\d\d(\.\d+)?)?$/.test(parts[2])
  const end = parseTime(bare ? `${inputTime(start, zone).slice(0, 10)} ${parts[2]}` : parts[2], zone, nowUs)
  if (end === null) return null
  return bare && end <= start ? ordered(start, end + DAY) : ordered(start, end)
}

function ordered(start: number, end: number): ParsedRange | null {
  return end > start ? { kind: 'absolute', start, end } : null
}

function readMoment(text: string, zone: string, nowUs: number): ParsedRange | null {
  const stamp = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?/i
    .exec(text)?.[0]
    .replace(',', '.')
  const at = parseTime(stamp ? stamp.replace(/ (Z|[+-]\d\d:?\d\d)$/i, '$1') : text, zone, nowUs)
  return at === null ? null : { kind: 'absolute', start: at - AROUND, end: at + AROUND }
}
