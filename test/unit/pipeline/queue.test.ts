import { expect, it } from 'vitest'
import type { SpanBatch } from '../../../core/model/columns.ts'
import { fairShares } from '../../../core/pipeline/fair-shares.ts'
import { BoundedRowQueue } from '../../../core/pipeline/queue.ts'
import { seededRandom } from '../../demo/shop.ts'
import { type MadeSpan, makeSpans } from './make-batch.ts'

const SEED = Number(process.env.GLASSBOX_SEED ?? 27)

it('shares are even, but for those who want less', () => {
  const shares = (wanted: Record<string, number>, capacity: number) =>
    Object.fromEntries(fairShares(new Map(Object.entries(wanted)), capacity))
  expect(shares({ a: 1000, b: 5, c: 30 }, 100)).toEqual({ a: 65, b: 5, c: 30 })
  expect(shares({ a: 1000, b: 1000, c: 1000 }, 100)).toEqual({ a: 33, b: 33, c: 34 })
  expect(shares({ a: 3, b: 2 }, 100)).toEqual({ a: 3, b: 2 })
  expect(shares({ a: 3, b: 2 }, 0)).toEqual({ a: 0, b: 0 })
  expect(shares({}, 10)).toEqual({})
})

/** Rows by service, errors by the name `error`, as a queue that is emptied gives them. */
function drain(queue: BoundedRowQueue<SpanBatch>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const batch of queue.shift(1e9)) {
    for (let row = 0; row < batch.n; row++) {
      const name = batch.status[row] === 2 ? 'error' : batch.resources[batch.resource[row]].service
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

it('keeps every count exact and is fair, whatever comes in which order', () => {
  process.stdout.write(`seed ${SEED}\n`)
  const random = seededRandom(SEED)
  const below = (n: number) => Math.floor(random() * n)
  for (let round = 0; round < 300; round++) {
    const queue = new BoundedRowQueue<SpanBatch>()
    const limit = 1 + below(60)
    const wanted = new Map<string, number>()
    let rows = 0
    for (let step = 0; step < 12; step++) {
      const spans = Array.from({ length: below(30) }, (): MadeSpan => {
        const error = random() < 0.1
        // The first service sends most.
        const service = `s${Math.floor(random() ** 4 * 5)}`
        const name = error ? 'error' : service
        wanted.set(name, (wanted.get(name) ?? 0) + 1)
        return { error, service }
      })
      const offer = queue.offer(makeSpans(spans), limit)
      expect(offer.accepted + offer.droppedNormal + offer.droppedErrors).toBe(spans.length)
      rows += offer.accepted - offer.evicted
      expect(queue.rows).toBe(rows)
      expect(rows).toBeLessThanOrEqual(limit)
    }
    const found = drain(queue)
    expect([...found.values()].reduce((sum, n) => sum + n, 0)).toBe(rows)
    expect(queue.rows).toBe(0)
    // Errors first.
    const errors = Math.min(wanted.get('error') ?? 0, limit)
    expect(found.get('error') ?? 0).toBe(errors)
    // Nobody who was cut has less than another one, but for one row.
    wanted.delete('error')
    found.delete('error')
    const cut = [...wanted]
      .filter(([service, n]) => (found.get(service) ?? 0) < n)
      .map(([service]) => found.get(service) ?? 0)
    const largest = Math.max(0, ...found.values())
    for (const held of cut) expect(largest - held, `limit ${limit}`).toBeLessThanOrEqual(2)
  }
})
