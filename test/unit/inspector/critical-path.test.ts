import { expect, it } from 'vitest'
import { layoutTrace } from '../../../renderer/features/inspector/derive/layout.ts'
import { makeTrace, type TestSpan } from './make-trace.ts'

const path = (spans: readonly TestSpan[]) => {
  const { critical } = layoutTrace(makeTrace(spans), false)
  return [...critical.span].map((span, i) => [spans[span].id, critical.from[i], critical.to[i]]).reverse()
}

it('follows the child that ended last, and the span itself in between', () => {
  expect(
    path([
      { id: 1, start: 0, dur: 100 },
      { id: 2, parent: 1, start: 10, dur: 30 },
      { id: 3, parent: 1, start: 20, dur: 60 },
    ]),
  ).toEqual([
    [1, 0, 20],
    [3, 20, 80],
    [1, 80, 100],
  ])
})

it('goes on with the child that ended before the last one began', () => {
  expect(
    path([
      { id: 1, start: 0, dur: 100 },
      { id: 2, parent: 1, start: 10, dur: 30 },
      { id: 4, parent: 2, start: 15, dur: 20 },
      { id: 3, parent: 1, start: 50, dur: 40 },
    ]),
  ).toEqual([
    [1, 0, 10],
    [2, 10, 15],
    [4, 15, 35],
    [2, 35, 40],
    [1, 40, 50],
    [3, 50, 90],
    [1, 90, 100],
  ])
})

it('clips a child that outlives its parent and leaves out one that begins after it', () => {
  expect(
    path([
      { id: 1, start: 0, dur: 100 },
      { id: 2, parent: 1, start: 60, dur: 500 },
      { id: 3, parent: 1, start: 200, dur: 500 },
    ]).filter(([id]) => id !== 3),
  ).toEqual([
    [1, 0, 60],
    [2, 60, 100],
  ])
})

it('is empty for a trace without spans and for one without length', () => {
  expect(path([])).toEqual([])
  expect(path([{ id: 1, start: 0, dur: 0 }])).toEqual([])
})
