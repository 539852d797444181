import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SpanBatch } from '../../../core/model/columns.ts'
import { WriteQueue } from '../../../core/storage/postgres/write-queue.ts'
import { logBatch, spanBatch } from '../../conformance/telemetry-rows.ts'

let folder: string
let nowMs = 0
const clock = { nowUs: () => nowMs * 1000, monotonicMs: () => nowMs }
const open = (limit = 1e9): WriteQueue => new WriteQueue(folder, () => limit, clock)
const ofSize = new Map<number, SpanBatch>()
function spansOf(spans: number): SpanBatch {
  const batch =
    ofSize.get(spans) ?? spanBatch(Array.from({ length: spans }, (_, at) => ({ trace: 1, span: at + 1, at })))
  ofSize.set(spans, batch)
  return batch
}
const write = (id: number, spans: number) => ({
  id: `00000000-0000-0000-0000-${String(id).padStart(12, '0')}`,
  spans: [spansOf(spans)],
  logs: [logBatch([{ at: 0, body: `log ${id}` }])],
})
const idsOf = (run: { id: string }[]): number[] => run.map(({ id }) => Number(id.slice(-12)))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-queue-'))
  nowMs = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('gives what waits in runs of so many rows, in order, and counts what is left, across a restart', () => {
  const queue = open()
  for (let id = 1; id <= 5; id++) expect(queue.push(write(id, 8000))).toBe(true)
  expect(idsOf(queue.run())).toEqual([1, 2])
  queue.stored(2)
  expect(queue.rows).toEqual({ spans: 24_000, logs: 3 })
  const again = open()
  expect(again.rows).toEqual({ spans: 24_000, logs: 3 })
  expect(idsOf(again.run())).toEqual([3, 4])
  again.stored(2)
  expect(idsOf(again.run())).toEqual([5])
  again.stored(1)
  expect(again.run()).toEqual([])
  expect(again).toMatchObject({ rows: { spans: 0, logs: 0 }, bytes: 0, length: 0 })
})

it('takes a write alone that is larger than a run', () => {
  const queue = open()
  queue.push(write(1, 21_000))
  queue.push(write(2, 1))
  expect(idsOf(queue.run())).toEqual([1])
})

it('goes one by one through a run that was refused, then on in runs', () => {
  const queue = open()
  for (let id = 1; id <= 6; id++) queue.push(write(id, 10))
  expect(queue.run()).toHaveLength(6)
  queue.oneByOne(3)
  expect(idsOf(queue.run())).toEqual([1])
  queue.stored(1)
  expect(idsOf(queue.run())).toEqual([2])
  expect(queue.leaveOut()).toMatchObject({ spans: 10, logs: 1 })
  expect(idsOf(queue.run())).toEqual([3])
  queue.stored(1)
  expect(idsOf(queue.run())).toEqual([4, 5, 6])
})

it('stops a run before a damaged file, which is left out', () => {
  const queue = open()
  for (let id = 1; id <= 3; id++) queue.push(write(id, 10))
  truncateSync(join(folder, readdirSync(folder).sort()[1]), 50)
  expect(idsOf(queue.run())).toEqual([1])
  queue.stored(1)
  expect(queue.run()).toEqual([])
  expect(queue.leaveOut()).toMatchObject({ spans: 10, logs: 1 })
  expect(idsOf(queue.run())).toEqual([3])
})

it('tells how many rows a second leave it, of the last five seconds', () => {
  const queue = open()
  for (let id = 1; id <= 40; id++) queue.push(write(id, 99))
  expect(queue.storedPerSecond).toBeNull()
  for (let step = 0; step < 20; step++) {
    nowMs += 500
    queue.stored(1)
  }
  expect(queue.storedPerSecond).toBe(200)
  nowMs += 6000
  expect(queue.storedPerSecond).toBeNull()
})
