import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, it } from 'vitest'
import { Writer } from '../../../core/storage/sqlite/writer.ts'
import { runs } from '../../unit/storage-read/arbitrary.ts'
import { logBatch, spanBatch } from '../../unit/storage-read/spans.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const DAYS = 7
let dataDir = ''
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

/** A machine whose clock anybody may set, beside the time that really passes. */
class Machine {
  realMs = 0
  #bootMs = 0
  #boots = 0
  #offsetMs = Date.UTC(2026, 0, 15)

  run(ms: number): void {
    this.realMs += ms
  }
  jump(ms: number): void {
    this.#offsetMs += ms
  }
  /** Off for `ms`; the clock goes on as it was set. */
  reboot(ms: number): void {
    this.realMs += ms
    this.#bootMs = this.realMs
    this.#boots++
  }
  nowUs = (): number => (this.realMs + this.#offsetMs) * 1000
  monotonicMs = (): number => this.realMs
  witness = () => ({ wallUs: this.nowUs(), uptimeMs: this.realMs - this.#bootMs, boot: `boot ${this.#boots}` })
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }).map((hours) => ({ kind: 'run' as const, hours })) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(24, -24, 1, -1, 23, 3650 * 24, -3650 * 24, 30 * 24, 12 * 365 * 24, -56 * 365 * 24)
      .map((hours) => ({ kind: 'jump' as const, hours })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const, hours: 0 }) },
)

// Experiment 16.
it('deletes nothing younger than the policy says, however the clock is set, and all that is older in the end', () => {
  let deletedInTime = 0
  let jumps = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), (steps) => {
      dataDir = mkdtempSync(join(tmpdir(), 'glassbox-clock-'))
      const machine = new Machine()
      const open = () => new Writer({ dataDir, reserveBytes: 1000 }, machine, () => undefined)
      let writer = open()
      /** Real time of receipt of each span, by number; a record of the same number stands beside it. */
      const receivedMs: number[] = []
      const write = (): void => {
        const id = receivedMs.push(machine.realMs)
        const span = { trace: id, span: id, parent: 0, service: 's', name: 'n', kind: 0, status: 0, attributes: {} }
        const log = { time: machine.nowUs(), ns: 0, severity: 9, service: 's', body: '', trace: 0, attributes: {} }
        writer.write(
          [spanBatch([{ ...span, start: machine.nowUs(), dur: 1 }], machine.nowUs())],
          [logBatch([log], machine.nowUs())],
        )
      }
      /** How many are left must lie between those that surely may not go and those that are stored at all. */
      const retain = (): { spans: number; logs: number } => {
        writer.retention({ tracesDays: DAYS, tracesBytes: 1e12, logsDays: DAYS })
        const { spans, logs } = writer.stats()
        const young = receivedMs.filter((at) => machine.realMs - at < DAYS * DAY_MS - HOUR_MS).length
        expect(spans).toBeGreaterThanOrEqual(young)
        expect(logs).toBeGreaterThanOrEqual(young)
        deletedInTime += receivedMs.length - spans
        return { spans, logs }
      }
      for (const { kind, hours } of steps) {
        if (kind === 'run') {
          machine.run(hours * HOUR_MS)
          write()
        } else if (kind === 'jump') {
          machine.jump(hours * HOUR_MS)
          jumps++
        } else {
          writer.stop()
          writer = open()
        }
        retain()
      }
      // The clock is left alone from here on: within a week and the day of doubt everything goes.
      for (let day = 0; day < DAYS + 2; day++) {
        machine.run(DAY_MS)
        retain()
      }
      expect(retain()).toEqual({ spans: 0, logs: 0 })
      writer.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }),
    runs(25, 1000),
  )
  expect(deletedInTime).toBeGreaterThan(50)
  expect(jumps).toBeGreaterThan(50)
}, 600_000)
