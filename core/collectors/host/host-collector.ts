import { hostname } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import { readLinux, readProcesses } from './linux.ts'
import { readLinuxSensors } from './linux-sensors.ts'
import { type Reading, reading, type Unreadable } from './readings.ts'
import { NodeRuntime } from './runtime.ts'

/** Processes and sensors are looked at once in so many rounds: both cost more than all the rest. */
const SLOW_EVERY = 6
const TOP_PROCESSES = 5

/** What cannot be read is named apart up to so many things. */
const MOST_UNREADABLE = 20

/** The figures of one round, by the job that they are reported under. */
export interface HostRound {
  host: string
  /** Whole ms since the epoch. */
  timeMs: number
  groups: { job: string; readings: Reading[] }[]
}

export interface HostCollectorOptions {
  clock: Clock
  intervalMs: number
  /** Name and version of the program that collects, for the list of hosts. */
  version: string
  /** Job of this process's own figures. */
  ownJob?: string
  /** Takes one round. */
  take(round: HostRound): Promise<unknown>
  /** Something cannot be read; said once each. */
  problem(sentence: string): void
  host?: string
  /** Figures that the program adds to those of its own process. */
  ownReadings?(): Reading[]
}

/** Reads the figures of this machine and of this process at a fixed interval. Rounds never overlap or catch up. */
export class HostCollector {
  #options: HostCollectorOptions
  #runtime = new NodeRuntime()
  #round = 0
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout
  #told = new Set<string>()
  /** What the last quick and the last slow round could not read. */
  #unreadable: { quick: Unreadable[]; slow: Unreadable[] } = { quick: [], slow: [] }
  #reported = new Map<string, Unreadable>()

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
    const timeMs = Math.floor(this.#options.clock.nowUs() / 1000)
    const readings = await this.#system()
    await this.#options.take({
      host: this.#options.host ?? hostname(),
      timeMs,
      groups: [
        { job: 'host', readings: [...readings, ...this.#about()] },
        {
          job: this.#options.ownJob ?? 'glassbox',
          readings: [...this.#runtime.read(), ...(this.#options.ownReadings?.() ?? [])],
        },
      ],
    })
  }

  async #system(): Promise<Reading[]> {
    const slow = this.#round++ % SLOW_EVERY === 0
    // A library of half a megabyte, which Linux can do without.
    const other = process.platform === 'linux' ? null : await import('./other-systems.ts')
    const main = await (other ? other.readOtherSystem() : readLinux())
    this.#unreadable.quick = main.unreadable
    if (!slow) return main.readings
    const sensors = await (other ? other.readOtherSensors() : readLinuxSensors())
    const processes = other ? [] : await readProcesses(TOP_PROCESSES)
    this.#unreadable.slow = sensors.unreadable
    return [...main.readings, ...sensors.readings, ...processes]
  }

  /** Who collects, how often, and what could not be read. */
  #about(): Reading[] {
    const { version, intervalMs } = this.#options
    const os = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }[process.platform as string] ?? process.platform
    const out = [
      reading('glassbox_collector_info', 1, { version, os, arch: process.arch }),
      reading('glassbox_collector_interval_seconds', intervalMs / 1000),
    ]
    const now = new Map<string, Unreadable>()
    for (const one of [...this.#unreadable.quick, ...this.#unreadable.slow].slice(0, MOST_UNREADABLE)) {
      this.#tell(one.what, one.why)
      now.set(one.what, { what: one.what, why: one.why.slice(0, 200) })
    }
    for (const labels of now.values()) out.push(reading('glassbox_collector_unreadable', 1, { ...labels }))
    for (const [what, labels] of this.#reported) {
      if (now.get(what)?.why !== labels.why) out.push(reading('glassbox_collector_unreadable', 0, { ...labels }))
    }
    this.#reported = now
    return out
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    this.#runtime.stop()
  }
}

/** One round as samples, `instance` being the host. */
export function samplesOfRound({ host, timeMs, groups }: HostRound): DecodedSamples {
  const builder = new SampleBatchBuilder()
  for (const { job, readings } of groups) {
    for (const { metric, type, unit, help, labels, value } of readings) {
      if (!Number.isFinite(value)) continue
      const all = sortedLabels([['__name__', metric], ['instance', host], ['job', job], ...labels])
      builder.float(builder.series(all), timeMs, value)
      builder.metadata({ metric, type, unit, help })
    }
  }
  return { batch: builder.finish(), pointOf: null, points: builder.count, rejected: [], warnings: [], services: [] }
}
