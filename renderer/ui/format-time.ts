/** Times of day in one chosen zone, 24-hour clock. Times are whole µs since 1970; a zone is an IANA name. */

export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(locale: string, zone: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale}|${zone}|${name}`
  let found = formats.get(key)
  if (!found) {
    found = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone, hourCycle: 'h23' })
    formats.set(key, found)
  }
  return found
}

const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' }

/** `14:02:31.482`. */
export function timeOfDay(us: number, zone: string): string {
  return format('en-GB', zone, 'ms', { ...clock, fractionalSecondDigits: 3 }).format(us / 1000)
}

/** `14:02:31.482105`: for spans and single log records. */
export function timeOfDayExact(us: number, zone: string): string {
  const ms = Math.floor(us / 1000)
  return timeOfDay(ms * 1000, zone) + String(Math.round(us - ms * 1000)).padStart(3, '0')
}

/** `14:02:31`. */
export function timeOfDaySeconds(us: number, zone: string): string {
  return format('en-GB', zone, 's', clock).format(us / 1000)
}

/** `14:02`. */
export function timeOfDayShort(us: number, zone: string): string {
  return format('en-GB', zone, 'm', { hour: '2-digit', minute: '2-digit' }).format(us / 1000)
}

/** `Nov 24` / `11月24日`. */
export function day(us: number, zone: string, locale: string): string {
  return format(locale, zone, 'day', { month: 'short', day: 'numeric' }).format(us / 1000)
}

/** The time alone today, with the day before it on other days. */
export function listTime(us: number, zone: string, locale: string, nowUs: number): string {
  const today = day(nowUs, zone, locale)
  const that = day(us, zone, locale)
  return that === today && Math.abs(nowUs - us) < 86_400_000_000
    ? timeOfDay(us, zone)
    : `${that} ${timeOfDay(us, zone)}`
}

/** A tick of a time axis whose ticks lie `stepUs` apart: the day at midnight, else as much of the clock as the step needs. */
export function tickTime(us: number, stepUs: number, zone: string, locale: string): string {
  if (stepUs >= 86400e6) return day(us, zone, locale)
  if (stepUs < 1e6) return timeOfDay(us, zone)
  if (stepUs < 60e6) return timeOfDaySeconds(us, zone)
  const clock = timeOfDayShort(us, zone)
  return clock === '00:00' ? day(us, zone, locale) : clock
}

/** Minutes east of UTC at that moment. */
export function zoneOffset(us: number, zone: string): number {
  const parts = format('en-US', zone, 'all', {
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    ...clock,
  }).formatToParts(us / 1000)
  const part = (type: string): number => Number(parts.find((p) => p.type === type)?.value ?? 0)
  const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return Math.round((shown - Math.floor(us / 1_000_000) * 1000) / 60_000)
}

/** `UTC+8`, `UTC+5:30`, `UTC`. */
export function zoneLabel(us: number, zone: string): string {
  const offset = zoneOffset(us, zone)
  if (offset === 0) return 'UTC'
  const minutes = Math.abs(offset)
  const rest = minutes % 60
  return `UTC${offset < 0 ? '-' : '+'}${Math.floor(minutes / 60)}${rest ? `:${String(rest).padStart(2, '0')}` : ''}`
}

/** `2026-11-25 14:02:31` in the zone: what the range inputs show and read. */
export function inputTime(us: number, zone: string): string {
  const shown = new Date(Math.floor(us / 1000) + zoneOffset(us, zone) * 60_000)
  return shown.toISOString().slice(0, 19).replace('T', ' ')
}

/**
 * Reads `2026-11-25 14:02[:31[.482]]`, `14:02` (today), RFC 3339 with its own zone, or an epoch in s, ms, µs or ns.
 * Answers µs, or null when it cannot be read. Times without a zone are in `zone`.
 */
export function parseTime(text: string, zone: string, nowUs: number): number | null {
  const trimmed = text.trim()
  if (/^\d{9,19}$/.test(trimmed)) {
    const value = Number(trimmed)
    if (trimmed.length <= 10) return value * 1_000_000
    if (trimmed.length <= 13) return value * 1000
    return trimmed.length <= 16 ? value : Math.floor(value / 1000)
  }
  if (/(z|[+-]\d\d:?\d\d)$/i.test(trimmed) && /^\d{4}-/.test(trimmed)) {
    const ms = Date.parse(trimmed.replace(' ', 'T'))
    return Number.isNaN(ms) ? null : ms * 1000
  }
  const full = /^(?:(\d{4}-\d\d-\d\d)[ T])?(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/.exec(trimmed)
  if (!full) return null
  const date = full[1] ?? inputTime(nowUs, zone).slice(0, 10)
  const micros = Number((full[5] ?? '').padEnd(6, '0'))
  const ms = Date.parse(`${date}T${full[2].padStart(2, '0')}:${full[3]}:${full[4] ?? '00'}Z`)
  if (Number.isNaN(ms)) return null
  // Twice, because the offset of the guess may differ from the offset of the answer near a change of the clocks.
  const guess = ms * 1000 - zoneOffset(ms * 1000, zone) * 60_000_000
  return ms * 1000 - zoneOffset(guess, zone) * 60_000_000 + micros
}
