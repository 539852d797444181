import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ArchiveReader } from '../../core/backup/archive/archive-reader.ts'
import { sumsOf } from '../../core/backup/day-totals.ts'
import { everything, restoreTelemetry } from '../../core/backup/restore-telemetry.ts'
import { storeTarget } from '../../core/backup/store-target.ts'
import { differingTotals } from '../../core/backup/verify-archive.ts'
import { writeBackup } from '../../core/backup/write-backup.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { engines, type OpenedStore } from './engines.ts'
import { logBatch, randomTelemetry, spanBatch } from './telemetry-rows.ts'

const [sqlite, postgres] = engines()
beforeAll(async () => {
  await postgres.start()
}, 120_000)
afterAll(() => postgres.stop())

const signal = AbortSignal.timeout(600_000)

/** An archive of a store, in memory. */
async function archiveOf(store: TelemetryStore, engine: 'sqlite' | 'postgres'): Promise<Buffer> {
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
  const source = { engine, scanner: store.reader, metrics: null, storeId: 'x' }
  await writeBackup(
    source,
    { ...request, config: [], warnings: [] },
    async (bytes) => void pieces.push(Buffer.from(bytes)),
  )
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
            const expected = await sumsOf(first.store.reader, signal)
            const second = await restored(postgres, await archiveOf(first.store, 'sqlite'))
            opened.push(second)
            expect(differingTotals(expected, await sumsOf(second.store.reader, signal))).toBeNull()
            const third = await restored(sqlite, await archiveOf(second.store, 'postgres'))
            opened.push(third)
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
