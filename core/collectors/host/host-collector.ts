import { hostname } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import { readLinux, readProcesses } from './linux.ts'
import { readOtherSystem, readSensors } from './other-systems.ts'
import type { Reading, Readings } from './readings.ts'
import { NodeRuntime } from './runtime.ts'

/** Processes and sensors are looked at once in so many rounds: both cost more than all the rest. */
const SLOW_EVERY = 6
const TOP_PROCESSES = 5

export interface HostCollectorOptions {
  clock: Clock
  intervalMs: number
  /** Takes one round's samples. */
  take(samples: DecodedSamples): Promise<unknown>
  /** Something cannot be read; said once each. */
  problem(sentence: string): void
  host?: string
}

/** Reads the figures of this machine and of this process at a fixed interval. Rounds never overlap or catch up. */
export class HostCollector {
  #options: HostCollectorOptions
  #runtime = new NodeRuntime()
  #round = 0
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout
  #told = new Set<string>()

  constructor(options: HostCollectorOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), options.intervalMs)
    this.#timer.unref()
    this.#tick()
  }

  #tick(): void {
    this.#running ??= this.collect()
      .catch((error: Error) => this.#tell('the host collector', error.message))
      .finally(() => {
        this.#running = null
      })
  }

  #tell(what: string, why: string): void {
    if (this.#told.has(what)) return
    this.#told.add(what)
    this.#options.problem(`${what} cannot be read: ${why}`)
  }

  /** One round. */
  async collect(): Promise<void> {
    const time = Math.floor(this.#options.clock.nowUs() / 1000)
    const { readings, unreadable } = await this.#system()
    for (const { what, why } of unreadable) this.#tell(what, why)
    const host = this.#options.host ?? hostname()
    const samples = samplesOf(
      [
        { job: 'host', readings },
        { job: 'glassbox', readings: this.#runtime.read() },
      ],
      host,
      time,
    )
    await this.#options.take(samples)
  }

  async #system(): Promise<Readings> {
    const slow = this.#round++ % SLOW_EVERY === 0
    const linux = process.platform === 'linux'
    const main = await (linux ? readLinux() : readOtherSystem())
    if (!slow) return main
    const sensors = await readSensors()
    const processes = linux ? await readProcesses(TOP_PROCESSES) : []
    return {
      readings: [...main.readings, ...sensors.readings, ...processes],
      unreadable: [...main.unreadable, ...sensors.unreadable],
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    this.#runtime.stop()
  }
}

function samplesOf(groups: { job: string; readings: Reading[] }[], instance: string, time: number): DecodedSamples {
  const builder = new SampleBatchBuilder()
  for (const { job, readings } of groups) {
    for (const { metric, type, unit, help, labels, value } of readings) {
      if (!Number.isFinite(value)) continue
      const all = sortedLabels([['__name__', metric], ['instance', instance], ['job', job], ...labels])
      builder.float(builder.series(all), time, value)
      builder.metadata({ metric, type, unit, help })
    }
  }
  return { batch: builder.finish(), pointOf: null, points: builder.count, rejected: [], warnings: [], services: [] }
}
