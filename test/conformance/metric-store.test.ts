import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NativeHistogram } from '../../core/model/native-histogram.ts'
import type { Labels, Matcher } from '../../core/model/series.ts'
import type { SelectQuery } from '../../core/storage/metric-store.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { batchOf, type OneSample } from '../unit/metrics/test-metrics.ts'
import { engines, type OpenedStore } from './engines.ts'

const both = engines()
beforeAll(async () => {
  for (const engine of both) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of both) await engine.stop()
})

/** Samples lie in the last hours, as the stores run on the clock of the machine. */
const NOW = Math.floor(Date.now() / 1000) * 1000
const HOUR = 3_600_000
const named = (name: string, more: [string, string][] = []): Labels => [['__name__', name], ...more]
const is = (name: string, value: string): Matcher => ({ name, op: '=', value })
const query = (matchers: Matcher[], change: Partial<SelectQuery> = {}): SelectQuery => ({
  matchers,
  start: NOW - 24 * HOUR,
  end: NOW,
  step: 0,
  func: null,
  maxSamples: 1_000_000,
  ...change,
})
const histogram: NativeHistogram = {
  schema: 3,
  counterReset: 'unknown',
  zeroThreshold: 1e-128,
  zeroCount: 2,
  count: 12,
  sum: 18.4,
  positive: { spans: [{ offset: -2, length: 2 }], counts: [9, 1] },
  negative: { spans: [], counts: [] },
  customValues: null,
}

describe.each(both)('metrics of $name', (engine) => {
  let opened: OpenedStore
  let store: TelemetryStore
  beforeEach(async () => {
    opened = await engine.open()
    store = opened.store
  })
  afterEach(() => opened.close())
  const write = (samples: OneSample[]) => store.metrics.writeSamples(batchOf(samples))

  it('answers an empty store with empty lists', async () => {
    const range = { start: 0, end: NOW }
    expect(await store.metrics.select(query([is('__name__', 'up')]))).toEqual({ series: [], downsampled: false })
    expect(await store.metrics.series([], range, 10)).toEqual([])
    expect(await store.metrics.labelNames([], range, 10)).toEqual([])
    expect(await store.metrics.labelValues('job', [], range, 10)).toEqual([])
    expect(await store.metrics.metadata(null, 10)).toEqual([])
    expect(await store.metrics.exemplars([[is('__name__', 'up')]], range)).toEqual([])
  })

  it('finds series by every kind of matcher, absent labels as empty', async () => {
    const time = NOW - 1000
    await write([
      { labels: named('http', [['code', '200']]), time, value: 1 },
      {
        labels: named('http', [
          ['code', '500'],
          ['job', 'shöp 🛒'],
        ]),
        time,
        value: 2,
      },
      { labels: named('up', [['job', 'a"b\\c']]), time, value: 3 },
    ])
    const values = async (...matchers: Matcher[]) =>
      (await store.metrics.select(query(matchers))).series.map((one) => one.values[0])
    expect(await values(is('__name__', 'http'))).toEqual([1, 2])
    expect(await values(is('__name__', 'http'), is('job', ''))).toEqual([1])
    expect(await values({ name: '__name__', op: '=~', value: 'h.*|up' }, { name: 'job', op: '!=', value: '' })).toEqual(
      [2, 3],
    )
    expect(await values(is('__name__', 'http'), { name: 'code', op: '!~', value: '5..' })).toEqual([1])
    const range = { start: NOW - HOUR, end: NOW }
    expect(await store.metrics.labelNames([], range, 10)).toEqual(['__name__', 'code', 'job'])
    expect(await store.metrics.labelValues('job', [], range, 10)).toEqual(['a"b\\c', 'shöp 🛒'])
    expect(await store.metrics.series([[is('__name__', 'up')]], range, 10)).toEqual([named('up', [['job', 'a"b\\c']])])
    expect(await store.metrics.series([], { start: NOW - 3 * HOUR, end: NOW - 2 * HOUR }, 10)).toEqual([])
  })

  it('finds every sample of a range, however much of it is in memory and how much in blocks', async () => {
    const [one, two] = [named('http', [['code', '200']]), named('http', [['code', '500']])]
    const at = (labels: Labels, ...seconds: number[]) =>
      write(seconds.map((second) => ({ labels, time: NOW - 100_000 + second * 1000, value: second })))
    const found = async (from: number, to: number, func: string | null = null) =>
      (
        await store.metrics.select(
          query([is('__name__', 'http')], { start: NOW - 100_000 + from * 1000, end: NOW - 100_000 + to * 1000, func }),
        )
      ).series.map(({ labels, times }) => [labels[1][1], ...times].map(Number))
    const expected = (...rows: number[][]) =>
      rows.map(([code, ...seconds]) => [code, ...seconds.map((second) => NOW - 100_000 + second * 1000)])
    await at(one, 1, 2, 3)
    await store.compact()
    await at(two, 2, 4)
    await at(one, 4, 5)
    // It comes late: the block reaches beyond it, memory begins before the block's end.
    await at(one, 2.5)
    expect(await found(1, 5)).toEqual(expected([200, 1, 2, 2.5, 3, 4, 5], [500, 2, 4]))
    expect(await found(3, 4)).toEqual(expected([200, 3, 4], [500, 4]))
    expect(await found(3.5, 5)).toEqual(expected([200, 4, 5], [500, 4]))
    expect(await found(4.5, 5)).toEqual(expected([200, 5]))
    expect(await found(3.5, 4, 'count_over_time')).toEqual(expected([200, 4], [500, 4]))
    await store.compact()
    expect(await found(3.5, 5)).toEqual(expected([200, 4, 5], [500, 4]))
    expect(await found(6, 7)).toEqual([])
    await expect(
      store.metrics.select(query([is('__name__', 'http')], { start: NOW - 95_500, maxSamples: 1 })),
    ).resolves.toBeTruthy()
    await at(two, 6)
    await at(one, 6)
    await expect(
      store.metrics.select(query([is('__name__', 'http')], { start: NOW - 94_500, maxSamples: 1 })),
    ).rejects.toThrow('more than 1 samples')
  })

  it('tells of which times samples are stored, those in memory among them', async () => {
    const usage = async () => {
      const { rows, oldest, newest } = (await store.usage()).signals.find(({ signal }) => signal === 'metrics') ?? {}
      return { rows, oldest, newest }
    }
    expect(await usage()).toEqual({ rows: 0, oldest: null, newest: null })
    const up = (seconds: number) => write([{ labels: named('up'), time: NOW - seconds * 1000, value: 1 }])
    await up(20)
    await up(10)
    expect(await usage()).toMatchObject({ oldest: (NOW - 20_000) * 1000, newest: (NOW - 10_000) * 1000 })
    await store.compact()
    await up(5)
    expect(await usage()).toMatchObject({ oldest: (NOW - 20_000) * 1000, newest: (NOW - 5000) * 1000 })
  })

  it('reads samples by SQL, from memory, log and chunks', async () => {
    const counter = named('http', [['code', '200']])
    await write([1, 2, 3].map((value) => ({ labels: counter, time: NOW - value * 1000, value })))
    await store.compact()
    await write([
      { labels: named('up'), time: NOW - 500, value: Number.NaN, kind: 1 },
      { labels: named('up'), time: NOW - 400, value: Number.POSITIVE_INFINITY },
      { labels: named('h'), time: NOW - 100, value: Number.NaN, kind: 2, histogram },
    ])
    const sql = async (text: string) => (await store.reader.sql(text, 100)).rows
    const us = (ms: number): number => (NOW - ms) * 1000
    expect(await sql("select time, value from _metrics where metric = 'http' order by time")).toEqual([
      [us(3000), 3],
      [us(2000), 2],
      [us(1000), 1],
    ])
    expect(
      await sql(`select count(*), sum(value) from _metrics where metric = 'http' and time >= ${us(2000)}`),
    ).toEqual([[2, 3]])
    expect(await sql("select distinct labels ->> 'code' from _metrics where metric in ('http')")).toEqual([['200']])
    expect(
      await sql('with x as (select metric, value from _metrics) select metric from x where value > 2 order by 1'),
    ).toEqual([['http'], ['up']])
    const [[value, type, json]] = await sql("select value, type, histogram from _metrics where metric = 'h'")
    expect([value, type, JSON.parse(String(json))]).toEqual([null, null, histogram])
    expect(await sql('select a.value from _metrics a join _metrics b on a.time = b.time where a.value = 1')).toEqual([
      [1],
    ])
  })

  it('keeps floats, stale markers and histograms exactly, in memory and in chunks', async () => {
    const labels = named('m')
    const samples: OneSample[] = [
      { labels, time: NOW - 5000, value: 0.1 + 0.2 },
      { labels, time: NOW - 4000, value: Number.NEGATIVE_INFINITY },
      { labels, time: NOW - 3000, value: -0 },
      { labels, time: NOW - 2000, value: Number.NaN, kind: 1 },
      { labels, time: NOW - 1000, value: Number.NaN, kind: 2, histogram },
    ]
    await write(samples)
    const before = await store.metrics.select(query([is('__name__', 'm')]))
    await store.compact()
    const after = await store.metrics.select(query([is('__name__', 'm')]))
    for (const { series } of [before, after]) {
      expect(series).toHaveLength(1)
      expect([...series[0].times]).toEqual(samples.map(({ time }) => time))
      expect([...series[0].values]).toEqual([0.1 + 0.2, Number.NEGATIVE_INFINITY, -0, Number.NaN, Number.NaN])
      expect([...(series[0].kinds ?? [])]).toEqual([0, 0, 0, 1, 2])
      expect(series[0].histograms?.[4]).toEqual(histogram)
    }
    const clipped = await store.metrics.select(query([is('__name__', 'm')], { start: NOW - 4000, end: NOW - 3000 }))
    expect([...clipped.series[0].times]).toEqual([NOW - 4000, NOW - 3000])
  })

  it('tells duplicates, another value at one time, too old and too far ahead apart', async () => {
    const labels = named('m')
    const time = NOW - 1000
    expect(await write([{ labels, time, value: 1 }])).toMatchObject({ stored: 1, duplicates: 0, rejected: [] })
    expect(await write([{ labels, time, value: 1 }])).toMatchObject({ stored: 0, duplicates: 1, rejected: [] })
    const answer = await write([
      { labels, time, value: 2 },
      { labels, time: time - 5 * HOUR, value: 2 },
      { labels, time: NOW + 2 * HOUR, value: 2 },
      { labels, time: time + 10, value: 5 },
    ])
    expect(answer.stored).toBe(1)
    expect(answer.rejected.map(({ reason, count }) => [reason, count]).sort()).toEqual([
      ['duplicate_value', 1],
      ['too_far_ahead', 1],
      ['too_old', 1],
    ])
  })

  it('keeps metadata and exemplars', async () => {
    const labels = named('http_seconds')
    const batch = batchOf([{ labels, time: NOW - 1000, value: 1 }])
    batch.metadata.push({ metric: 'http_seconds', type: 'histogram', unit: 's', help: 'How long \u0000 it took' })
    batch.exemplars.push({
      seriesOf: 0,
      exemplar: { labels: [['trace_id', 'abc']], value: 0.25, time: NOW - 1000 },
    })
    await store.metrics.writeSamples(batch)
    expect(await store.metrics.metadata('http_seconds', 10)).toMatchObject([{ type: 'histogram', unit: 's' }])
    const range = { start: NOW - HOUR, end: NOW }
    expect(await store.metrics.exemplars([[is('__name__', 'http_seconds')]], range)).toEqual([
      { series: labels, exemplars: [{ labels: [['trace_id', 'abc']], value: 0.25, time: NOW - 1000 }] },
    ])
  })

  it('refuses a select that reads too much, naming the limit', async () => {
    const samples = Array.from({ length: 50 }, (_, i) => ({ labels: named('m'), time: NOW - 60_000 + i, value: i }))
    await write(samples)
    await expect(store.metrics.select(query([is('__name__', 'm')], { maxSamples: 10 }))).rejects.toMatchObject({
      code: 'query_too_large',
      message: expect.stringContaining('10'),
    })
    await store.compact()
    await expect(store.metrics.select(query([is('__name__', 'm')], { maxSamples: 10 }))).rejects.toMatchObject({
      code: 'query_too_large',
    })
  })

  it('answers what a plain list would, through checkpoints', async () => {
    const seed = Number(process.env.SEED ?? 20260615)
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ series: fc.nat(9), step: fc.integer({ min: 1, max: 60_000 }), value: fc.double() }),
      },
      { weight: 1, arbitrary: fc.constant('compact' as const) },
    )
    const [steps] = fc.sample(fc.array(step, { minLength: 60, maxLength: 120 }), { numRuns: 1, seed })
    const model = new Map<number, [number, number][]>()
    let time = NOW - 3 * HOUR
    for (const one of steps) {
      if (one === 'compact') {
        await store.compact()
        continue
      }
      time += one.step
      await write([{ labels: named('m', [['i', String(one.series)]]), time, value: one.value }])
      model.set(one.series, [...(model.get(one.series) ?? []), [time, one.value]])
    }
    const { series } = await store.metrics.select(query([is('__name__', 'm')]))
    const got = new Map(
      series.map(({ labels, times, values }) => [Number(labels[1][1]), [...times].map((at, i) => [at, values[i]])]),
    )
    expect(got).toEqual(model)
  }, 60_000)
})
