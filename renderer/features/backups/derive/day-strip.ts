import type { BackupItem, BackupRun } from '../../../../core/api/contract/shapes.ts'
import { inputTime } from '../../../ui/format-time.ts'

export interface StripDay {
  /** `2026-11-30` in the zone. */
  day: string
  /** A moment of that day, µs. */
  at: number
  state: 'good' | 'failed' | 'missed' | 'none'
  /** Why it failed. */
  error: string | null
}

/** The last `days` days, oldest first: what became of each day's backups, in a zone. */
export function dayStrip(
  items: readonly BackupItem[],
  runs: readonly BackupRun[],
  nowUs: number,
  zone: string,
  days = 30,
): StripDay[] {
  const dayOf = (us: number): string => inputTime(us, zone).slice(0, 10)
  const good = new Set(items.filter(({ problem }) => problem === null).map(({ createdAt }) => dayOf(createdAt)))
  const failed = new Map<string, string>()
  const missed = new Set<string>()
  for (const run of runs) {
    if (run.kind === 'verify') continue
    if (run.ok) good.add(dayOf(run.at))
    else if (!failed.has(dayOf(run.at))) failed.set(dayOf(run.at), run.error ?? '')
    if (run.missed !== null) missed.add(dayOf(run.missed))
  }
  // The newest run of a day decides where there is more than one.
  const lastOf = new Map<string, BackupRun>()
  for (const run of runs)
    if (run.kind !== 'verify' && (lastOf.get(dayOf(run.at))?.at ?? 0) < run.at) lastOf.set(dayOf(run.at), run)
  return Array.from({ length: days }, (_, i) => {
    const at = nowUs - (days - 1 - i) * 86_400e6
    const day = dayOf(at)
    const last = lastOf.get(day)
    const state = last && !last.ok ? 'failed' : good.has(day) ? 'good' : missed.has(day) ? 'missed' : 'none'
    return { day, at, state, error: state === 'failed' ? (failed.get(day) ?? null) : null }
  })
}
