import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../base/clock.ts'

/** What Glassbox itself costs: all threads of this process. */
export class OwnCost {
  readonly #clock: Clock
  readonly #delay: ReturnType<typeof monitorEventLoopDelay>
  #cpuUs = 0
  #atMs: number
  #share = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#atMs = clock.monotonicMs()
    this.#cpuUs = usedCpuUs()
    this.#delay = monitorEventLoopDelay({ resolution: 50 })
    this.#delay.enable()
  }

  /** Share of one core (1 = one core busy) over the last second or more. */
  cpu(): number {
    const elapsedMs = this.#clock.monotonicMs() - this.#atMs
    if (elapsedMs < 1000) return this.#share
    const used = usedCpuUs()
    this.#share = (used - this.#cpuUs) / 1000 / elapsedMs
    this.#cpuUs = used
    this.#atMs += elapsedMs
    return this.#share
  }

  /** CPU time since the start of the process, seconds. */
  cpuSeconds(): number {
    return usedCpuUs() / 1e6
  }

  /** 99th percentile of the main thread's event loop delay since the last call, seconds. */
  eventLoopDelay(): number {
    const seconds = this.#delay.percentile(99) / 1e9
    this.#delay.reset()
    return seconds
  }

  stop(): void {
    this.#delay.disable()
  }
}

function usedCpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
