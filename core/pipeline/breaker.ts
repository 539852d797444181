import type { Clock } from '../base/clock.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

const failuresToOpen = 5
const firstBackoffMs = 500
const longestBackoffMs = 8000
const retryMs = 100

/**
 * Keeps a failing storage from being called all the time. Closed: calls go through; open after 5 failures in a row:
 * none does until the back-off (0.5 s doubling to 8 s) has passed; half-open: one probe decides.
 */
export class CircuitBreaker {
  #clock: Clock
  #failures = 0
  #backoffMs = firstBackoffMs
  #retryAt = 0
  #state: BreakerState = 'closed'

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Milliseconds until the next call may go through; 0 = now. */
  waitMs(): number {
    return Math.max(0, this.#retryAt - this.#clock.monotonicMs())
  }

  /** Whether a call may be made now. In the open state a yes is the probe and turns the state to half-open. */
  tryPass(): boolean {
    if (this.waitMs() > 0) return false
    if (this.#state === 'open') this.#state = 'half-open'
    return true
  }

  succeeded(): void {
    this.#failures = 0
    this.#backoffMs = firstBackoffMs
    this.#retryAt = 0
    this.#state = 'closed'
  }

  failed(): void {
    this.#failures++
    const now = this.#clock.monotonicMs()
    if (this.#state === 'half-open') this.#backoffMs = Math.min(longestBackoffMs, this.#backoffMs * 2)
    if (this.#state === 'half-open' || this.#failures >= failuresToOpen) {
      this.#state = 'open'
      this.#retryAt = now + this.#backoffMs
    } else this.#retryAt = now + retryMs * this.#failures
  }
}
