import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { serveRpc } from '../../core/base/rpc.ts'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { logBatch, spanBatch, traceId, traceQuery } from '../conformance/telemetry-rows.ts'
import { seededRandom } from '../demo/shop.ts'
import { startCutProxy } from '../fixtures/postgres-proxy.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

const quiet = (_fields: object, _message: string): void => undefined
const log = { info: quiet, warn: quiet, error: quiet }
const rounds = process.env.GLASSBOX_LONG ? 100 : 6
const seed = Number(process.env.SEED ?? 17)
const PER_WRITE = 200

async function open(
  url: string,
  changes: Record<string, unknown> = {},
  folder = mkdtempSync(join(tmpdir(), 'glassbox-away-')),
  told: typeof log = log,
) {
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': `${url}?sslmode=disable`,
    'storage.reserveBytes': 0,
    ...changes,
  })
  const store = await openStore({ dataDir: folder, settings, log: told })
  return { store, folder }
}

const nextWrite = (write: number) => ({
  spans: [
    spanBatch(
      Array.from({ length: PER_WRITE }, (_, i) => ({ trace: write, span: write * 1000 + i, at: write + i / 1000 })),
      Date.now() * 1000,
    ),
  ],
  logs: [
    logBatch(
      Array.from({ length: 20 }, (_, i) => ({ at: write, body: `log ${write}-${i}` })),
      Date.now() * 1000,
    ),
  ],
})

const drained = (store: TelemetryStore) =>
  expect
    .poll(async () => [(await store.stats()).waiting?.spans, (await store.stats()).mode], {
      timeout: 60_000,
      interval: 100,
    })
    .toEqual([0, 'normal'])

async function counted(url: string): Promise<{ spans: number; distinct: number; logs: number; bodies: number }> {
  const [row] = await server.sql<Record<string, string>>(
    `SELECT (SELECT count(*) FROM glassbox._traces) AS spans, (SELECT count(DISTINCT (trace_id, span_id)) FROM glassbox._traces) AS distinct,
      (SELECT count(*) FROM glassbox._logs) AS logs, (SELECT count(DISTINCT body) FROM glassbox._logs) AS bodies`,
    url,
  )
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, Number(value)])) as never
}

it(`neither loses nor doubles a row when the line is cut at random moments (experiment 17, seed ${seed}, ${rounds} rounds)`, async () => {
  const url = await server.freshUrl()
  const proxy = await startCutProxy(server.port)
  const { store, folder } = await open(url.replace(`:${server.port}/`, `:${proxy.port}/`))
  const random = seededRandom(seed)
  try {
    let write = 0
    const before = proxy.sent()
    await store.writer.write(nextWrite(++write))
    const bytesAWrite = proxy.sent() - before
    for (let round = 0; round < rounds; round++) {
      // From the first byte to beyond the commit.
      const cut = proxy.cutAfter(Math.floor(random() * bytesAWrite * 1.2))
      for (let i = 0; i < 3; i++)
        expect(await store.writer.write(nextWrite(++write))).toMatchObject({ storedSpans: PER_WRITE, storedLogs: 20 })
      await cut
    }
    await drained(store)
    expect(await counted(url)).toEqual({
      spans: write * PER_WRITE,
      distinct: write * PER_WRITE,
      logs: write * 20,
      bodies: write * 20,
    })
    expect(await store.stats()).toMatchObject({ spans: write * PER_WRITE, logs: write * 20 })
  } finally {
    await store.stop()
    await proxy.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 600_000)

it('goes on taking while Postgres is away, up to its limit on disk, says so, and stores all in order when it is back', async () => {
  const url = await server.freshUrl()
  const proxy = await startCutProxy(server.port)
  const away = url.replace(`:${server.port}/`, `:${proxy.port}/`)
  const first = await open(away, { 'storage.queueBytes': 1024 * 1024 })
  let store = first.store
  try {
    await store.writer.write(nextWrite(1))
    proxy.refuse(true)
    let write = 1
    let refused: unknown = null
    while (refused === null) {
      try {
        await store.writer.write(nextWrite(write + 1))
        write++
      } catch (error) {
        refused = error
      }
    }
    expect(refused).toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('queue on disk is full'),
    })
    expect(write).toBeGreaterThan(5)
    const stats = await store.stats()
    expect(stats).toMatchObject({
      mode: 'away',
      modeSince: expect.any(Number),
      waiting: { spans: (write - 1) * PER_WRITE, logs: (write - 1) * 20, limitBytes: 1024 * 1024 },
    })
    expect(stats.waiting?.bytes).toBeLessThanOrEqual(1024 * 1024)
    await expect(store.reader.searchTraces(traceQuery())).rejects.toMatchObject({
      code: 'postgres_unreachable',
      status: 503,
    })
    // The host is stopped meanwhile: what waits is there at the next start.
    await store.stop()
    proxy.refuse(false)
    store = (await open(away, {}, first.folder)).store
    await drained(store)
    expect(await counted(url)).toEqual({
      spans: write * PER_WRITE,
      distinct: write * PER_WRITE,
      logs: write * 20,
      bodies: write * 20,
    })
    const order = await server.sql<{ trace_id: string }>(
      "SELECT encode(trace_id, 'hex') AS trace_id FROM glassbox._traces GROUP BY 1 ORDER BY min(seq)",
      url,
    )
    expect(order.map((row) => row.trace_id)).toEqual(Array.from({ length: write }, (_, i) => traceId(i + 1)))
  } finally {
    await store.stop()
    await proxy.close()
    rmSync(first.folder, { recursive: true, force: true })
  }
}, 120_000)

it('stores what waits around a write that the server refuses, each in its place', async () => {
  const url = await server.freshUrl()
  const proxy = await startCutProxy(server.port)
  const told: string[] = []
  const { store, folder } = await open(url.replace(`:${server.port}/`, `:${proxy.port}/`), {}, undefined, {
    ...log,
    error: (_: object, message: string) => void told.push(message),
  })
  const heard: unknown[] = []
  const port = store.writerPort()
  serveRpc(port, { refusedLater: (rows: unknown) => heard.push(rows) })
  try {
    proxy.refuse(true)
    for (let write = 1; write <= 9; write++) await store.writer.write(nextWrite(write))
    await server.sql("ALTER TABLE glassbox._logs ADD CHECK (body <> 'log 5-7')", url)
    proxy.refuse(false)
    await drained(store)
    const rows = await server.sql<{ trace_id: string }>(
      "SELECT encode(trace_id, 'hex') AS trace_id FROM glassbox._traces GROUP BY 1, seq ORDER BY seq",
      url,
    )
    expect(rows.map((row) => row.trace_id)).toEqual([1, 2, 3, 4, 6, 7, 8, 9].map(traceId))
    expect(await counted(url)).toMatchObject({ spans: 8 * PER_WRITE, distinct: 8 * PER_WRITE, logs: 160 })
    expect(told.filter((line) => line.includes('left out'))).toEqual([
      expect.stringMatching(/^a queued write of 200 spans and 20 log records is left out: it was refused: .*check/),
    ])
    // The books of the pipeline hear of it at once, without a next write, and only once.
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual([{ spans: PER_WRITE, logs: 20 }])
    expect(await store.writer.write(nextWrite(10))).toMatchObject({ storedSpans: PER_WRITE })
    expect(heard).toHaveLength(1)
  } finally {
    port.close()
    await store.stop()
    await proxy.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)

it('starts while Postgres is away, takes writes, answers queries at once with the cause, and stores all when it is there', async () => {
  const url = await server.freshUrl()
  const proxy = await startCutProxy(server.port)
  proxy.refuse(true)
  const { store, folder } = await open(url.replace(`:${server.port}/`, `:${proxy.port}/`))
  try {
    expect(await store.stats()).toMatchObject({ engine: 'postgres', mode: 'away', modeSince: expect.any(Number) })
    expect(await store.writer.write(nextWrite(1))).toMatchObject({ storedSpans: PER_WRITE, storedLogs: 20 })
    expect(await store.stats()).toMatchObject({ waiting: { spans: PER_WRITE, logs: 20 } })
    await expect(store.reader.searchTraces(traceQuery())).rejects.toMatchObject({
      code: 'postgres_unreachable',
      status: 503,
      hint: expect.any(String),
    })
    proxy.refuse(false)
    await drained(store)
    expect((await store.reader.searchTraces(traceQuery())).items.map((trace) => trace.traceId)).toEqual([traceId(1)])
  } finally {
    await store.stop()
    await proxy.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)

it.each([
  ['a port where nothing listens', '127.0.0.1:1', 'does not answer'],
  ['a host that has no address', 'no-such-host.invalid:5432', 'cannot be resolved'],
])('waits for %s and says so', async (_, at, words) => {
  const { store, folder } = await open(`postgres://u:p@${at}/d`)
  try {
    expect(await store.stats()).toMatchObject({ mode: 'away', modeReason: expect.stringContaining(words) })
  } finally {
    await store.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

it('hears of writes of other hosts until it is asked to stop', async () => {
  const url = await server.freshUrl()
  const [one, two] = [await open(url), await open(url)]
  try {
    let heard = 0
    const stop = one.store.onForeignWrite?.(() => {
      heard++
    })
    // One that begins to listen only now is told so, and looks for what came before.
    for (let write = 1; write <= 3; write++) {
      const known = heard
      await two.store.writer.write(nextWrite(write))
      await expect.poll(() => heard, { timeout: 20_000 }).toBeGreaterThan(known)
    }
    const before = heard
    stop?.()
    await two.store.writer.write(nextWrite(4))
    await expect.poll(async () => (await one.store.stats()).spans).toBe(4 * PER_WRITE)
    expect(heard).toBe(before)
  } finally {
    await one.store.stop()
    await two.store.stop()
    for (const { folder } of [one, two]) rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)

it('counts and shows what a crash of the server took (experiment 18)', async () => {
  const own = await startPostgres()
  const url = await own.freshUrl()
  const { store, folder } = await open(url)
  try {
    for (let write = 1; write <= 3; write++) await store.writer.write(nextWrite(write))
    await own.crash()
    await store.writer.write(nextWrite(4))
    await own.restart()
    await drained(store)
    const stats = await store.stats()
    expect(stats.lost).toMatchObject({ spans: 3 * PER_WRITE, logs: 60 })
    expect(stats).toMatchObject({ spans: PER_WRITE, logs: 20 })
    expect((await store.reader.searchTraces(traceQuery())).items.map((trace) => trace.traceId)).toEqual([traceId(4)])
  } finally {
    await store.stop()
    await own.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)

it('shows one host what another wrote, and lets one of them alone remove data', async () => {
  const url = await server.freshUrl()
  const [one, two] = [await open(url), await open(url)]
  try {
    const { seq } = await two.store.reader.changes(0, 0)
    await Promise.all([1, 2, 3, 4].map((write) => (write % 2 ? one : two).store.writer.write(nextWrite(write))))
    const changes = await two.store.reader.changes(seq, 10)
    expect(changes.traces.map((trace) => trace.traceId).sort()).toEqual([1, 2, 3, 4].map(traceId))
    expect(await one.store.stats()).toMatchObject({ spans: 4 * PER_WRITE, logs: 80 })
    const policy = { tracesDays: 7, tracesBytes: 1e12, logsDays: 7 }
    await one.store.runRetention(policy)
    await two.store.runRetention(policy)
    const leases = await server.sql<{ host: string; fence: string }>('SELECT host, fence FROM glassbox._lease', url)
    expect(leases).toHaveLength(1)
    await server.sql("UPDATE glassbox._lease SET expires = now() - interval '1 second'", url)
    await two.store.runRetention(policy)
    const [taken] = await server.sql<{ host: string; fence: string }>('SELECT host, fence FROM glassbox._lease', url)
    expect(Number(taken.fence)).toBeGreaterThan(Number(leases[0].fence))
  } finally {
    await one.store.stop()
    await two.store.stop()
    for (const { folder } of [one, two]) rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
