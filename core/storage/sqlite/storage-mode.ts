import type { Clock } from '../../base/clock.ts'
import type { StorageStats } from '../store.ts'

/** How storage fares, since when and why, as health and the status bar show it. */
export class StorageMode {
  #clock: Clock
  name: StorageStats['mode'] = 'normal'
  /** µs; null in the normal mode. */
  since: number | null = null
  reason: string | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(name: StorageStats['mode'], reason: string | null): void {
    this.reason = reason
    if (this.name === name) return
    this.name = name
    this.since = name === 'normal' ? null : this.#clock.nowUs()
  }
}
