import { describe, expect, it } from 'vitest'
import { timeTicks } from '../../../renderer/ui/axis.ts'
import { exemplarAt, nearestByHeight, pointsAt } from '../../../renderer/ui/chart/hit.ts'
import {
  labelSides,
  type Plot,
  reachOf,
  spreadLabels,
  timeAt,
  valueTicks,
  xOf,
  yOf,
} from '../../../renderer/ui/chart/scale.ts'
import {
  type ChartSeries,
  extremes,
  limitSeries,
  nearestIndex,
  pointNear,
  withGaps,
} from '../../../renderer/ui/chart/series.ts'
import { chartSummary } from '../../../renderer/ui/chart/summary.ts'
import { inputTime } from '../../../renderer/ui/format-time.ts'

const series = (id: string, values: (number | null)[], step = 10): ChartSeries => ({
  id,
  name: id,
  colour: '--accent',
  times: values.map((_, i) => i * step),
  values,
})
const plot: Plot = { left: 50, right: 250, top: 10, bottom: 110, start: 0, end: 100, low: 0, high: 10 }

describe('lines', () => {
  it('draws a gap where points are missing, and never a zero', () => {
    const { times, values } = withGaps(
      [
        [0, 1],
        [10, 2],
        [40, 3],
        [50, Number.NaN],
      ],
      10,
    )
    expect(times).toEqual([0, 10, 25, 40, 50])
    expect(values).toEqual([1, 2, null, 3, null])
  })

  it('finds the nearest point that is no gap, within reach', () => {
    expect([-5, 4, 6, 999].map((time) => nearestIndex([0, 10, 20], time))).toEqual([0, 0, 1, 2])
    expect(nearestIndex([], 5)).toBe(-1)
    const one = series('a', [1, null, 3])
    expect(pointNear(one, 10, 15)?.index).toBe(0)
    expect(pointNear(one, 18, 15)?.value).toBe(3)
    expect(pointNear(one, 90, 15)).toBeNull()
    expect(extremes(series('b', [null, 4, 2, null, 3]))).toEqual({
      last: { time: 40, value: 3 },
      least: { time: 20, value: 2 },
      most: { time: 10, value: 4 },
    })
    expect(extremes(series('c', [null]))).toBeNull()
  })

  it('keeps the highest lines and adds the rest up', () => {
    const all = [series('low', [1, 1]), series('high', [9, 1]), series('mid', [2, null])]
    const kept = limitSeries(all, 2, 'other')
    expect(kept.map(({ id }) => id)).toEqual(['high', 'other'])
    expect(kept[1].values).toEqual([3, 1])
    expect(limitSeries(all, 3, 'other')).toBe(all)
  })
})

describe('axes', () => {
  it.each([
    [0, 2.41, 'decimal', [0, 0.5, 1, 1.5, 2, 2.5]],
    [0, 1, 'decimal', [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0, 0, 'decimal', [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [-3, 7, 'decimal', [-4, -2, 0, 2, 4, 6, 8]],
    [0, 5.2 * 1024 ** 3, 'binary', [0, 2, 4, 6].map((gib) => gib * 1024 ** 3)],
    [0, 130e6, 'time', [0, 30e6, 60e6, 90e6, 120e6, 150e6]],
  ] as const)('%d to %d in %s has round ticks that hold every value', (least, most, base, at) => {
    const ticks = valueTicks(least, most, 5, base)
    expect(ticks.at).toEqual(at)
    expect(ticks.low).toBeLessThanOrEqual(least)
    expect(ticks.high).toBeGreaterThanOrEqual(most)
  })

  it('keeps ticks on round hours where the clocks change, each with its own offset', () => {
    const start = Date.parse('2026-03-28T22:00:00Z') * 1000
    const { at } = timeTicks(start, start + 12 * 3600e6, 6, 'Europe/Berlin')
    const shown = at.map((time) => inputTime(time, 'Europe/Berlin').slice(11))
    expect(shown.every((text) => text.endsWith(':00:00'))).toBe(true)
    expect(shown).toContain('06:00:00')
    expect(new Set(at).size).toBe(at.length)
  })

  it('puts labels apart without leaving the plot', () => {
    expect(spreadLabels([100, 101, 99], 14, 0, 110)).toEqual([96, 110, 82])
    expect(spreadLabels([10, 50], 14, 0, 110)).toEqual([10, 50])
  })

  it('writes labels of marks beside each other, and none where there is no room', () => {
    const sides = (...places: number[]) =>
      labelSides(
        places.map((x) => ({ x, label: 'deploy' })),
        { left: 50, right: 400 },
        () => 40,
      )
    expect(sides(60, 150, 395)).toEqual(['after', 'before', 'before'])
    expect(sides(100, 104, 150)).toEqual([null, 'before', 'before'])
  })
})

describe('under the pointer', () => {
  it('reads x and y back', () => {
    expect(xOf(plot, 50)).toBe(150)
    expect(timeAt(plot, 150)).toBe(50)
    expect([timeAt(plot, 0), timeAt(plot, 999)]).toEqual([0, 100])
    expect(yOf(plot, 10)).toBe(10)
    expect(reachOf(plot, 20)).toBe(30)
    expect(reachOf(plot, 1)).toBe(12)
  })

  it('takes points by x over the whole plot, and of them the line nearest to the pointer', () => {
    const lines = [series('p50', [1, 1, 1]), series('p99', [8, 9, null]), { ...series('ghost', [5, 5]), ghost: true }]
    const points = pointsAt(lines, plot, 11)
    expect(points.map(({ series: { id }, value }) => [id, value])).toEqual([
      ['p50', 1],
      ['p99', 9],
    ])
    expect(nearestByHeight(points, plot, 5)?.series.id).toBe('p99')
    expect(nearestByHeight(points, plot, 109)?.series.id).toBe('p50')
    expect(nearestByHeight([], plot, 5)).toBeNull()
  })

  it('hits a dot only when near', () => {
    const dots = [{ time: 50, value: 5, traceId: 'a' }]
    expect(exemplarAt(dots, plot, 155, 62)?.traceId).toBe('a')
    expect(exemplarAt(dots, plot, 165, 62)).toBeNull()
  })
})

it('says in one sentence what a chart shows', () => {
  const say = (key: string, named: Record<string, unknown>): string => `${key} ${JSON.stringify(named)}`
  const text = chartSummary('CPU', [series('a', [1, 3, 2])], String, (time) => `t${time}`, say)
  expect(text).toContain('chart.summary ')
  expect(text).toContain('\\"last\\":\\"2\\"')
  expect(text).toContain('\\"when\\":\\"t10\\"')
  expect(chartSummary('CPU', [series('a', [null])], String, String, say)).toContain('chart.summaryNone')
})
