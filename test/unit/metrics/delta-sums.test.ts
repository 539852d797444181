import { expect, it } from 'vitest'
import { DeltaSums } from '../../../core/formats/otlp/delta-sums.ts'
import { metricsFromJson } from '../../../core/formats/otlp/metrics-json.ts'
import { samplesFromOtlp } from '../../../core/formats/otlp/metrics-to-samples.ts'
import { SampleKind } from '../../../core/model/series.ts'
import { DEFAULT_LIMITS, STABLE_FEATURES } from '../../../core/query/promql/answer.ts'
import { evaluateQuery } from '../../../core/query/promql/evaluate-query.ts'
import { MemoryReader } from '../../fixtures/promqltest/memory-reader.ts'

const START = 1_700_000_000_000

/** One delta point; answers the samples made of it as [name, time, value or count of the histogram]. */
function take(deltas: DeltaSums, kind: 'sum' | 'exponentialHistogram', from: number, to: number, point: object) {
  const dataPoints = [{ startTimeUnixNano: `${START + from}000000`, timeUnixNano: `${START + to}000000`, ...point }]
  const metric = { name: 'orders', [kind]: { aggregationTemporality: 1, isMonotonic: true, dataPoints } }
  const { resources } = metricsFromJson({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] })
  const { batch, rejected, points } = samplesFromOtlp(resources, deltas, 0)
  const samples = Array.from(batch.times, (time, i) => {
    const histogram = batch.kinds[i] === SampleKind.histogram ? batch.histograms.get(i) : undefined
    return [time - START, histogram ? histogram.count : batch.values[i]]
  })
  return { samples, rejected, points, histograms: [...batch.histograms.values()] }
}

it('starts each total with a zero, so that after a restart the whole first delta counts', () => {
  const first = new DeltaSums()
  expect(take(first, 'sum', 0, 10_000, { asInt: '3' })).toMatchObject({
    points: 1,
    samples: [
      [1, 0],
      [10_000, 3],
    ],
  })
  expect(take(first, 'sum', 10_000, 20_000, { asInt: '4' }).samples).toEqual([[20_000, 7]])
  expect(take(first, 'sum', 10_000, 20_000, { asInt: '4' }).rejected[0].reason).toBe('delta_out_of_order')
  // Another process: 7, then 0, then 12 grows by 12; 7 and then 12 would by 5.
  expect(take(new DeltaSums(), 'sum', 20_000, 30_000, { asInt: '12' }).samples).toEqual([
    [20_001, 0],
    [30_000, 12],
  ])
})

it('gives a rate over a restart that is neither lost nor a spike', async () => {
  const deltas = [3, 4, 12, 5, 1, 9]
  const reader = new MemoryReader()
  let sums = new DeltaSums()
  deltas.forEach((delta, i) => {
    // Glassbox starts anew before the third and the fifth.
    if (i % 2 === 0) sums = new DeltaSums()
    const { samples } = take(sums, 'sum', i * 10_000, (i + 1) * 10_000, { asInt: String(delta) })
    reader.add(
      [['__name__', 'orders_total']],
      samples.map(([time, value]) => ({ time: START + time, value, histogram: null, stale: false })),
    )
  })
  const settings = { features: STABLE_FEATURES, limits: DEFAULT_LIMITS, lookbackMs: 300_000, subqueryStepMs: 60_000 }
  const ask = async (query: string, seconds: number): Promise<number> => {
    const time = START + seconds * 1000
    const { value } = await evaluateQuery(
      { query, start: time, end: time, step: 0 },
      settings,
      reader,
      new Int32Array(1),
    )
    return value.type === 'vector' ? value.samples[0].value : Number.NaN
  }
  expect(await ask('increase(orders_total[60s])', 60)).toBeCloseTo(3 + 4 + 12 + 5 + 1 + 9, 1)
  expect(await ask('resets(orders_total[60s])', 60)).toBe(2)
  for (let seconds = 20; seconds <= 60; seconds += 5) {
    const rate = await ask('rate(orders_total[20s])', seconds)
    expect(rate).toBeGreaterThan(0)
    expect(rate).toBeLessThanOrEqual(1.7)
  }
})

it('adds exponential histograms up at the coarser of two scales', () => {
  const deltas = new DeltaSums()
  const point = (scale: number, offset: number, bucketCounts: string[]) => {
    const count = bucketCounts.reduce((sum, one) => sum + Number(one), 0)
    return { scale, count: String(count), sum: 1, positive: { offset, bucketCounts } }
  }
  const first = take(deltas, 'exponentialHistogram', 0, 10, point(1, -3, ['1', '2', '3', '4']))
  expect(first.samples).toEqual([
    [1, 0],
    [10, 10],
  ])
  // Buckets -3..0 of scale 1 are -2..0 of scale 0: -3 alone, -2 and -1, 0.
  const second = take(deltas, 'exponentialHistogram', 10, 20, point(0, 0, ['5']))
  expect(second.samples).toEqual([[20, 15]])
  expect(second.histograms[0]).toMatchObject({
    schema: 0,
    positive: { spans: [{ offset: -1, length: 3 }], counts: [1, 5, 9] },
  })
})
