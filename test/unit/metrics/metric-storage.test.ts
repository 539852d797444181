import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { NativeHistogram } from '../../../core/model/native-histogram.ts'
import type { Labels } from '../../../core/model/series.ts'
import { TestMetrics } from './test-metrics.ts'

const NOW = Date.UTC(2026, 5, 10, 12)
const DAY = 86_400_000
const named = (name: string, more: [string, string][] = []): Labels => [['__name__', name], ...more]

let store: TestMetrics
afterEach(() => store.close())

function histogram(count: number): NativeHistogram {
  return {
    schema: 3,
    counterReset: 'unknown',
    zeroThreshold: 1e-128,
    zeroCount: 2,
    count,
    sum: 18.4,
    positive: { spans: [{ offset: -2, length: 2 }], counts: [count - 3, 1] },
    negative: { spans: [], counts: [] },
    customValues: null,
  }
}

describe('metric storage', () => {
  it('answers what a plain list would, through flushes, checkpoints, merging and crashes', () => {
    const value = fc.oneof(
      fc.double(),
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 0, max: 99_999 }).map((n) => n / 100),
    )
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          series: fc.nat(39),
          late: fc.nat(5_000_000),
          value,
          kind: fc.constantFrom(0, 0, 0, 1, 2),
        }),
      },
      { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'compact' as const, 'crash' as const) },
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
        store = new TestMetrics(NOW)
        const model = new Map<number, Map<number, [number, number, number]>>()
        let time = NOW - DAY
        for (const one of steps) {
          if (one === 'flush') store.writer.metrics.flush()
          else if (one === 'compact') store.writer.compact()
          else if (one === 'crash') {
            store.writer.metrics.flush()
            store.crash()
          } else {
            time += 15_000
            const at = time - (one.late % 3 === 0 ? one.late : 0)
            const known = model.get(one.series) ?? new Map<number, [number, number, number]>()
            const sample = {
              labels: named('m', [['i', String(one.series)]]),
              time: at,
              value: one.kind === 0 ? one.value : Number.NaN,
              kind: one.kind,
              ...(one.kind === 2 ? { histogram: histogram(10 + one.late) } : {}),
            }
            if (known.has(at)) continue
            const newest = Math.max(...known.keys())
            const result = store.write([sample])
            if (at < newest - 3_600_000) {
              expect(result.rejected[0].reason).toBe('too_old')
              continue
            }
            expect(result).toEqual({ stored: 1, duplicates: 0, rejected: [], fates: null })
            known.set(at, [sample.value, one.kind, one.kind === 2 ? 10 + one.late : 0])
            model.set(one.series, known)
          }
        }
        const from = NOW - DAY + 300_000
        const { series } = store.select([{ name: '__name__', op: '=', value: 'm' }], from, NOW)
        const got = series.map((one) => ({
          i: one.labels[1][1],
          samples: Array.from(one.times, (at, k) => [
            at,
            one.values[k],
            one.kinds?.[k] ?? 0,
            one.histograms?.[k]?.count ?? 0,
          ]),
        }))
        const want = [...model]
          .map(([i, samples]) => ({
            i: String(i),
            samples: [...samples]
              .filter(([at]) => at >= from)
              .sort((a, b) => a[0] - b[0])
              .map(([at, rest]) => [at, ...rest]),
          }))
          .filter(({ samples }) => samples.length > 0)
          .sort((a, b) => (a.i < b.i ? -1 : 1))
        store.close()
        expect(got).toEqual(want)
      }),
      { numRuns: 20 },
    )
    store = new TestMetrics(NOW)
  })

  it('leaves blocks alone when the range lies in memory, also after a restart', () => {
    store = new TestMetrics(NOW)
    const more = (start: number): boolean =>
      store.writer.metrics.memory.select({
        matchers: [{ name: '__name__', op: '=', value: 'm' }],
        start,
        end: NOW,
        maxSeries: 10,
      }).more
    store.write([{ labels: named('m'), time: NOW - 2000, value: 1 }])
    expect(more(NOW - 3000)).toBe(false)
    store.writer.compact()
    store.write([{ labels: named('m'), time: NOW - 1000, value: 2 }])
    store.writer.metrics.flush()
    for (const _ of ['before', 'after']) {
      expect([more(NOW - 2000), more(NOW - 1999)]).toEqual([true, false])
      store.crash()
    }
  })

  it('tells duplicates, another value at one time, too old and too far ahead apart', () => {
    store = new TestMetrics(NOW)
    const labels = named('up')
    const write = (time: number, value: number) => store.write([{ labels, time, value }])
    expect(write(NOW, 1).stored).toBe(1)
    expect(write(NOW, 1)).toEqual({ stored: 0, duplicates: 1, rejected: [], fates: Uint16Array.of(1) })
    expect(write(NOW, 2).rejected).toEqual([{ reason: 'duplicate_value', count: 1, example: 'up{}' }])
    expect(write(NOW - 3_600_001, 2).rejected[0].reason).toBe('too_old')
    expect(write(NOW + 600_001, 2).rejected[0].reason).toBe('too_far_ahead')
    expect(
      store.write([
        { labels, time: NOW + 1000, value: 3 },
        { labels, time: NOW + 9e6, value: 4 },
      ]).stored,
    ).toBe(1)
  })

  it('refuses further series at the limit, counts them by metric and keeps taking known ones', () => {
    store = new TestMetrics(NOW)
    store.writer.metrics.memory.limits = { maxSeries: 3, maxSeriesPerMetric: 2, outOfOrderMs: 0 }
    const one = (name: string, i: number, time = NOW) => ({ labels: named(name, [['i', `${i}`]]), time, value: 1 })
    const result = store.write([one('bomb', 1), one('bomb', 2), one('bomb', 3), one('ok', 1), one('more', 1)])
    expect(result.stored).toBe(3)
    expect(result.rejected).toEqual([{ reason: 'series_limit', count: 2, example: 'bomb{i="3"}' }])
    expect(store.write([one('bomb', 1, NOW + 1)]).stored).toBe(1)
    expect(store.writer.metrics.memory.stats().refusedSeries).toEqual([
      { metric: 'bomb', samples: 1 },
      { metric: 'more', samples: 1 },
    ])
  })

  it('finds series by every kind of matcher, absent labels as empty', () => {
    store = new TestMetrics(NOW)
    store.write(['a', 'b', 'ab'].map((v) => ({ labels: named('m', [['v', v]]), time: NOW, value: 1 })))
    store.write([{ labels: named('m'), time: NOW, value: 1 }])
    const find = (op: '=' | '!=' | '=~' | '!~', value: string): (string | undefined)[] =>
      store
        .select(
          [
            { name: '__name__', op: '=', value: 'm' },
            { name: 'v', op, value },
          ],
          NOW,
          NOW,
        )
        .series.map(({ labels }) => labels[1]?.[1])
    expect(find('=', 'a')).toEqual(['a'])
    expect(find('=', '')).toEqual([undefined])
    expect(find('!=', 'a')).toEqual([undefined, 'ab', 'b'])
    expect(find('=~', 'a.?')).toEqual(['a', 'ab'])
    expect(find('=~', 'a|b')).toEqual(['a', 'b'])
    expect(find('!~', '.+')).toEqual([undefined])
    expect(() => find('=~', ')(')).toThrow('regular expression of label v')
  })

  it('keeps min, max, sum, average and increase beyond two days, and says so', () => {
    store = new TestMetrics(NOW)
    const gauge: number[] = []
    let counter = 0
    let increase = 0
    const first = NOW - 3600_000
    for (let i = 0; i < 240; i++) {
      const up = i === 100 ? 0 : i % 7
      if (i === 100) {
        increase += 5
        counter = 5
      } else {
        counter += up
        if (i > 0) increase += up
      }
      gauge.push(Math.round(1000 * Math.sin(i)) / 10)
      const time = first + i * 15_000
      store.write([
        { labels: named('g'), time, value: gauge[i] },
        { labels: named('c'), time, value: counter },
      ])
    }
    store.pass(3 * DAY)
    store.writer.compact()
    // The receipt counts as well as the age: written again as blocks just now, they stay for two days more.
    store.pass(3 * DAY)
    store.writer.compact()
    const read = (name: string, func: string | null) => {
      const result = store.select([{ name: '__name__', op: '=', value: name }], 0, NOW + 9 * DAY, func)
      expect(result.downsampled).toBe(true)
      return Array.from(result.series[0].values)
    }
    const last = read('g', null)
    expect(last.length).toBeLessThan(60)
    expect(Math.max(...read('g', 'max_over_time'))).toBe(Math.max(...gauge))
    expect(Math.min(...read('g', 'min_over_time'))).toBe(Math.min(...gauge))
    const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0)
    expect(sum(read('g', 'sum_over_time'))).toBeCloseTo(sum(gauge), 6)
    const average = read('g', 'avg_over_time')
    expect(sum(average) / average.length).toBeCloseTo(sum(gauge) / gauge.length, 6)
    expect(sum(read('g', 'count_over_time'))).toBe(gauge.length)
    const counts = read('c', 'increase')
    let grown = 0
    for (let i = 1; i < counts.length; i++) grown += counts[i] < counts[i - 1] ? counts[i] : counts[i] - counts[i - 1]
    // What came before the first bucket's last sample cannot be known.
    expect(increase - grown).toBeGreaterThanOrEqual(0)
    expect(increase - grown).toBeLessThan(7 * 20)
    expect(counts.filter((value, i) => i > 0 && value < counts[i - 1])).toEqual([5])
  })

  it('removes what is older than retention, and series of which nothing is left', () => {
    store = new TestMetrics(NOW)
    store.write([{ labels: named('old'), time: NOW, value: 1 }])
    store.writer.compact()
    store.pass(31 * DAY)
    store.writer.retention({ tracesDays: 7, tracesBytes: 1e12, logsDays: 7, metricsDays: 30 })
    expect(store.select([{ name: '__name__', op: '=', value: 'old' }], 0, NOW * 2).series).toEqual([])
    expect(store.writer.metrics.memory.stats().series).toBe(0)
  })
})
