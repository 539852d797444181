import { expect, it } from 'vitest'
import { packSeries, unpackSeries } from '../../../core/model/packed-series.ts'
import type { SeriesSamples } from '../../../core/model/series.ts'
import { compareKeys, labelOfKey, packKeys, seriesKey, unpackKeys } from '../../../core/model/series-key.ts'
import { compareLabels } from '../../../core/query/promql/eval/labels.ts'

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

it('series come out of the pack by their labels, histograms and stale markers as they went in, empty ones left out', () => {
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
  expect(unpackSeries(packSeries([...series].reverse()))).toEqual([series[0], series[2]])
  expect(unpackSeries(packSeries([]))).toEqual([])
})

it('keys cross as one text, and their order is that of the label sets', () => {
  const sets: [string, string][][] = [
    [['a', 'b']],
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
    [['a', 'b!']],
    [['a!', 'b']],
    [['ab', '']],
    [['名前', '😀']],
  ]
  const keys = sets.map(seriesKey)
  expect(unpackKeys(packKeys(keys))).toEqual(keys)
  expect(unpackKeys(packKeys([]))).toEqual([])
  expect([...keys].reverse().sort(compareKeys)).toEqual(keys)
  expect([...sets].reverse().sort(compareLabels)).toEqual(sets)
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
