/** A schedule as it can be said: which sentence, and what stands in it. Null when only its five fields say it. */
export type CronWords =
  | { key: 'daily'; time: string }
  | { key: 'weekly'; time: string; days: number[] }
  | { key: 'monthly'; time: string; day: number }
  | { key: 'hourly'; minute: number; every: number }
  | { key: 'minutes'; every: number }

/** Reads the schedules that people make: at a time of the day, of some weekdays or a day of the month, or every so often. */
export function cronWords(cron: string): CronWords | null {
  const fields = cron.trim().split(/\s+/)
  if (fields.length !== 5) return null
  const [minute, hour, day, month, weekday] = fields
  if (month !== '*') return null
  const everyMinutes = /^\*\/(\d{1,2})$/.exec(minute)
  if (everyMinutes && hour === '*' && day === '*' && weekday === '*') return { key: 'minutes', every: +everyMinutes[1] }
  if (!/^\d{1,2}$/.test(minute) || +minute > 59) return null
  const everyHours = /^\*(?:\/(\d{1,2}))?$/.exec(hour)
  if (everyHours && day === '*' && weekday === '*')
    return { key: 'hourly', minute: +minute, every: Number(everyHours[1] ?? 1) }
  if (!/^\d{1,2}$/.test(hour) || +hour > 23) return null
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`
  if (day === '*' && weekday === '*') return { key: 'daily', time }
  if (day === '*') {
    const days = weekdaysOf(weekday)
    return days && { key: 'weekly', time, days }
  }
  return weekday === '*' && /^\d{1,2}$/.test(day) ? { key: 'monthly', time, day: +day } : null
}

/** `1-5`, `0,6`, `SUN`: numbers from 0 = Sunday, in the order of a week that begins on Monday; null when it is not so simple. */
function weekdaysOf(text: string): number[] | null {
  const names = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
  const days = new Set<number>()
  for (const piece of text.toUpperCase().split(',')) {
    const [from, to = from, more] = piece
      .split('-')
      .map((one) => (names.includes(one) ? names.indexOf(one) : Number(one)))
    if (more !== undefined || ![from, to].every((one) => Number.isInteger(one) && one >= 0 && one <= 7) || from > to)
      return null
    for (let day = from; day <= to; day++) days.add(day % 7)
  }
  return [...days].sort((a, b) => ((a + 6) % 7) - ((b + 6) % 7))
}

/** Names of weekdays in a language; runs of three and more as `Mon–Sat`. */
export function weekdayText(days: readonly number[], locale: string): string {
  // 1970-01-04 was a Sunday.
  const name = (day: number): string =>
    new Intl.DateTimeFormat(locale, { weekday: days.length === 1 ? 'long' : 'short', timeZone: 'UTC' }).format(
      (3 + day) * 86_400_000,
    )
  const ordered = days.map((day) => (day + 6) % 7).sort((a, b) => a - b)
  const isRun = ordered.length > 2 && ordered[ordered.length - 1] - ordered[0] === ordered.length - 1
  const named = ordered.map((day) => name((day + 1) % 7))
  return isRun
    ? `${named[0]}–${named[named.length - 1]}`
    : new Intl.ListFormat(locale, { style: 'short', type: 'unit' }).format(named)
}

/** The fields of a schedule at `HH:MM`, on the weekdays named by `weekday` (`*` = every day). */
export function cronAt(time: string, weekday: string): string {
  const [hour, minute] = time.split(':').map(Number)
  return `${minute} ${hour} * * ${weekday}`
}
