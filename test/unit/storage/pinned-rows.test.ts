import { afterEach, beforeEach, expect, it } from 'vitest'
import { logBatch, logQuery, spanBatch, T0, traceId, traceQuery } from '../../conformance/telemetry-rows.ts'
import { TestStore } from '../storage-read/test-store.ts'

let store: TestStore
beforeEach(() => {
  store = new TestStore(T0 / 1000)
})
afterEach(() => store.stop())

const found = (): string[] => store.searchTraces(traceQuery()).items.map((one) => one.traceId)

it('carries rows of pinned traces over when their block goes by age, again and again, and over a restart', () => {
  const spans = [
    { trace: 1, span: 1, at: 0 },
    { trace: 1, span: 2, parent: 1, at: 1 },
    { trace: 2, span: 3, at: 2 },
  ]
  const logs = [
    { at: 0, body: 'of the pinned one', trace: 1 },
    { at: 1, body: 'of the other', trace: 2 },
    { at: 2, body: 'of none' },
  ]
  store.write([spanBatch(spans)], [logBatch(logs)])
  store.setPinned([traceId(1)])
  store.passHours(200)
  expect(store.retain(24)).toMatchObject({ spans: 1, logs: 2 })
  store.restart()
  store.setPinned([traceId(1)])
  expect(store.retain(24)).toMatchObject({ spans: 0, logs: 0, bytesFreed: 0 })
  expect(found()).toEqual([traceId(1)])
  expect(store.trace(traceId(1))).toMatchObject({ spans: [{}, {}], logs: [{ body: 'of the pinned one' }] })
  expect(store.searchLogs(logQuery()).items.map((one) => one.body)).toEqual(['of the pinned one'])
  expect(() => store.trace(traceId(2))).toThrow(/removed by retention/)
  expect(store.findDamage()).toEqual([])
  store.setPinned([])
  expect(store.retain(24)).toMatchObject({ spans: 2, logs: 1 })
  expect(() => store.trace(traceId(1))).toThrow(/removed by retention/)
})

it('does not let pinned traces take the room of new ones', () => {
  store.write([spanBatch([{ trace: 1, span: 1, at: 0 }])], [])
  store.setPinned([traceId(1)])
  store.write([spanBatch([{ trace: 2, span: 2, at: 5 }])], [])
  const { bytes } = store.stats().traces
  expect(store.retain(1000, bytes * 0.75).spans).toBe(0)
  expect(found()).toEqual([traceId(2), traceId(1)])
  expect(store.retain(1000, 1).spans).toBe(1)
  expect(found()).toEqual([traceId(1)])
})
