import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArchiveReader } from '../../core/backup/archive/archive-reader.ts'
import { sumsOf } from '../../core/backup/day-totals.ts'
import { openBackupSource } from '../../core/backup/open-source.ts'
import { everything, restoreTelemetry } from '../../core/backup/restore-telemetry.ts'
import { storeTarget } from '../../core/backup/store-target.ts'
import { differingTotals } from '../../core/backup/verify-archive.ts'
import { writeBackup } from '../../core/backup/write-backup.ts'
import { SampleBatchBuilder } from '../../core/model/sample-batch-builder.ts'
import type { SampleBatch } from '../../core/model/series.ts'
import { seededRandom } from '../demo/shop.ts'
import { metricSums } from '../fixtures/metric-sums.ts'
import { engines, type OpenedStore } from './engines.ts'
import { logBatch, randomTelemetry, spanBatch } from './telemetry-rows.ts'

const [sqlite, postgres] = engines()
beforeAll(async () => {
  await postgres.start()
}, 120_000)
afterAll(() => postgres.stop())

const signal = AbortSignal.timeout(600_000)

const VALUES = [
  0,
  -0,
  1,
  0.1,
  -1e300,
  5e-324,
  2 ** 53 + 2,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]

/** Samples of every kind, with the numbers that are lost most easily, and what is said of their metrics. */
function randomSamples(seed: number, count: number): SampleBatch {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  const batch = new SampleBatchBuilder()
  const begin = Date.now() - 3_600_000
  for (let number = 0; number < 5; number++) {
    const series = batch.series([
      ['__name__', `m_${number}`],
      ['job', pick(['a', 'größe', 'x"\\y'])],
    ])
    batch.metadata({
      metric: `m_${number}`,
      type: pick(['counter', 'gauge', 'histogram'] as const),
      unit: 's',
      help: 'h\nx',
    })
    for (let i = 0, time = begin; i < count / 5; i++) {
      time += 1 + Math.floor(random() * 5000)
      if (number === 4) {
        const counts = [1 + Math.floor(random() * 9), Math.floor(random() * 9)]
        batch.histogram(series, time, {
          schema: pick([-4, 0, 8]),
          counterReset: pick(['unknown', 'gauge'] as const),
          zeroThreshold: 1e-128,
          zeroCount: 2,
          count: 2 + counts[0] + counts[1],
          sum: pick(VALUES),
          positive: {
            spans: [
              { offset: -3, length: 1 },
              { offset: 2, length: 1 },
            ],
            counts,
          },
          negative: { spans: [], counts: [] },
          customValues: null,
        })
      } else if (random() < 0.05) batch.stale(series, time)
      else batch.float(series, time, random() < 0.5 ? pick(VALUES) : random() * 1e6)
      if (random() < 0.02) batch.exemplar(series, { labels: [['trace_id', 'ab'.repeat(16)]], value: random(), time })
    }
  }
  return batch.finish()
}

/** An archive of a store, in memory. */
async function archiveOf({ store, dataDir, settings }: OpenedStore): Promise<Buffer> {
  // Samples are in the file a moment after they were taken.
  await store.metricMoves.mark()
  const source = await openBackupSource(dataDir, settings.storage)
  const pieces: Buffer[] = []
  const request = {
    kind: 'full',
    base: null,
    config: [],
    secret: null,
    product: 'test',
    nowUs: Date.now() * 1000,
    signal,
    progress: () => undefined,
    warnings: [],
  } as const
  try {
    await writeBackup(
      source,
      { ...request, config: [], warnings: [] },
      async (bytes) => void pieces.push(Buffer.from(bytes)),
    )
  } finally {
    await source.close()
  }
  return Buffer.concat(pieces)
}

async function restored(engine: typeof sqlite, bytes: Buffer): Promise<OpenedStore> {
  const opened = await engine.open()
  const file = { size: bytes.length, read: async (at: number, length: number) => bytes.subarray(at, at + length) }
  const reader = await ArchiveReader.open(file, null)
  const options = { selection: everything, after: null, signal, progress: () => undefined }
  await restoreTelemetry([reader], storeTarget(opened.store, 'test'), options)
  await opened.store.writer.endMove('test', false)
  return opened
}

describe('SQLite → archive → Postgres → archive → SQLite', () => {
  it('keeps every value of hostile telemetry, and retention lets it be', { timeout: 600_000 }, async () => {
    const seed = 20_261_130
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 400 }),
        async (data, count) => {
          const { spans, logs } = randomTelemetry(data, count)
          const first = await sqlite.open()
          const opened: OpenedStore[] = [first]
          try {
            await first.store.writer.write({ spans: [spanBatch(spans)], logs: [logBatch(logs)] })
            expect((await first.store.metrics.writeSamples(randomSamples(data, count))).rejected).toEqual([])
            const expected = await sumsOf(first.store.reader, signal)
            const samples = await metricSums(first.store)
            expect(samples.length).toBeGreaterThan(0)
            const second = await restored(postgres, await archiveOf(first))
            opened.push(second)
            expect(differingTotals(expected, await sumsOf(second.store.reader, signal))).toBeNull()
            const third = await restored(sqlite, await archiveOf(second))
            opened.push(third)
            for (const { store } of [second, third]) expect(await metricSums(store)).toEqual(samples)
            const policy = { tracesDays: 7, tracesBytes: 1e9, logsDays: 7, metricsDays: 30 }
            for (const { store } of [second, third])
              expect(await store.runRetention(policy)).toMatchObject({ spans: 0, logs: 0 })
            expect(differingTotals(expected, await sumsOf(third.store.reader, signal))).toBeNull()
          } finally {
            for (const one of opened) await one.close()
          }
        },
      ),
      { seed, numRuns: process.env.GLASSBOX_LONG ? 50 : 5 },
    )
  })
})
