/**
 * `node test/bench/backup-writes.ts [--spans N] [--keep DIR] [--engine postgres]`: how long single writes take while N stored
 * spans are backed up, beside the same writes without a backup, and what the backup adds to the memory of the process. With
 * `--keep` the corpus (of SQLite) stays in DIR and a later run uses it again.
 */
import { getRandomValues } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Manifest } from '../../core/backup/archive/manifest.ts'
import { inThread } from '../../core/backup/backup-thread.ts'
import type { BackupOrder } from '../../core/backup/operations.ts'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import type { SpanBatch } from '../../core/model/columns.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { percentile, show } from './server.ts'
import { corpusWrites, storeCorpus } from './stored-corpus.ts'

const { values } = parseArgs({
  options: {
    spans: { type: 'string', default: '1000000' },
    keep: { type: 'string' },
    engine: { type: 'string', default: 'sqlite' },
  },
})
const DAYS = 7
const PER_WRITE_MS = 50
const ALONE_MS = 15_000
const spans = Number(values.spans)
const dataDir = values.keep ?? mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
mkdirSync(dataDir, { recursive: true })
const log = { info: () => undefined, warn: () => undefined, error: console.error }
const server = values.engine === 'postgres' ? await startPostgres() : null
const settings = applySettings(defaultSettings, {
  'storage.engine': values.engine,
  'storage.postgresUrl': (await server?.freshUrl()) ?? '',
  'storage.reserveBytes': 0,
  'query.timeoutMs': 120_000,
})

if (!server && !existsSync(join(dataDir, 'auxiliary.db'))) storeCorpus(dataDir, spans, DAYS, Date.now() * 1000)
const store = await openStore({ dataDir, settings, log })
if (server)
  for (const { batches } of corpusWrites(spans, DAYS, Date.now() * 1000))
    await store.writer.write({ spans: batches, logs: [] })

/** Spans of now, of which every write takes a thousand. */
const bodies = Array.from(corpusWrites(64_000, 0.0001, Date.now() * 1000), ({ batches }) => batches).flat()
let next = 0
function news(): SpanBatch {
  const batch = structuredClone(bodies[next++ % bodies.length])
  // The same bodies come again and again, as spans that are new.
  getRandomValues(batch.traceId)
  getRandomValues(batch.spanId)
  return batch
}
let written = (await store.stats()).spans

/** Writes 20,000 spans a second until told to stop; answers how long each write took, ms. */
async function writes(until: () => boolean): Promise<number[]> {
  const took: number[] = []
  while (!until()) {
    const batch = news()
    const begun = performance.now()
    written += (await store.writer.write({ spans: [batch], logs: [] })).storedSpans
    const ms = performance.now() - begun
    took.push(ms)
    await setTimeout(Math.max(0, PER_WRITE_MS - ms))
  }
  return took
}
const times = (took: number[]): string =>
  `p50 ${percentile(took, 0.5).toFixed(1)}, p99 ${percentile(took, 0.99).toFixed(1)} ms of ${took.length} writes of 1,000 spans`

let peak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 20)
try {
  const until = performance.now() + ALONE_MS
  const alone = await writes(() => performance.now() > until)
  show('longest write, alone', `${Math.max(...alone).toFixed(1)} ms`, times(alone))
  const idle = process.memoryUsage.rss()
  peak = 0
  const order: BackupOrder = {
    dataDir,
    storage: settings.storage,
    kind: 'full',
    base: null,
    config: [],
    warnings: [],
    secret: null,
    product: 'bench',
    nowUs: Date.now() * 1000,
    to: { file: join(dataDir, 'bench.glassbox') },
  }
  let done = false
  const before = written
  const begun = performance.now()
  let seen: number | null = null
  const backup = inThread<{ manifest: Manifest; bytes: number }>('backup', order, {
    progress: () => {
      seen ??= written
    },
  }).finally(() => {
    done = true
  })
  const beside = await writes(() => done)
  const { manifest, bytes } = await backup
  const seconds = (performance.now() - begun) / 1000
  const rows = manifest.days.reduce((sum, day) => sum + day.rows, 0)
  show('longest write, during the backup', `${Math.max(...beside).toFixed(1)} ms`, `goal < 100; ${times(beside)}`)
  show('spans in the backup', String(rows), `${before} when it was asked for, ${seen} when its first part was done`)
  show(
    'the backup',
    `${seconds.toFixed(1)} s`,
    `${Math.round(rows / seconds)} spans/s, ${(bytes / rows).toFixed(1)} B/span`,
  )
  const mib = (size: number): string => `${Math.round(size / 2 ** 20)} MiB`
  show('memory added by the backup', mib(peak - idle), `goal <= 200; ${mib(idle)} before, ${mib(peak)} at most`)
  rmSync(join(dataDir, 'bench.glassbox'))
} finally {
  clearInterval(watch)
  await store.stop()
  await server?.stop()
  if (!values.keep) rmSync(dataDir, { recursive: true, force: true })
}
