const DAY_US = 86_400 * 1e6

/** What the wall clock said and how long the machine had run then; a jump shows as a difference between the two. */
export interface ClockWitness {
  /** µs since 1970. */
  wallUs: number
  /** ms since the machine was started, sleep included. */
  uptimeMs: number
  /** Which start of the machine `uptimeMs` counts from; null where the system does not say. */
  boot: string | null
}

/** Receipt times after `fromUs` turned out to be off by `byUs`. */
export interface ClockShift {
  fromUs: number
  byUs: number
}

/**
 * Decides whether the wall clock may be used to delete by age: data must not vanish because a clock was set wrong.
 *
 * The evidence is the machine's own running time, which goes on through sleep and does not move when somebody sets the
 * clock. Within one start of the machine it tells exactly how much time has passed, also while this program stood still.
 * Over a restart of the machine nothing tells, and the clock is taken at its word only up to a day. A clock more than a
 * day off is believed after running on for a day since that was first seen.
 */
export class ClockGuard {
  #trusted: ClockWitness
  /** Whether the trusted time and now belong to one start of the machine. */
  #witnessed: boolean
  #doubt: { sinceMs: number; fromUs: number } | null = null

  constructor(stored: ClockWitness | null, now: ClockWitness) {
    this.#witnessed =
      stored === null || (now.boot !== null && stored.boot === now.boot && stored.uptimeMs <= now.uptimeMs)
    if (stored === null) this.#trusted = now
    else if (this.#witnessed) this.#trusted = stored
    else this.#trusted = { ...now, wallUs: Math.min(now.wallUs, stored.wallUs) }
  }

  /** Whether nothing may be deleted by age now, and why; null also makes `now` the trusted time. */
  judge(now: ClockWitness): { paused: string | null; shift: ClockShift | null } {
    const ahead = now.wallUs - this.trustedUs(now)
    let shift: ClockShift | null = null
    if (Math.abs(ahead) > DAY_US) {
      this.#doubt ??= { sinceMs: now.uptimeMs, fromUs: this.trustedUs(now) }
      if ((now.uptimeMs - this.#doubt.sinceMs) * 1000 < DAY_US) {
        const days = Math.abs(ahead / DAY_US).toFixed(1)
        const way = ahead > 0 ? 'ahead' : 'back'
        const paused = `the clock jumped ${way} by ${days} days: nothing is deleted by age until it has run on for a day`
        return { paused, shift }
      }
      if (this.#witnessed) shift = { fromUs: this.#doubt.fromUs, byUs: ahead }
    }
    this.#doubt = null
    this.#witnessed = true
    this.#trusted = now
    return { paused: null, shift }
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
    if (!this.#witnessed || Math.abs(now.wallUs - this.trustedUs(now)) <= DAY_US) return now.wallUs
    this.#doubt ??= { sinceMs: now.uptimeMs, fromUs: this.trustedUs(now) }
    return Math.max(this.trustedUs(now), this.#doubt.fromUs + 1)
  }
}
