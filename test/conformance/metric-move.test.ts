import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MetricMover } from '../../core/migrate/move-metrics.ts'
import type { Move } from '../../core/migrate/move-telemetry.ts'
import type { NativeHistogram } from '../../core/model/native-histogram.ts'
import { SampleBatchBuilder } from '../../core/model/sample-batch-builder.ts'
import type { Labels } from '../../core/model/series.ts'
import type { DaySum } from '../../core/storage/content-sum.ts'
import type { MetricStep, MovedSamples } from '../../core/storage/metric-move.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { metricSums } from '../fixtures/metric-sums.ts'
import { engines, type OpenedStore } from './engines.ts'

const both = engines()
beforeAll(async () => {
  for (const engine of both) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of both) await engine.stop()
})

const NOW = Math.floor(Date.now() / 1000) * 1000
const DAY = 86_400_000
const EVER = { start: 0, end: NOW + DAY }
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
const labels = (series: number): Labels => [
  ['__name__', `m_${series % 3}`],
  ['n', `größe ${series}`],
]
const SERIES = 80

/** One sample of each series: floats, stale markers and a histogram among them. */
async function write(store: TelemetryStore, time: number, value = time % 997): Promise<void> {
  const batch = new SampleBatchBuilder()
  for (let series = 0; series < SERIES; series++) {
    const at = batch.series(labels(series))
    if (series === 7) batch.histogram(at, time, histogram)
    else if (series === 8 && value % 5 === 0) batch.stale(at, time)
    else batch.float(at, time, value / 7 + series)
    if (series === 3) batch.exemplar(at, { labels: [['trace_id', 'ab'.repeat(16)]], value, time })
  }
  batch.metadata({ metric: 'm_1', type: 'gauge', unit: 's', help: 'how long' })
  expect((await store.metrics.writeSamples(batch.finish())).rejected).toEqual([])
}

/** What a person sees of it. */
async function answersOf(store: TelemetryStore): Promise<unknown> {
  const metrics = await store.metrics.series([], EVER, 1000)
  const found = await Promise.all(
    [0, 1, 2].map((name) =>
      store.metrics.select({
        matchers: [{ name: '__name__', op: '=', value: `m_${name}` }],
        ...EVER,
        step: 0,
        func: null,
        maxSamples: 1_000_000,
      }),
    ),
  )
  const exemplars = await store.metrics.exemplars([[{ name: '__name__', op: '=', value: 'm_0' }]], EVER)
  const series = found.flatMap((one) =>
    one.series.map(({ labels: own, times, values, histograms }) => [own, [...times], [...values], histograms ?? null]),
  )
  return { metrics, metadata: await store.metrics.metadata(null, 10), exemplars, series }
}

const move = (source: TelemetryStore, target: TelemetryStore, changes: Partial<Move> = {}): Move => ({
  source,
  target,
  name: 'move-1',
  since: null,
  signal: new AbortController().signal,
  progress: () => undefined,
  log: () => undefined,
  ...changes,
})

describe.each([
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
])('metrics that move from %s to %s', (from, to) => {
  let opened: OpenedStore[]
  let source: TelemetryStore
  let target: TelemetryStore
  beforeAll(async () => {
    opened = await Promise.all(
      [from, to].map((name) => (both.find((engine) => engine.name === name) as (typeof both)[number]).open()),
    )
    ;[source, target] = opened.map(({ store }) => store)
    for (let day = 4; day > 0; day--)
      for (let step = 0; step < 6; step++) await write(source, NOW - day * DAY + step * 60_000)
    // 5-minute aggregates, as they are kept of older days.
    const times = Float64Array.of(NOW - 6 * DAY, NOW - 6 * DAY + 300_000)
    const old = { key: '__name__\0m_0\0n\0größe 0', kind: 1 as const, received: NOW, kinds: null, histograms: null }
    const parts = [0, 1, 2, 3, 4] as const
    const aggregates = parts.map((part) => ({ ...old, part, times, values: Float64Array.of(part, part * 10) }))
    await source.metricMoves.write(aggregates, { move: 'old', step: 1 })
    await source.metricMoves.end('old', false)
  }, 60_000)
  afterAll(async () => {
    for (const one of opened) await one.close()
  })
  const rows = (sums: DaySum[]): number => sums.reduce((sum, one) => sum + one.rows, 0)
  const ALL = SERIES * 4 * 6 + 2 * 5

  it('leave nothing in the target when they are cancelled, differ or are taken back, and what it had stays', async () => {
    const before = { own: await metricSums(target), answers: await answersOf(target) }
    expect(before.own).toEqual([])
    const stop = new AbortController()
    const cancelled = new MetricMover(move(source, target, { signal: stop.signal, progress: () => stop.abort() }))
    await expect(cancelled.catchUp()).rejects.toMatchObject({ name: 'AbortError' })
    const odd = {
      ...target,
      metricMoves: {
        ...target.metricMoves,
        write: (samples: MovedSamples[], step: MetricStep) => target.metricMoves.write(samples.slice(1), step),
      },
    }
    await expect(new MetricMover(move(source, odd)).catchUp()).rejects.toMatchObject({
      code: 'move_differs',
      message: expect.stringMatching(
        /^1 days differ after copying: metrics of .* rows in the source, \d+ in the target$/,
      ),
    })
    await new MetricMover(move(source, target)).catchUp()
    expect(rows(await metricSums(target))).toBe(ALL)
    await target.metricMoves.end('move-1', true)
    expect(await metricSums(target)).toEqual(before.own)
    expect(await answersOf(target)).toEqual(before.answers)
    await write(target, NOW - 4 * DAY)
    const had = await answersOf(target)
    const since = NOW - 2 * DAY - 1000
    await new MetricMover(move(source, target, { since: since * 1000 })).catchUp()
    expect(rows(await metricSums(target))).toBe(SERIES * (2 * 6 + 1))
    await target.metricMoves.end('move-1', true)
    expect(await answersOf(target)).toEqual(had)
  }, 60_000)

  it('are the same there by count and sum of every day, those that come meanwhile too, and none twice', async () => {
    // A move that was cut off by a kill goes on from its beginning.
    await new MetricMover(move(source, target)).catchUp()
    const mover = new MetricMover(move(source, target))
    await mover.catchUp()
    for (let step = 10; step > 0; step--) await write(source, NOW - step * 1000)
    await mover.finish()
    await target.metricMoves.end('move-1', false)
    const sums = await metricSums(source)
    expect(sums.length).toBeGreaterThanOrEqual(5)
    expect(rows(sums)).toBe(ALL + SERIES * 10)
    expect(await metricSums(target)).toEqual(sums)
    expect(await answersOf(target)).toEqual(await answersOf(source))
    // Series go on where they were.
    await write(target, NOW)
    expect(rows(await metricSums(target))).toBe(ALL + SERIES * 11)
  }, 60_000)
})
