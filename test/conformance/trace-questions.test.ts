import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { engines, type OpenedStore } from './engines.ts'
import { MS, type SpanInput, spanBatch, T0, traceQuery } from './telemetry-rows.ts'

/** Requests that are slow in one of two pools alone; every request has a user of its own. */
function requests(): SpanInput[] {
  return Array.from({ length: 600 }, (_, i): SpanInput[] => {
    const slow = i % 20 === 0
    const pool = slow || i % 50 === 1 ? 'orders-2' : 'orders-1'
    const attributes = [
      { key: 'user.id', value: { stringValue: `u${i}` } },
      { key: 'shard', value: { intValue: String(i % 4) } },
      ...(slow ? [{ key: 'retry.id', value: { stringValue: `r${i}` } }] : []),
    ]
    return [
      { trace: i + 1, span: i * 2 + 1, at: i, dur: slow ? 900 : 20, attributes },
      {
        trace: i + 1,
        span: i * 2 + 2,
        parent: i * 2 + 1,
        service: 'orders',
        name: 'SELECT orders',
        kind: 3,
        at: i + 1,
        dur: slow ? 800 : 5,
        status: slow && i % 40 === 0 ? 2 : 0,
        resource: [{ key: 'db.pool', value: { stringValue: pool } }],
      },
    ]
  }).flat()
}

const both = engines()
beforeAll(async () => {
  for (const engine of both) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of both) await engine.stop()
})

describe.each(both)('$name', (engine) => {
  let opened: OpenedStore
  let store: TelemetryStore
  beforeAll(async () => {
    opened = await engine.open()
    store = opened.store
    // Roots and children come apart, so that every trace lies in two blocks.
    const spans = requests()
    await store.writer.write({ spans: [spanBatch(spans.filter(({ parent }) => !parent))], logs: [] })
    await store.writer.write({ spans: [spanBatch(spans.filter(({ parent }) => parent))], logs: [] })
  })
  afterAll(() => opened.close())

  it('ranks what sets a selection of traces apart, and passes over what is chance or differs for each', async () => {
    const selection = { start: T0, end: T0 + 600 * MS, minDuration: 500 * MS, maxDuration: null }
    const answer = await store.reader.compareSelection(traceQuery(), selection)
    expect(answer.selection).toEqual({ traces: 30, of: 30 })
    expect(answer.rest).toEqual({ traces: 570, of: 570 })
    expect(answer.keys.map(({ key }) => key)).toEqual(['retry.id', 'db.pool', 'shard', 'status'])
    const [retry, pool, shard, status] = answer.keys
    expect(retry).toMatchObject({ selection: 30, rest: 0, values: [{ value: null, selection: 30, rest: 0 }] })
    expect(pool.values).toMatchObject([
      { value: 'orders-2', selection: 30, rest: 12 },
      { value: 'orders-1', selection: 0, rest: 558 },
    ])
    expect(pool.values[0].difference).toBeGreaterThan(0.6)
    expect(pool.values[1].difference).toBeLessThan(-0.6)
    expect(status.values[0]).toMatchObject({ value: 'error', selection: 15, rest: 0 })
    // Every twentieth request is slow, so all of them fall on one shard of four.
    expect(shard.values[0]).toMatchObject({ value: '0', selection: 30, rest: 120 })
    expect(answer.keys.some(({ key }) => key === 'user.id')).toBe(false)

    const filtered = { ...traceQuery(), service: 'nobody' }
    expect(await store.reader.compareSelection(filtered, selection)).toMatchObject({
      selection: { traces: 0, of: 0 },
      rest: { traces: 0, of: 0 },
      keys: [],
    })
  })
})
