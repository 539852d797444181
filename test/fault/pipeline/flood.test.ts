import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import { seededRandom } from '../../demo/shop.ts'
import { IdSender } from '../../fixtures/id-sender.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { ask, storedIds } from '../../fixtures/served-process.ts'

const REQUESTS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 5000) : 150
const SPANS = 200
/** Answers of partial success before writing may go on. */
const HELD_UNTIL = 5
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const sum = (reasons: Record<string, number>): number => Object.values(reasons).reduce((total, n) => total + n, 0)

let host: RunningHost
afterEach(() => host.stop())

async function settled(): Promise<PipelineAnswer> {
  for (;;) {
    const books = await host.get<PipelineAnswer>('/api/pipeline')
    if (books.traces.waiting === 0) return books
  }
}

/** Holds up the storage thread, so that the flood is one on a fast machine too; gives back what lets it go on. */
function holdWrites(): () => void {
  const db = new Database(join(host.dataDir, 'auxiliary.db'))
  db.exec('BEGIN IMMEDIATE')
  return () => {
    if (!db.open) return
    db.exec('ROLLBACK')
    db.close()
  }
}

it('far more than can be written: every id is in exactly one book, and errors go last', async () => {
  // Room for the errors of fifty requests, or for one request.
  host = await startTestHost({ 'pipeline.queueLimit': SPANS, 'sampling.enabled': false })
  const random = seededRandom(seed)
  const book = new IdSender(() => host.otlp)
  const errors = new Set<number>()
  let requests = 0
  const letGo = holdWrites()
  const sending = async (): Promise<void> => {
    while (requests++ < REQUESTS) {
      await book.send(SPANS, (id) => {
        const failed = random() < 0.02
        if (failed) errors.add(id)
        return failed ? { status: { code: 2, message: 'boom' } } : {}
      })
      if (book.partial.length >= HELD_UNTIL) letGo()
    }
  }
  // What the answers say is checked against what is stored; healthz must answer all the while.
  await Promise.all([...Array.from({ length: 16 }, sending)])
  expect((await fetch(`${host.api}/healthz`)).status).toBe(200)
  const { traces } = await settled()
  const rows = await storedIds(host)
  const stored = new Set(rows)
  expect(rows.length, `seed ${seed}: a span is stored twice`).toBe(stored.size)

  const sent = REQUESTS * SPANS
  const dropped = sum(traces.dropped)
  expect(book.unanswered.size + book.refused.size).toBe(0)
  expect([traces.received, traces.stored + dropped + traces.sampledOut + sum(traces.rejected)]).toEqual([sent, sent])
  expect(stored.size).toBe(traces.stored)
  expect(dropped, 'the flood was no flood').toBeGreaterThan(0)
  // Told as dropped at once, or taken and evicted for an error later: the answers cannot name more than the books do.
  const told = book.partial.reduce((total, { rejected }) => total + rejected, 0)
  expect(told).toBeLessThanOrEqual(dropped)
  expect(told).toBeGreaterThan(0)
  const lost = (ids: Iterable<number>) => [...ids].filter((id) => !stored.has(id)).length
  const normalShare = (sent - errors.size - (stored.size - (errors.size - lost(errors)))) / (sent - errors.size)
  expect(lost(errors)).toBe(traces.dropped.queue_full_error ?? 0)
  expect(lost(errors) / errors.size).toBeLessThan(normalShare / 2)
  process.stdout.write(
    `${JSON.stringify({ id: 27, seed, n: sent, stored: stored.size, dropped: traces.dropped, errors: errors.size, errorsLost: lost(errors) })}\n`,
  )

  // Afterwards it is as before: a single request is taken whole.
  const before = book.acknowledged.size
  await book.send(50)
  expect(book.acknowledged.size).toBe(before + 50)
}, 3_600_000)

it('one service floods and nine send as usual: what is dropped is the flood', async () => {
  host = await startTestHost({ 'pipeline.queueLimit': 1000, 'sampling.enabled': false })
  const flood = new IdSender(() => host.otlp)
  // 20 spans each: well below a tenth of the queue.
  const modest = Array.from({ length: 9 }, () => new IdSender(() => host.otlp))
  const letGo = holdWrites()
  try {
    // The first request is taken by the writer, which is held up; the rest waits or is dropped.
    while (flood.partial.length < 20) await flood.send(SPANS, () => ({ traceId: 'f'.repeat(32) }), 'flood')
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        modest.map((one, i) =>
          one.send(
            5,
            (id) => ({ traceId: `${i + 1}`.padStart(32, 'a'), spanId: `${(i + 1) * 1000 + id}`.padStart(16, '0') }),
            `modest-${i}`,
          ),
        ),
      )
      await flood.send(SPANS, () => ({ traceId: 'f'.repeat(32) }), 'flood')
    }
  } finally {
    letGo()
  }
  const { traces } = await settled()
  const { rows } = await host.get<{ rows: [string, number][] }>('/api/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'select service, count(*) from _traces group by 1', limit: 100 }),
  })
  const stored = new Map(rows)
  for (const [i, one] of modest.entries()) {
    expect([one.acknowledged.size, one.partial], `service ${i}`).toEqual([20, []])
    expect(stored.get(`modest-${i}`), `service ${i}`).toBe(20)
  }
  expect(sum(traces.dropped)).toBeGreaterThan(0)
  expect(traces.received).toBe(traces.stored + sum(traces.dropped))
  expect(stored.get('flood')).toBe(traces.stored - 180)
}, 120_000)

it('with pipeline.overflow=refuse nothing is dropped: what is not stored was refused with a time to come back', async () => {
  host = await startTestHost({ 'pipeline.queueLimit': 1, 'pipeline.overflow': 'refuse', 'sampling.enabled': false })
  const book = new IdSender(() => host.otlp)
  let requests = 0
  const letGo = holdWrites()
  const sending = async (): Promise<void> => {
    while (requests++ < REQUESTS) {
      await book.send(SPANS)
      if (book.refused.size > 0) letGo()
    }
  }
  await Promise.all(Array.from({ length: 16 }, sending))
  const { traces } = await settled()
  const stored = new Set(await storedIds(host))
  expect(book.refused.size).toBeGreaterThan(0)
  expect([traces.received, traces.stored, sum(traces.dropped)]).toEqual([book.acknowledged.size, stored.size, 0])
  expect([...book.acknowledged].filter((id) => !stored.has(id))).toEqual([])
  expect([...book.refused].filter((id) => stored.has(id))).toEqual([])
}, 3_600_000)

it('queries that ask too much, and clients that leave, cost the intake nothing', async () => {
  host = await startTestHost({ 'query.timeoutMs': 300, 'sampling.enabled': false })
  const book = new IdSender(() => host.otlp)
  for (let i = 0; i < 20; i++) await book.send(SPANS)
  const addresses = host
  const heavy =
    'select count(*) from _traces a, _traces b, _traces c where a.name like b.name and c.attributes not like a.attributes'
  const answers = await Promise.all([
    ...Array.from({ length: 25 }, () =>
      ask(addresses, '/api/sql', 'POST', { query: heavy }).then(
        () => 'answered',
        (error: Error) => error.message,
      ),
    ),
    ...Array.from({ length: 25 }, (_, i) => {
      const leaving = new AbortController()
      const query = encodeURIComponent('name=~"(a+)+$"')
      const call = fetch(`${addresses.api}/api/traces?q=${query}&start=0`, {
        headers: { authorization: `Bearer ${addresses.token}` },
        signal: leaving.signal,
      }).then(
        ({ status }) => String(status),
        () => 'left',
      )
      if (i % 2 === 0) leaving.abort()
      return call
    }),
    ...Array.from({ length: 20 }, () => book.send(SPANS).then(() => 'sent')),
  ])
  for (const answer of answers.slice(0, 25)) expect(answer).toMatch(/answered|query_timeout|overloaded/)
  expect(answers.slice(25, 50).filter((answer) => answer.startsWith('5') && answer !== '503')).toEqual([])
  const { traces } = await settled()
  expect([book.acknowledged.size, traces.stored]).toEqual([40 * SPANS, 40 * SPANS])
}, 120_000)
