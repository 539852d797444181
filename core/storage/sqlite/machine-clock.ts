import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { ClockWitness } from './clock-guard.ts'

/** A clock that also knows how long the machine has run. */
export interface MachineClock extends Clock {
  witness(): ClockWitness
}

/** Linux names each start of the machine; elsewhere a restart of Glassbox leaves elapsed time unknown. */
export function machineBoot(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}

export function machineClock(): MachineClock {
  const boot = machineBoot()
  return { ...systemClock, witness: () => ({ wallUs: systemClock.nowUs(), uptimeMs: uptime() * 1000, boot }) }
}
