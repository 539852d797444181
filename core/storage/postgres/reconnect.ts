import { connect } from 'node:net'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 300_000
const ATTEMPTS_A_ROUND = 10
const KNOCK_MS = 2000

/**
 * When to try again: ten attempts a round, each pause twice the one before, at most five minutes. Between attempts the
 * port is knocked at: one that was shut and opens is tried at once, without counting as an attempt.
 */
export class Reconnect {
  #where: { host: string; port: number }
  #attempt: () => void
  #failures = 0
  #timer: NodeJS.Timeout | null = null
  #knocking: NodeJS.Timeout | null = null
  #stopped = false

  constructor(where: { host: string; port: number }, attempt: () => void) {
    this.#where = where
    this.#attempt = attempt
  }

  /** An attempt failed, or the connection was lost. */
  failed(): void {
    if (this.#timer || this.#stopped) return
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures++ % ATTEMPTS_A_ROUND))
    // Hosts that lost the same server do not come back all at once.
    this.#timer = setTimeout(() => this.#try(), pause * (0.75 + Math.random() / 2))
    this.#knock(false)
  }

  succeeded(): void {
    this.#failures = 0
    this.#clear()
  }

  stop(): void {
    this.#stopped = true
    this.#clear()
  }

  #try(): void {
    this.#clear()
    this.#attempt()
  }

  #clear(): void {
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#knocking) clearTimeout(this.#knocking)
    this.#timer = null
    this.#knocking = null
  }

  #knock(wasShut: boolean): void {
    const knocking = setTimeout(() => {
      const socket = connect({ ...this.#where, timeout: KNOCK_MS })
      const answered = (open: boolean): void => {
        socket.destroy()
        if (this.#knocking !== knocking) return
        if (open && wasShut) this.#try()
        // A port that is open although the login fails waits for its turn.
        else if (!open) this.#knock(true)
      }
      socket.once('connect', () => answered(true))
      socket.once('timeout', () => answered(false))
      socket.once('error', () => answered(false))
    }, KNOCK_MS)
    this.#knocking = knocking
  }
}
