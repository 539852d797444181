import { afterEach, expect, it } from 'vitest'
import { decodeSamples, encodeSamples } from '../../../core/backup/archive/sample-part.ts'
import type { NativeHistogram } from '../../../core/model/native-histogram.ts'
import { packSamples } from '../../../core/model/packed-samples.ts'
import type { Labels, SeriesSamples } from '../../../core/model/series.ts'
import { scanSamples } from '../../../core/storage/sqlite/metrics/scan-samples.ts'
import { openReadConnection } from '../../../core/storage/sqlite/read/read-methods.ts'
import { seededRandom } from '../../demo/shop.ts'
import { type OneSample, TestMetrics } from '../metrics/test-metrics.ts'

const NOW = Date.UTC(2026, 5, 10, 12)
const stores: TestMetrics[] = []
afterEach(() => {
  for (const store of stores.splice(0)) store.close()
})

function opened(): TestMetrics {
  const store = new TestMetrics(NOW)
  stores.push(store)
  return store
}

const histogram = (count: number): NativeHistogram => ({
  schema: 3,
  counterReset: 'not_reset',
  zeroThreshold: 1e-128,
  zeroCount: 2,
  count,
  sum: Number.POSITIVE_INFINITY,
  positive: { spans: [{ offset: -2, length: 2 }], counts: [count - 3, 1] },
  negative: { spans: [], counts: [] },
  customValues: null,
})

const seriesOf = (number: number): Labels => [
  ['__name__', 'requests'],
  ['instance', `\u8bed ${number}`],
]

function scanned({ dataDir }: TestMetrics): SeriesSamples[] {
  const db = openReadConnection(dataDir)
  try {
    return [...scanSamples(db, 0, Number.MAX_SAFE_INTEGER)]
  } finally {
    db.close()
  }
}

it('a scan has every sample once, wherever it lies, and comes back through an archive', () => {
  const seed = 20_261_130
  const random = seededRandom(seed)
  const store = opened()
  let time = NOW - 3_600_000
  for (let round = 0; round < 4; round++) {
    const samples: OneSample[] = []
    for (let i = 0; i < 400; i++) {
      time += 1000
      const late = random() < 0.1 ? Math.floor(random() * 600_000) : 0
      const number = Math.floor(random() * 70)
      const kind = number % 10 === 0 ? 2 : random() < 0.02 ? 1 : 0
      samples.push({
        labels: seriesOf(number),
        time: time - late,
        value: kind === 0 ? (random() < 0.5 ? Math.round(random() * 1000) : random() * 1e9) : Number.NaN,
        kind,
        ...(kind === 2 ? { histogram: histogram(3 + Math.floor(random() * 9)) } : {}),
      })
    }
    store.write(samples)
    store.writer.metrics.flush()
    if (round === 1) store.writer.metrics.compact()
  }
  const found = scanned(store)
  const { series: expected } = store.select([{ name: '__name__', op: '=', value: 'requests' }], 0, NOW * 2)
  const byLabels = (list: SeriesSamples[]) =>
    new Map(
      list.map(({ labels, times, values, kinds, histograms }) => [
        JSON.stringify(labels),
        { times: [...times], values: [...values], kinds: kinds && [...kinds], histograms },
      ]),
    )
  expect(found.length, `seed ${seed}`).toBe(expected.length)
  expect(byLabels(found)).toEqual(byLabels(expected))

  const batch = decodeSamples(encodeSamples(found))
  const other = opened()
  const { stored, rejected } = other.writer.metrics.write(packSamples(batch).packed)
  expect({ stored, rejected }).toEqual({
    stored: found.reduce((sum, { times }) => sum + times.length, 0),
    rejected: [],
  })
  other.writer.metrics.flush()
  expect(byLabels(scanned(other))).toEqual(byLabels(found))
})
