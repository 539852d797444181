import { afterEach, describe, expect, test } from 'vitest'
import { SampleKind, type SeriesSamples } from '../../../core/model/series.ts'
import { ALL_FEATURES } from '../../../core/query/promql/answer.ts'
import { createPromqlEngine, type PromqlEngine } from '../../../core/query/promql/engine.ts'
import type { MetricReader } from '../../../core/storage/metric-store.ts'

let engine: PromqlEngine | null = null
afterEach(async () => {
  await engine?.stop()
  engine = null
})

function counter(job: string, count: number): SeriesSamples {
  return {
    labels: [
      ['__name__', 'requests_total'],
      ['job', job],
    ],
    times: Float64Array.from({ length: count }, (_, i) => i * 15_000),
    values: Float64Array.from({ length: count }, (_, i) => i * 3),
    kinds: null,
    histograms: null,
  }
}

const readerOf = (...series: SeriesSamples[]): Pick<MetricReader, 'select'> => ({
  select: async () => ({ series, downsampled: false }),
})

describe('the engine on its threads', () => {
  test('evaluates instant and range queries', async () => {
    engine = createPromqlEngine({
      reader: { select: async () => ({ series: [counter('a', 41), counter('b', 41)], downsampled: true }) },
    })
    const instant = await engine.instant('sum(rate(requests_total[5m]))', 600_000)
    expect(instant).toMatchObject({ warnings: [], infos: [], samplesRead: 82, downsampled: true })
    expect(instant.value).toMatchObject({ type: 'vector', samples: [{ labels: [], time: 600_000, histogram: null }] })
    expect(instant.value.type === 'vector' && instant.value.samples[0].value).toBeCloseTo(0.4, 9)

    const range = await engine.range('requests_total{job="a"}', 0, 30_000, 15_000)
    if (range.value.type !== 'matrix') throw new Error('not a matrix')
    expect(range.value.series.map((series) => [...series.values])).toEqual([
      [0, 3, 6],
      [0, 3, 6],
    ])
    expect([...range.value.series[0].times]).toEqual([0, 15_000, 30_000])
  })

  test('hands on what a reader says, with its code', async () => {
    const { GlassboxError } = await import('../../../core/base/errors.ts')
    engine = createPromqlEngine({
      reader: { select: () => Promise.reject(new GlassboxError('query_too_large', 'too much')) },
    })
    await expect(engine.instant('x', 0)).rejects.toMatchObject({ code: 'query_too_large', message: 'too much' })
  })

  test('tells parse and evaluation errors apart', async () => {
    engine = createPromqlEngine({ reader: readerOf(counter('a', 3), counter('b', 3)) })
    await expect(engine.instant('sum(', 0)).rejects.toMatchObject({
      code: 'bad_promql',
      message: '1:5: parse error: unclosed left parenthesis',
    })
    await expect(engine.instant('requests_total * on() requests_total', 30_000)).rejects.toMatchObject({
      code: 'promql_failed',
      message: expect.stringContaining('many-to-many matching not allowed'),
    })
    await expect(engine.instant('mad_over_time(x[5m])', 0)).rejects.toMatchObject({
      message: '1:1: parse error: function "mad_over_time" is not enabled',
    })
  })

  test('keeps to its limits and says which', async () => {
    engine = createPromqlEngine({
      reader: readerOf(counter('a', 100), counter('b', 100)),
      limits: { maxSamples: 150, maxSeries: 1, maxPoints: 10 },
    })
    await expect(engine.instant('requests_total', 0)).rejects.toMatchObject({
      code: 'query_too_large',
      message: 'The query reads more than 1 series.',
    })
    await expect(engine.range('1', 0, 11_000, 1000)).rejects.toMatchObject({
      code: 'bad_request',
      message: expect.stringContaining('exceeded maximum resolution of 10 points per timeseries'),
    })
    const small = createPromqlEngine({ reader: readerOf(counter('a', 200)), limits: { maxSamples: 150 } })
    try {
      await expect(small.instant('requests_total', 0)).rejects.toMatchObject({
        code: 'query_too_large',
        message: 'query processing would load too many samples into memory in query execution',
      })
    } finally {
      await small.stop()
    }
  })

  test('stops a query that is cancelled, while it waits for samples and while it computes', async () => {
    const asked = Promise.withResolvers<void>()
    engine = createPromqlEngine({
      workers: 1,
      reader: {
        select: (_query, context) =>
          new Promise((_resolve, reject) => {
            asked.resolve()
            context?.signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
          }),
      },
    })
    const abort = new AbortController()
    const waiting = engine.instant('x', 0, { signal: abort.signal })
    await asked.promise
    abort.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'query_cancelled' })

    const busy = createPromqlEngine({ workers: 1, reader: readerOf(), features: ALL_FEATURES })
    try {
      // Nested subqueries over nothing but time: far more steps than fit into the time limit.
      const endless = 'max_over_time(sum_over_time(vector(time())[30d:1s])[30d:1s])'
      await expect(busy.instant(endless, 0, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'query_timeout' })
      expect((await busy.instant('1 + 1', 0)).value).toEqual({ type: 'scalar', time: 0, value: 2 })
    } finally {
      await busy.stop()
    }
  })

  test('refuses more than may wait', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<{ series: SeriesSamples[]; downsampled: boolean }>()
    engine = createPromqlEngine({
      workers: 1,
      maxWaiting: 1,
      reader: {
        select: () => {
          asked.resolve()
          return answer.promise
        },
      },
    })
    const first = engine.instant('x', 0)
    await asked.promise
    const second = engine.instant('1', 0)
    await expect(engine.instant('2', 0)).rejects.toMatchObject({ code: 'overloaded' })
    answer.resolve({ series: [], downsampled: false })
    expect((await first).value).toEqual({ type: 'vector', samples: [] })
    expect((await second).value).toMatchObject({ value: 1 })
  })

  test('native histograms come back as they went in', async () => {
    const histogram = {
      schema: 0,
      counterReset: 'gauge' as const,
      zeroThreshold: 0.5,
      zeroCount: 1,
      count: 6,
      sum: 9,
      positive: {
        spans: [
          { offset: -1, length: 2 },
          { offset: 3, length: 1 },
        ],
        counts: [1, 2, 1],
      },
      negative: { spans: [{ offset: 2, length: 1 }], counts: [1] },
      customValues: null,
    }
    engine = createPromqlEngine({
      reader: readerOf({
        labels: [['__name__', 'h']],
        times: Float64Array.of(0),
        values: Float64Array.of(Number.NaN),
        kinds: Uint8Array.of(SampleKind.histogram),
        histograms: [histogram],
      }),
    })
    expect((await engine.instant('h', 0)).value).toMatchObject({ samples: [{ histogram }] })
  })
})
