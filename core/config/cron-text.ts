import { Cron } from 'croner'

/** How schedules are read: five fields, in an IANA time zone; empty = the machine's. */
export function cronOf(cron: string, zone: string): Cron {
  return new Cron(cron, { paused: true, mode: '5-part', ...(zone === '' ? {} : { timezone: zone }) })
}

/** What is wrong with a schedule, or null. */
export function cronProblem(cron: string, zone: string): string | null {
  try {
    cronOf(cron, zone).nextRun()
    return null
  } catch (error) {
    return (error as Error).message
  }
}
