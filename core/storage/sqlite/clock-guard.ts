const DAY_US = 86_400 * 1e6

/** What the wall clock said and how long this process ran then; a jump shows as a difference between the two. */
export interface ClockWitness {
  /** µs since 1970. */
  wallUs: number
  monotonicMs: number
}

/**
 * Decides whether the wall clock may be used to delete by age: data must not vanish because a clock was set wrong. A
 * clock more than a day ahead of real elapsed time is believed only after running a day since that was first seen.
 */
export class ClockGuard {
  #trusted: ClockWitness
  #jumpSeenMs: number | null = null

  constructor(trusted: ClockWitness) {
    this.#trusted = trusted
  }

  /** Why nothing may be deleted by age now, or null; null also makes `now` the trusted time. */
  judge(now: ClockWitness): string | null {
    const ahead = now.wallUs - this.trustedUs(now)
    if (ahead > DAY_US) {
      this.#jumpSeenMs ??= now.monotonicMs
      if ((now.monotonicMs - this.#jumpSeenMs) * 1000 < DAY_US) {
        return `the clock jumped ahead by ${(ahead / DAY_US).toFixed(1)} days: nothing is deleted by age until it has run on for a day`
      }
    }
    this.#jumpSeenMs = null
    this.#trusted = now
    return null
  }

  /** The last believed time carried on by elapsed time: what a later start may rely on. */
  trustedUs(now: ClockWitness): number {
    return this.#trusted.wallUs + (now.monotonicMs - this.#trusted.monotonicMs) * 1000
  }
}
