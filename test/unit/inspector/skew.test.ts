import { expect, it } from 'vitest'
import { layoutTrace } from '../../../renderer/features/inspector/derive/layout.ts'
import { makeTrace, type TestSpan } from './make-trace.ts'

const CLIENT = 3
const SERVER = 2
const ahead: TestSpan[] = [
  { id: 2, parent: 1, start: 0, dur: 40, resource: 1, service: 'stock', kind: SERVER },
  { id: 3, parent: 2, start: 10, dur: 10, resource: 1, service: 'stock' },
  { id: 1, start: 50, dur: 60, kind: CLIENT },
]

it('centres a server that began before its client, and what it did moves along', () => {
  const layout = layoutTrace(makeTrace(ahead), true)
  expect([...layout.start]).toEqual([60, 70, 50])
  expect(layout.shifts).toEqual([{ service: 'stock', shift: 60, spans: 2 }])
})

it('says what it would do, and does nothing, when it is off', () => {
  const layout = layoutTrace(makeTrace(ahead), false)
  expect([...layout.start]).toEqual([0, 10, 50])
  expect(layout.shifts).toHaveLength(1)
})

it('leaves asynchronous work, a server that runs on after its client gave up, and spans of one process alone', () => {
  const layout = layoutTrace(
    makeTrace([
      { id: 1, start: 0, dur: 10, kind: 4 },
      { id: 2, parent: 1, start: 5000, dur: 9000, resource: 1, kind: 5 },
      { id: 3, start: 100, dur: 50, kind: CLIENT, status: 2 },
      { id: 4, parent: 3, start: 170, dur: 400, resource: 1, kind: SERVER },
      { id: 5, parent: 3, start: 90, dur: 5 },
    ]),
    true,
  )
  expect(layout.shifts).toEqual([])
})
