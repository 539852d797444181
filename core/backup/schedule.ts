import { cronOf } from '../config/cron-text.ts'

/** When something is due. */
export interface Schedule {
  id: string
  /** Five fields: minute, hour, day, month, weekday. */
  cron: string
  /** IANA name of a time zone; empty = the machine's. */
  zone: string
}

/** The first time after `afterUs` that the schedule names, µs; null when there is none. Nonexistent local times move on, repeated ones count once. */
export function nextRun({ cron, zone }: Schedule, afterUs: number): number | null {
  const next = cronOf(cron, zone).nextRun(new Date(Math.floor(afterUs / 1000)))
  return next ? next.getTime() * 1000 : null
}

/**
 * Whether a run is due that was not done: a time of the schedule lies between the last run and now. However many were
 * missed (the machine slept, or was off), they are one.
 * @param lastUs when it last ran or, before the first time, when the schedule was made
 */
export function isDue(schedule: Schedule, lastUs: number, nowUs: number): boolean {
  // A clock that was set back does not make what was done undone.
  if (lastUs > nowUs) return false
  const next = nextRun(schedule, lastUs)
  return next !== null && next <= nowUs
}
