import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { GlassboxError } from '../../../core/base/errors.ts'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import type { SpanBatch } from '../../../core/model/columns.ts'
import type { Write, WriteBatches } from '../../../core/pipeline/bisect-write.ts'
import { CircuitBreaker } from '../../../core/pipeline/breaker.ts'
import { Intake } from '../../../core/pipeline/intake.ts'
import { RunJournal } from '../../../core/pipeline/journal.ts'
import { BoundedRowQueue } from '../../../core/pipeline/queue.ts'
import { createRedactor } from '../../../core/pipeline/redaction.ts'
import { AdaptiveRate, sampleRows } from '../../../core/pipeline/sampling.ts'
import { idsOf, makeSpans } from './make-batch.ts'

const folder = mkdtempSync(join(tmpdir(), 'glassbox-intake-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sum = (reasons: Record<string, number>): number => Object.values(reasons).reduce((total, n) => total + n, 0)

function intakeWith(write: Write, changes: Record<string, unknown> = {}): Intake {
  const settings = applySettings(defaultSettings, { 'pipeline.flushMs': 1, ...changes })
  return new Intake({
    settings,
    clock: systemClock,
    write,
    journal: new RunJournal(join(folder, 'none'), () => undefined),
    redactor: createRedactor(settings.privacy),
    onChange: () => undefined,
    onWriteFailure: () => undefined,
  })
}

const stored = (batches: WriteBatches) => ({
  seq: 1,
  storedSpans: batches.spans.reduce((total, batch) => total + batch.n, 0),
  storedLogs: 0,
  duplicateSpans: 0,
})
const decoded = (batch: SpanBatch) => ({ batch, rejected: [], warnings: [] })

describe('ledger', () => {
  it('moves what waited on disk and was refused later from stored to rejected, never more than it stored', async () => {
    const intake = intakeWith(async (batches) => stored(batches))
    const take = async (ids: number[]): Promise<void> => {
      intake.take(decoded(makeSpans(ids.map((id) => ({ id })))))
      await intake.drain()
    }
    await take([1, 2, 3])
    await take([4])
    intake.refusedLater({ spans: 2, logs: 0 })
    expect(intake.ledger.traces).toMatchObject({ received: 4, stored: 2, rejected: { unstorable: 2 }, waiting: 0 })
    await take([5])
    intake.refusedLater({ spans: 9, logs: 4 })
    expect(intake.ledger.traces).toMatchObject({ received: 5, stored: 0, rejected: { unstorable: 5 }, waiting: 0 })
    expect(intake.ledger.logs).toMatchObject({ stored: 0, rejected: {} })
    intake.stop()
  })

  it('counts what arrives while paused as dropped, and takes what a person imports', async () => {
    const intake = intakeWith(async (batches) => stored(batches), { 'pipeline.paused': true })
    expect(intake.take(decoded(makeSpans([{ id: 1 }, { id: 2 }])))).toMatchObject({
      received: 2,
      accepted: 0,
      dropped: 2,
    })
    await intake.takeWhenRoom(decoded(makeSpans([{ id: 3 }])))
    await intake.drain()
    expect(intake.ledger.traces).toMatchObject({ received: 3, stored: 1, dropped: { paused: 2 }, waiting: 0 })
    intake.settings = applySettings(intake.settings, { 'pipeline.paused': false })
    expect(intake.take(decoded(makeSpans([{ id: 4 }])))).toMatchObject({ accepted: 1, dropped: 0 })
    await intake.drain()
    intake.stop()
  })

  it('is exact at every moment, by id at the end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.constantFrom('ok', 'down'), { maxLength: 3 }),
        async (requests, faults) => {
          const storedIds: number[] = []
          const intake = intakeWith(
            async (batches) => {
              await new Promise((resolve) => setImmediate(resolve))
              if (faults.pop() === 'down') throw new GlassboxError('storage_unavailable', 'down')
              for (const batch of batches.spans) storedIds.push(...idsOf(batch))
              return stored(batches)
            },
            { 'pipeline.queueLimit': 10 },
          )
          let next = 1
          const { traces } = intake.ledger
          const check = (): void => {
            const { received, rejected, dropped, sampledOut, waiting } = traces
            expect(traces.stored + sum(rejected) + sum(dropped) + sampledOut + waiting).toBe(received)
          }
          for (const errors of requests) {
            intake.take(decoded(makeSpans(errors.map((error) => ({ id: next++, error })))))
            check()
            await new Promise((resolve) => setImmediate(resolve))
            check()
          }
          await intake.drain()
          check()
          expect(traces.waiting).toBe(0)
          expect(traces.received).toBe(next - 1)
          expect(new Set(storedIds).size).toBe(traces.stored)
          expect(storedIds.length).toBe(traces.stored)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('leaves out only the row that cannot be stored', async () => {
    const intake = intakeWith(async (batches) => {
      if (batches.spans.some((batch) => idsOf(batch).includes(7))) throw new Error('row 7')
      return stored(batches)
    })
    intake.take(decoded(makeSpans(Array.from({ length: 20 }, (_, i) => ({ id: i + 1 })))))
    await intake.drain()
    expect(intake.ledger.traces).toMatchObject({ received: 20, stored: 19, rejected: { unstorable: 1 }, waiting: 0 })
  })

  it('refuses whole requests when told to, once something is being written', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const intake = intakeWith(async (batches) => held.then(() => stored(batches)), {
      'pipeline.queueLimit': 2,
      'pipeline.overflow': 'refuse',
    })
    intake.take(decoded(makeSpans([{}])))
    const drained = intake.drain()
    expect(intake.take(decoded(makeSpans([{}, {}, {}]))).refused).toBe(true)
    expect(intake.take(decoded(makeSpans([{}, {}]))).accepted).toBe(2)
    release()
    await drained
    expect(intake.ledger.traces).toMatchObject({ received: 3, stored: 3, waiting: 0 })
  })
})

describe('queue', () => {
  it('lets error rows take the place of normal ones', () => {
    const queue = new BoundedRowQueue<SpanBatch>()
    queue.offer(makeSpans([{ id: 1 }, { id: 2, error: true }, { id: 3 }]), 3)
    const offer = queue.offer(
      makeSpans([{ id: 4 }, { id: 5, error: true }, { id: 6, error: true }, { id: 7, error: true }]),
      3,
    )
    expect(offer).toEqual({ accepted: 2, droppedNormal: 1, droppedErrors: 1, evicted: 2 })
    expect(queue.shift(100).flatMap(idsOf)).toEqual([2, 5, 6])
    expect(queue.rows).toBe(0)
  })
})

describe('sampling', () => {
  it('keeps traces whole across batches, and every failed or slow span', () => {
    const spans = Array.from({ length: 4000 }, (_, i) => ({ trace: (i % 1000) + 1, id: i + 1 }))
    const kept = [spans.slice(0, 2000), spans.slice(2000)].map((part) => {
      const batch = makeSpans(part)
      const keep = sampleRows(batch, 8, 1_000_000) as Uint8Array
      return new Set(part.filter((_, row) => keep[row]).map(({ trace }) => trace))
    })
    expect(kept[0]).toEqual(kept[1])
    expect(kept[0].size).toBeGreaterThan(80)
    expect(kept[0].size).toBeLessThan(180)
    const special = makeSpans(
      spans.slice(0, 900).map((span, i) => (i % 2 ? { ...span, error: true } : { ...span, durUs: 2e6 })),
    )
    expect(sampleRows(special, 1024, 1_000_000)).toBeNull()
    expect(special.sampleRate.every((rate) => rate === 1)).toBe(true)
  })

  it('follows the load in steps and comes down late', () => {
    const rate = new AdaptiveRate()
    expect([350, 350, 350, 150, 150, 10, 10].map((load) => rate.observe(load, 100, true))).toEqual([
      2, 4, 4, 2, 2, 1, 1,
    ])
    expect(rate.observe(1e9, 100, false)).toBe(1)
  })
})

it('the breaker opens after five failures, probes once after the back-off, and closes on success', () => {
  let now = 0
  const breaker = new CircuitBreaker({ nowUs: () => 0, monotonicMs: () => now })
  for (let i = 0; i < 5; i++) {
    now += 1000
    expect(breaker.tryPass()).toBe(true)
    breaker.failed()
  }
  expect(breaker.state).toBe('open')
  expect(breaker.tryPass()).toBe(false)
  now += 500
  expect(breaker.tryPass()).toBe(true)
  expect(breaker.state).toBe('half-open')
  breaker.failed()
  expect(breaker.waitMs()).toBe(1000)
  now += 1000
  expect(breaker.tryPass()).toBe(true)
  breaker.succeeded()
  expect([breaker.state, breaker.waitMs()]).toEqual(['closed', 0])
})

it('the journal tells the next start what a crash left, and nothing after a clean stop', () => {
  const file = join(folder, 'journal')
  const first = new RunJournal(file, () => undefined)
  expect(first.open(1)).toBeNull()
  first.write({ traces: 120, logs: 3, metrics: 0 }, 2)
  first.write({ traces: 7, logs: 3, metrics: 40 }, 3)
  const second = new RunJournal(file, () => undefined)
  expect(second.open(4)).toEqual({ traces: 7, logs: 3, metrics: 40, atUs: 3 })
  second.write({ traces: 1, logs: 0, metrics: 0 }, 5)
  second.remove()
  expect(new RunJournal(file, () => undefined).open(6)).toBeNull()
})
