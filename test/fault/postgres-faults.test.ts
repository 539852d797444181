import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ExpectStatic, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { connect, readTarget } from '../../core/storage/postgres/connection.ts'
import { Lease } from '../../core/storage/postgres/lease.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { logBatch, spanBatch } from '../conformance/telemetry-rows.ts'
import { seededRandom } from '../demo/shop.ts'
import { GLASSBOX_MAIN } from '../fixtures/main-file.ts'
import { startCutProxy } from '../fixtures/postgres-proxy.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const seed = Number(process.env.SEED ?? 18)
const rounds = process.env.GLASSBOX_LONG ? 100 : 6
const PER_WRITE = 100
const FAULTS = ['cut', 'restart', 'crash', 'freeze'] as const

async function open(url: string, folder = mkdtempSync(join(tmpdir(), 'glassbox-faults-'))) {
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': `${url}?sslmode=disable`,
    'storage.reserveBytes': 0,
  })
  return { store: await openStore({ dataDir: folder, settings, log }), folder }
}

const nextWrite = (write: number) => ({
  spans: [
    spanBatch(
      Array.from({ length: PER_WRITE }, (_, i) => ({ trace: write, span: write * 1000 + i, at: write + i / 1000 })),
      Date.now() * 1000,
    ),
  ],
  logs: [logBatch([{ at: write, body: `log ${write}` }], Date.now() * 1000)],
})

const drained = (expect: ExpectStatic, store: TelemetryStore) =>
  expect
    .poll(
      async () => {
        const { waiting, mode } = await store.stats()
        return [waiting?.spans, mode]
      },
      { timeout: 120_000, interval: 100 },
    )
    .toEqual([0, 'normal'])

async function harm(server: PostgresServer, fault: (typeof FAULTS)[number], cut: () => Promise<void>, pause: number) {
  const moment = new Promise((resolve) => setTimeout(resolve, pause))
  if (fault === 'cut') await cut()
  else if (fault === 'freeze') {
    server.freeze(true)
    await moment
    server.freeze(false)
  } else {
    await moment
    await (fault === 'crash' ? server.crash() : server.halt())
    await server.restart()
  }
}

// It mostly waits, as does the next one.
it.concurrent(`accounts for every row while the server is cut off, restarted, crashed and frozen (experiments 17, 18, 20; seed ${seed}, ${rounds} rounds)`, async ({
  expect,
}) => {
  const server = await startPostgres()
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
      const fault = FAULTS[round < FAULTS.length ? round : Math.floor(random() * FAULTS.length)]
      const harmed = harm(
        server,
        fault,
        () => proxy.cutAfter(Math.floor(random() * bytesAWrite * 1.2)),
        Math.floor(random() * 200),
      )
      let over = false
      void harmed.then(() => {
        over = true
      })
      // At least three writes, and on until the harm is done or there is enough to store afterwards.
      for (let i = 0; i < 3 || (!over && i < 50); i++)
        expect(await store.writer.write(nextWrite(++write))).toMatchObject({ storedSpans: PER_WRITE, storedLogs: 1 })
      await harmed
    }
    await drained(expect, store)
    const stats = await store.stats()
    const [there] = await server.sql<{ spans: string; distinct: string; logs: string; counted: string }>(
      `SELECT (SELECT count(*) FROM glassbox._traces) AS spans, (SELECT count(DISTINCT (trace_id, span_id)) FROM glassbox._traces) AS distinct,
        (SELECT count(*) FROM glassbox._logs) AS logs, (SELECT coalesce(sum(rows), 0) FROM glassbox._counts WHERE signal = 'traces') AS counted`,
      url,
    )
    expect(there.distinct).toBe(there.spans)
    expect(there.counted).toBe(there.spans)
    expect(Number(there.spans) + (stats.lost?.spans ?? 0)).toBe(write * PER_WRITE)
    expect(Number(there.logs) + (stats.lost?.logs ?? 0)).toBe(write)
    expect(stats).toMatchObject({ spans: Number(there.spans), logs: Number(there.logs) })
    expect(stats.lost?.spans).toBeGreaterThan(0)
  } finally {
    await store.stop()
    await proxy.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}, 1_800_000)

it.concurrent('replaces a frozen holder of the lease within 30 s, and it does no harm when it wakes (experiment 41)', async ({
  expect,
}) => {
  const server = await startPostgres()
  const url = await server.freshUrl()
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'glassbox-lease-')))
  const serve = (folder: string) =>
    spawn(
      process.execPath,
      [GLASSBOX_MAIN, 'serve', '--data-dir', folder, '--api-port', '0', '--otlp-port', '0', '--otlp-grpc-port', '0'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, GLASSBOX_ENGINE: 'postgres', GLASSBOX_POSTGRES_URL: `${url}?sslmode=disable` },
      },
    )
  const lease = async () =>
    (
      await server.sql<{ host: string; fence: string }>('SELECT host, fence FROM glassbox._lease', url).catch(() => [])
    )[0]
  const idOf = (folder: string): string => readFileSync(join(folder, 'host-id'), 'utf8').trim()
  const first = serve(folders[0])
  let second: ReturnType<typeof serve> | null = null
  const client = await connect(readTarget(url, 'glassbox'))
  try {
    await expect.poll(async () => (await lease())?.host, { timeout: 60_000 }).toBeTruthy()
    const held = await lease()
    expect(held.host).toBe(idOf(folders[0]))
    second = serve(folders[1])
    await new Promise((resolve) => second?.stdout?.once('data', resolve))
    first.kill('SIGSTOP')
    // 20 s until it ends and 5 s until the next look: within 30 s, and some on a busy machine.
    await expect.poll(async () => (await lease())?.host, { timeout: 45_000, interval: 200 }).toBe(idOf(folders[1]))
    const taken = await lease()
    expect(Number(taken.fence)).toBeGreaterThan(Number(held.fence))
    first.kill('SIGCONT')
    const old = new Lease('glassbox', held.host)
    expect(await old.renew(client)).toBeNull()
    await expect(
      old.guard(client, async () => {
        await client.query('DROP TABLE glassbox._marker')
      }),
    ).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(await server.sql('SELECT * FROM glassbox._marker', url)).toHaveLength(1)
    await expect.poll(async () => (await lease())?.host).toBe(taken.host)
  } finally {
    await client.end()
    first.kill('SIGKILL')
    second?.kill('SIGKILL')
    await server.stop()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}, 180_000)

it('four hosts that write at once store every row once', async () => {
  const server = await startPostgres(['-c', 'log_lock_waits=on', '-c', 'deadlock_timeout=100ms'])
  const url = await server.freshUrl()
  const hosts = await Promise.all(Array.from({ length: 4 }, () => open(url)))
  const writes = 20
  try {
    await Promise.all(
      hosts.map(async ({ store }, host) => {
        for (let write = 1; write <= writes; write++) await store.writer.write(nextWrite(host * 1000 + write))
      }),
    )
    const rows = hosts.length * writes * PER_WRITE
    for (const { store } of hosts)
      expect(await store.stats()).toMatchObject({ spans: rows, logs: hosts.length * writes })
    const [{ hosts: seen, spans }] = await server.sql<{ hosts: string; spans: string }>(
      'SELECT count(DISTINCT host) AS hosts, count(DISTINCT (trace_id, span_id)) AS spans FROM glassbox._traces',
      url,
    )
    expect([seen, spans]).toEqual(['4', String(rows)])
    expect(server.messages.filter((line) => /deadlock detected/.test(line))).toEqual([])
  } finally {
    for (const { store, folder } of hosts) {
      await store.stop()
      rmSync(folder, { recursive: true, force: true })
    }
    await server.stop()
  }
}, 120_000)
