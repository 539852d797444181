import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { rowsOf, scanAll } from '../../core/storage/scan.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { logBatch, spanBatch, traceId, traceQuery } from '../conformance/telemetry-rows.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { standbyOf } from '../fixtures/postgres-standby.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const folder = mkdtempSync(join(tmpdir(), 'glassbox-replica-'))
const replicaFolder = mkdtempSync(join(tmpdir(), 'glassbox-standby-'))
let server: PostgresServer
let replica: PostgresServer
let replicaUrl = ''
let store: TelemetryStore

beforeAll(async () => {
  // The server runs as a user of its own and must get through.
  chmodSync(replicaFolder, 0o755)
  server = await startPostgres()
  const url = new URL(await server.freshUrl())
  replica = await standbyOf(server, join(replicaFolder, 'data'), { follows: true })
  const of = new URL(url)
  of.port = String(replica.port)
  replicaUrl = of.href
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': url.href,
    'storage.postgresReadUrl': replicaUrl,
    'storage.postgresDurable': true,
    'storage.reserveBytes': 0,
  })
  store = await openStore({ dataDir: folder, settings, log })
}, 120_000)
afterAll(async () => {
  await store?.stop()
  await replica?.stop()
  await server?.stop()
  for (const one of [folder, replicaFolder]) rmSync(one, { recursive: true, force: true })
})

const write = (trace: number) =>
  store.writer.write({
    spans: [spanBatch([{ trace, span: trace, at: trace }], Date.now() * 1000)],
    logs: [logBatch([{ at: trace, body: `of ${trace}`, trace }], Date.now() * 1000)],
  })
const listed = async () => (await store.reader.searchTraces(traceQuery())).items.map((one) => one.traceId)
async function scanned(): Promise<number> {
  let rows = 0
  const upTo = await store.reader.scanMark()
  for await (const part of scanAll(store.reader, { after: null, upTo, since: null })) rows += rowsOf(part)
  return rows
}

it('searches the replica, and finds a trace that was just written although the replica lags behind', async () => {
  await write(1)
  await expect.poll(listed, { timeout: 30_000 }).toEqual([traceId(1)])
  await replica.sql('SELECT pg_wal_replay_pause()')
  await expect
    .poll(async () => (await replica.sql('SELECT pg_get_wal_replay_pause_state() AS state'))[0].state)
    .toBe('paused')
  const { seq } = await store.reader.changes(0, 0)
  await write(2)
  // It is the replica that is searched.
  expect(await listed()).toEqual([traceId(1)])
  expect(await store.reader.trace(traceId(2))).toMatchObject({ traceId: traceId(2), logs: [{ body: 'of 2' }] })
  expect(await store.reader.tracePart?.(traceId(2), { kind: 'structure' })).not.toBeNull()
  expect(await store.reader.trace(traceId(3))).toBeNull()
  expect((await store.reader.changes(seq, 10)).traces.map((one) => one.traceId)).toEqual([traceId(2)])
  // A move leaves nothing behind.
  expect(await scanned()).toBe(4)
  await replica.sql('SELECT pg_wal_replay_resume()')
  await expect.poll(listed, { timeout: 30_000 }).toEqual([traceId(2), traceId(1)])
}, 60_000)

it('searches the server itself while the replica is away, and the replica again when it is back', async () => {
  await replica.halt()
  await write(3)
  expect(await listed()).toEqual([3, 2, 1].map(traceId))
  await replica.restart()
  await expect.poll(listed, { timeout: 30_000 }).toEqual([3, 2, 1].map(traceId))
}, 60_000)
