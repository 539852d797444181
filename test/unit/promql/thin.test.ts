import { expect, it } from 'vitest'
import { thinSeries } from '../../../core/query/promql/thin.ts'

it('keeps lows, highs and the newest point of a long series, in order and within the limit', () => {
  const n = 10_000
  const values = Float64Array.from({ length: n }, (_, i) => Math.sin(i / 50))
  values[1234] = 99
  values[5678] = -99
  const times = Float64Array.from({ length: n }, (_, i) => i * 1000)
  const thin = thinSeries({ labels: [], times, values, histograms: null }, 0, (n - 1) * 1000, 200)
  expect(thin.times.length).toBeLessThanOrEqual(200)
  expect(thin.times.length).toBeGreaterThan(150)
  expect([...thin.values]).toContain(99)
  expect([...thin.values]).toContain(-99)
  expect(thin.times[thin.times.length - 1]).toBe((n - 1) * 1000)
  expect([...thin.times].every((time, i) => i === 0 || time > thin.times[i - 1])).toBe(true)
  for (const [i, time] of thin.times.entries()) expect(thin.values[i]).toBe(values[time / 1000])
})

it('leaves short series and gaps alone', () => {
  const short = { labels: [], times: Float64Array.of(1, 2), values: Float64Array.of(3, 4), histograms: null }
  expect(thinSeries(short, 0, 10, 2)).toBe(short)
  const times = Float64Array.of(0, 1, 2, 3, 90, 91, 92, 93)
  const values = Float64Array.of(1, 2, 3, 4, 4, 3, 2, 1)
  const thin = thinSeries({ labels: [], times, values, histograms: null }, 0, 99, 4)
  expect([...thin.times]).toEqual([0, 3, 90, 93])
})
