import { expect, it } from 'vitest'
import type { FigureSeries } from '../../../core/model/answers.ts'
import { piecesOf, windowFigures } from '../../../renderer/features/inspector/derive/figures.ts'

const series = (covers: boolean, points: [number, number][]): FigureSeries => ({
  group: 'cpu',
  unit: 'ratio',
  metric: 'm',
  covers,
  interval: 10,
  points,
})

it('takes a rate for the time before its sample, and leaves the silence of a sender open', () => {
  const pieces = piecesOf(
    series(true, [
      [10, 1],
      [20, 3],
      [100, 5],
    ]),
  )
  expect(pieces.map(({ from, to, b }) => [from, to, b])).toEqual([
    [0, 10, 1],
    [10, 20, 3],
    [90, 100, 5],
  ])
  expect(windowFigures(pieces, 5, 15)).toEqual({ mean: 2, most: 3 })
  expect(windowFigures(pieces, 40, 60)).toBeNull()
})

it('reads a level between its samples and a moment without length', () => {
  const pieces = piecesOf(
    series(false, [
      [0, 0],
      [10, 10],
      [80, 4],
    ]),
  )
  expect(windowFigures(pieces, 5, 5)).toEqual({ mean: 5, most: 5 })
  expect(windowFigures(pieces, 2, 4)?.mean).toBeCloseTo(3)
  // The last level before the silence holds for one interval, no longer.
  expect(windowFigures(pieces, 15, 15)?.mean).toBe(10)
  expect(windowFigures(pieces, 40, 50)).toBeNull()
})
