import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Manifest } from '../../../core/backup/archive/manifest.ts'
import { readManifest } from '../../../core/backup/archive/manifest.ts'
import { type BackupOrder, backupToFile } from '../../../core/backup/operations.ts'
import { countInside, replaceScope } from '../../../core/backup/replace-scope.ts'
import { restoreOffline } from '../../../core/backup/restore-offline.ts'
import { everything, type Selection } from '../../../core/backup/restore-telemetry.ts'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import type { BackupContentChoice } from '../../../core/model/backup.ts'
import { SampleBatchBuilder } from '../../../core/model/sample-batch-builder.ts'
import { openSqliteStore } from '../../../core/storage/sqlite/store.ts'
import { logBatch, spanBatch } from '../../conformance/telemetry-rows.ts'

const root = mkdtempSync(join(tmpdir(), 'glassbox-part-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const settings = applySettings(defaultSettings, { 'storage.reserveBytes': 0 })
const hooks = { signal: AbortSignal.timeout(60_000), progress: () => undefined }

const MINUTE = 60_000
/** So many minutes ago rows begin, one a minute and service. */
const MINUTES = 10
const begin = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTES * MINUTE
const SERVICES = ['cart', 'shop']
const T0 = Date.UTC(2026, 5, 15, 12)

/** Every row says whose it is. */
async function fill(dataDir: string, owner: number): Promise<void> {
  mkdirSync(dataDir, { recursive: true })
  const store = await openSqliteStore({ dataDir, settings, log })
  const rows = Array.from({ length: MINUTES }, (_, minute) =>
    SERVICES.map((service, i) => ({
      service,
      at: begin - T0 + minute * MINUTE,
      id: 1 + minute * 2 + i + owner * 1000,
    })),
  ).flat()
  const spans = spanBatch(
    rows.map(({ service, at, id }) => ({ trace: id, span: id, at, service, name: `of ${owner}` })),
  )
  const logs = logBatch(rows.map(({ service, at }) => ({ at, service, body: `of ${owner}` })))
  await store.writer.write({ spans: [spans], logs: [logs] })
  const samples = new SampleBatchBuilder()
  for (const service of SERVICES) {
    const series = samples.series([
      ['__name__', 'up'],
      ['job', service],
    ])
    for (let minute = 0; minute < MINUTES; minute++) samples.float(series, begin + minute * MINUTE, owner)
  }
  expect((await store.metrics.writeSamples(samples.finish())).rejected).toEqual([])
  await store.stop()
}

/** `signal service minute owner` of every row. */
async function held(dataDir: string): Promise<string[]> {
  const store = await openSqliteStore({ dataDir, settings, log })
  try {
    const ask = async (query: string): Promise<unknown[][]> => (await store.reader.sql(query, 1000)).rows
    const minute = (us: unknown): number => (Number(us) / 1000 - begin) / MINUTE
    const spans = await ask('SELECT service, start, name FROM _traces')
    const logs = await ask('SELECT service, time, body FROM _logs')
    const samples = await ask("SELECT labels, time, value FROM _metrics WHERE metric = 'up'")
    return [
      ...spans.map(([service, start, name]) => `span ${service} ${minute(start)} ${name}`),
      ...logs.map(([service, time, body]) => `log ${service} ${minute(time)} ${body}`),
      ...samples.map(
        ([labels, time, value]) =>
          `sample ${(JSON.parse(String(labels)) as { job: string }).job} ${minute(time)} of ${value}`,
      ),
    ].sort()
  } finally {
    await store.stop()
  }
}

/** The same by a rule: whose each row is. */
function expected(owner: (signal: string, service: string, minute: number) => number): string[] {
  return ['span', 'log', 'sample']
    .flatMap((signal) =>
      SERVICES.flatMap((service) =>
        Array.from(
          { length: MINUTES },
          (_, minute) => `${signal} ${service} ${minute} of ${owner(signal, service, minute)}`,
        ),
      ),
    )
    .sort()
}

async function archive(name: string, content: BackupContentChoice | null): Promise<string> {
  const order: BackupOrder = {
    dataDir: join(root, 'source'),
    storage: settings.storage,
    kind: content ? 'part' : 'full',
    base: null,
    content,
    config: [],
    warnings: [],
    secret: null,
    product: 'test',
    nowUs: Date.now() * 1000,
    to: { file: join(root, name) },
  }
  return (await backupToFile(order, hooks)).file
}

async function restored(name: string, file: string, change: Partial<Selection> = {}): Promise<string[]> {
  const dataDir = join(root, name)
  await fill(dataDir, 2)
  await restoreOffline(
    {
      dataDir,
      id: name,
      places: [{ file }],
      secret: null,
      selection: { ...everything, config: false, ...change },
      safetyBackup: false,
      product: 'test',
    },
    hooks,
  )
  return held(dataDir)
}

beforeAll(() => fill(join(root, 'source'), 1))

const time = (minute: number): number => (begin + minute * MINUTE) * 1000

it('an archive of a part takes the place of that part only', async () => {
  const content = { traces: false, logs: true, metrics: true, settings: false, start: time(3), end: time(6) }
  const file = await archive('part.glassbox', content)
  expect(await restored('of-part', file)).toEqual(
    expected((signal, _, minute) => (signal !== 'span' && minute >= 3 && minute < 6 ? 1 : 2)),
  )
})

it('what is chosen of a whole archive takes the place of the same here only', async () => {
  const file = await archive('full.glassbox', null)
  expect(await restored('of-service', file, { service: 'cart', start: time(5) })).toEqual(
    expected((_, service, minute) => (service === 'cart' && minute >= 5 ? 1 : 2)),
  )
  expect(await restored('whole', file)).toEqual(expected(() => 1))
  const scope = { traces: true, logs: false, metrics: true, start: time(5), end: time(8), service: 'cart' }
  const inside = { dataDir: join(root, 'source'), storage: settings.storage, scope }
  expect(await countInside(inside, hooks.signal)).toEqual({ traces: 3, logs: 0, metrics: 3 })
})

it('an archive of settings leaves telemetry alone', async () => {
  const content = { traces: false, logs: false, metrics: false, settings: true, start: null, end: null }
  expect(await restored('of-settings', await archive('settings.glassbox', content))).toEqual(expected(() => 2))
})

it('an archive that does not say which part it holds takes the place of nothing', () => {
  const manifest = { kind: 'part', parts: [], days: [], warnings: [] } as unknown as Manifest
  expect(() => replaceScope(manifest, everything)).toThrow('before archives said which part')
  const empty = { digest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }
  const text = JSON.stringify({ ...manifest, ...empty, content: { traces: 'yes' } })
  expect(() => readManifest(text)).toThrow('does not say which part')
})
