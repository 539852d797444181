import { expect, it } from 'vitest'
import { packSeries, unpackSeries } from '../../../core/model/packed-series.ts'
import type { SeriesSamples } from '../../../core/model/series.ts'
import { labelOfKey, seriesKey } from '../../../core/model/series-key.ts'

const native = {
  schema: 0,
  count: 3,
  sum: 4,
  zeroThreshold: 0.001,
  zeroCount: 0,
  positive: { spans: [{ offset: 0, length: 1 }], counts: [3] },
  negative: { spans: [], counts: [] },
  customValues: null,
  counterReset: 'unknown' as const,
}

it('series come out of the pack as they went in, histograms, stale markers and empty ones among them', () => {
  const series: SeriesSamples[] = [
    {
      labels: [['__name__', 'a']],
      times: Float64Array.of(1, 2),
      values: Float64Array.of(5, -0),
      kinds: null,
      histograms: null,
    },
    {
      labels: [['job', 'x y']],
      times: new Float64Array(0),
      values: new Float64Array(0),
      kinds: null,
      histograms: null,
    },
    {
      labels: [
        ['__name__', 'b'],
        ['le', '+Inf'],
      ],
      times: Float64Array.of(1, 2, 3),
      values: Float64Array.of(Number.NaN, Number.NaN, 7),
      kinds: Uint8Array.of(2, 1, 0),
      histograms: [native, null, null],
    },
  ]
  expect(unpackSeries(packSeries(series))).toEqual(series)
  expect(unpackSeries(packSeries([]))).toEqual([])
})

it('one label is read from a key without mistaking a value for a name', () => {
  const key = seriesKey([
    ['__name__', 'job'],
    ['instance', ''],
    ['job', 'a'],
    ['jobs', 'b'],
  ])
  expect(['__name__', 'instance', 'job', 'jobs', 'jo', 'a', ''].map((name) => labelOfKey(key, name))).toEqual([
    'job',
    '',
    'a',
    'b',
    '',
    '',
    '',
  ])
  expect(labelOfKey('', 'a')).toBe('')
})
