const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US

/** What the wall clock said and how long the machine had run then; a jump shows as a difference between the two. */
export interface ClockWitness {
  /** µs since 1970. */
  wallUs: number
  /** ms since the machine was started, sleep included. */
  uptimeMs: number
  /** Which start of the machine `uptimeMs` counts from; null where the system does not say. */
  boot: string | null
}

export interface ClockVerdict {
  /** Why nothing may be deleted by age now, or null. */
  paused: string | null
  /** The time that ages are counted to, µs. */
  nowUs: number
  /** By how much all receipt times are to be moved first, as the clock they came from was found to be off; 0 = not. */
  shiftUs: number
}

/**
 * Decides whether the wall clock may be used to delete by age: data must not vanish because a clock was set wrong.
 *
 * The evidence is the machine's own running time, which goes on through sleep and does not move when somebody sets the
 * clock. Within one start of the machine it tells exactly how much time has passed, also while this program stood still:
 * a clock that moved by more than an hour beside it was set. Such a clock does not count until it has run on unchanged
 * for a day, and then all receipt times move with it, so that nothing gets older by it. Over a restart of the machine
 * nothing tells how much time has passed: the clock is taken at its word up to a day, and beyond after it has run a day.
 */
export class ClockGuard {
  #trusted: ClockWitness
  /** Whether the trusted time and now belong to one start of the machine. */
  #witnessed: boolean
  #doubt: { sinceMs: number; aheadUs: number } | null = null

  constructor(stored: ClockWitness | null, now: ClockWitness) {
    const sameStart = stored !== null && now.boot !== null && stored.boot === now.boot
    this.#witnessed = stored === null || (sameStart && stored.uptimeMs <= now.uptimeMs)
    if (stored === null) this.#trusted = now
    else if (this.#witnessed) this.#trusted = stored
    else this.#trusted = { ...now, wallUs: Math.min(now.wallUs, stored.wallUs) }
  }

  judge(now: ClockWitness): ClockVerdict {
    const trustedUs = this.trustedUs(now)
    const aheadUs = now.wallUs - trustedUs
    const far = Math.abs(aheadUs)
    if (far > HOUR_US && (this.#witnessed || far > DAY_US) && !this.#steady(now, aheadUs)) {
      if (far <= DAY_US) return { paused: null, nowUs: Math.min(now.wallUs, trustedUs), shiftUs: 0 }
      const way = `${aheadUs > 0 ? 'ahead' : 'back'} by ${(far / DAY_US).toFixed(1)} days`
      const paused = `the clock jumped ${way}: nothing is deleted by age until it has run on for a day`
      return { paused, nowUs: trustedUs, shiftUs: 0 }
    }
    const shiftUs = this.#witnessed && far > HOUR_US ? aheadUs : 0
    this.#doubt = null
    this.#witnessed = true
    this.#trusted = now
    return { paused: null, nowUs: now.wallUs, shiftUs }
  }

  /** Whether the clock has been as far ahead as now for a day. */
  #steady(now: ClockWitness, aheadUs: number): boolean {
    if (!this.#doubt || Math.abs(this.#doubt.aheadUs - aheadUs) > HOUR_US) {
      this.#doubt = { sinceMs: now.uptimeMs, aheadUs }
    }
    return (now.uptimeMs - this.#doubt.sinceMs) * 1000 >= DAY_US
  }

  /** The last believed time carried on by elapsed time. */
  trustedUs(now: ClockWitness): number {
    return this.#trusted.wallUs + (now.uptimeMs - this.#trusted.uptimeMs) * 1000
  }

  /** What a later start may rely on. */
  witness(now: ClockWitness): ClockWitness {
    return { ...now, wallUs: this.trustedUs(now) }
  }

  /** When something that arrives now is received, µs: a clock that was seen to jump does not count. */
  receiptUs(now: ClockWitness): number {
    const trustedUs = this.trustedUs(now)
    const aheadUs = now.wallUs - trustedUs
    if (!this.#witnessed || Math.abs(aheadUs) <= HOUR_US) return now.wallUs
    // The day of doubt begins when the jump is first seen, not at the next look at ages.
    this.#steady(now, aheadUs)
    return trustedUs
  }
}
