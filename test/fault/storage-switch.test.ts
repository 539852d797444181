import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { StatusAnswer } from '../../core/api/contract/shapes.ts'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import type { SwitchResult } from '../../core/migrate/switch-job.ts'
import { Engines } from '../../core/storage/open-store.ts'
import { seededRandom } from '../demo/shop.ts'
import { IdSender } from '../fixtures/id-sender.ts'
import { startCutProxy } from '../fixtures/postgres-proxy.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'
import { cancelJob, endedJob, startSwitch } from '../fixtures/storage-jobs.ts'

const seed = Number(process.env['SEED'] ?? 38)
const rows = process.env['GLASSBOX_LONG'] ? 200_000 : 6000

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server.stop())

let url: string
let host: RunningHost
let sender: IdSender
beforeEach(async () => {
  url = `${await server.freshUrl()}?sslmode=disable`
  host = await startTestHost()
  sender = new IdSender(() => host.otlp)
})
afterEach(() => host.stop())

const engineOf = async (): Promise<string> => (await host.get<StatusAnswer>('/api/status')).storage.engine

/** Ids of every stored span, one entry a stored row. */
async function storedIds(): Promise<number[]> {
  const ids: number[] = []
  for (let after = ''; ; ) {
    const query = `select span_id from _traces where span_id > '${after}' order by span_id`
    const body = JSON.stringify({ query, limit: 10_000 })
    const headers = { 'content-type': 'application/json' }
    const { rows: found } = await host.get<{ rows: string[][] }>('/api/sql', { method: 'POST', headers, body })
    if (found.length === 0) return ids
    for (const [id] of found) ids.push(Number.parseInt(id, 16))
    after = found[found.length - 1][0]
  }
}

async function send(count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 500) await sender.send(Math.min(500, count - sent))
}

/** Sends `points` of a counter that grows by one each second, and answers how many are stored of it. */
async function sendMetric(points: number): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const dataPoints = Array.from({ length: points }, (_, i) => ({
    timeUnixNano: `${now - points + i}000000000`,
    asInt: String(i),
  }))
  const metrics = [{ name: 'moved', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }]
  const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
  const headers = { 'content-type': 'application/json' }
  expect((await fetch(`${host.otlp}/v1/metrics`, { method: 'POST', headers, body })).status).toBe(200)
}
const countSamples = async (): Promise<string | undefined> => {
  const query = encodeURIComponent('count_over_time(moved_total[1h])')
  const { data } = await host.get<{ data: { result: { value: [number, string] }[] } }>(`/api/v1/query?query=${query}`)
  return data.result[0]?.value[1]
}

const sorted = (ids: Iterable<number>): number[] => [...ids].sort((a, b) => a - b)

/** Everything that was acknowledged is there once. */
async function expectAllThere(): Promise<void> {
  expect(sender.partial).toEqual([])
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ query: 'select count(*) from _traces', limit: 1 })
  const count = async (): Promise<number> =>
    (await host.get<{ rows: number[][] }>('/api/sql', { method: 'POST', headers, body })).rows[0][0]
  await expect.poll(count, { timeout: 60_000 }).toBe(sender.acknowledged.size)
  expect(await storedIds()).toEqual(sorted(sender.acknowledged))
}

/** Sends in the background until it is stopped, or a slow machine has had its fill. */
function keepSending(): { stop(): Promise<void> } {
  let going = true
  const done = (async () => {
    for (let sent = 0; going && sent < 200; sent++) await sender.send(50)
  })()
  return {
    async stop() {
      going = false
      await done
    },
  }
}

/** What lies in the Postgres schema: rows, samples, and places of moves. */
async function left(): Promise<{ spans: number; chunks: number; series: number; moves: number }> {
  const [one] = await server.sql<Record<'spans' | 'chunks' | 'series' | 'moves', string>>(
    `SELECT (SELECT count(*) FROM glassbox._traces) AS spans, (SELECT count(*) FROM glassbox._metric_chunks) AS chunks,
      (SELECT count(*) FROM glassbox._metric_series) AS series, (SELECT count(*) FROM glassbox._moves) AS moves`,
    url,
  )
  const { spans, chunks, series, moves } = one
  return { spans: Number(spans), chunks: Number(chunks), series: Number(series), moves: Number(moves) }
}

describe('a switch', () => {
  it('moves everything to Postgres and back while telemetry keeps arriving, and loses and doubles nothing', async () => {
    await send(rows)
    await sendMetric(600)
    expect(await countSamples()).toBe('600')
    for (const [target, engine, kept] of [
      [url, 'postgres', 'sqlite'],
      ['sqlite:', 'sqlite', 'postgres'],
    ]) {
      const sending = keepSending()
      const { id, input } = await startSwitch(host, { url: target, move: 'all', existing: 'delete' })
      expect(JSON.stringify(input)).not.toContain('p%40ss')
      const job = await endedJob(host, id)
      await sending.stop()
      expect(job).toMatchObject({ state: 'done', error: null, result: { engine, kept } })
      expect((job.result as SwitchResult).spans).toBeGreaterThanOrEqual(rows)
      expect((job.result as SwitchResult).samples).toBeGreaterThanOrEqual(600)
      expect(await engineOf()).toBe(engine)
      expect(await countSamples()).toBe('600')
      await send(100)
      await expectAllThere()
    }
    const { value } = (await host.get<Record<string, { value: unknown }>>('/api/settings'))['storage.engine']
    expect(value).toBe('sqlite')
  }, 240_000)

  it('of settings only begins anew and leaves the old telemetry where it is', async () => {
    await send(300)
    const { id } = await startSwitch(host, { url, move: 'settings' })
    expect(await endedJob(host, id)).toMatchObject({ state: 'done', result: { spans: 0, days: 0 } })
    expect(await engineOf()).toBe('postgres')
    expect(await storedIds()).toEqual([])
    await startSwitch(host, { url: 'sqlite:', move: 'settings' }).then(({ id: back }) => endedJob(host, back))
    await expectAllThere()
  })

  it('from a time on leaves older telemetry behind', async () => {
    await send(100)
    await sender.send(100, () => ({ startTimeUnixNano: '1700000000000000000', endTimeUnixNano: '1700000000000000001' }))
    const since = (Date.now() - 3_600_000) * 1000
    const { id } = await startSwitch(host, { url, move: { since } })
    expect(await endedJob(host, id)).toMatchObject({ state: 'done', result: { spans: 100 } })
    expect(await storedIds()).toEqual(sorted(sender.acknowledged).slice(0, 100))
  })

  it('refuses a target that holds telemetry, unless told what becomes of it', async () => {
    await send(100)
    const there = await startSwitch(host, { url, move: 'all' })
    await endedJob(host, there.id)
    const refused = await startSwitch(host, { url: 'sqlite:', move: 'all' })
    expect(await endedJob(host, refused.id)).toMatchObject({ state: 'failed', error: { code: 'target_not_empty' } })
    expect(await engineOf()).toBe('postgres')
    await expectAllThere()
    const deleted = await startSwitch(host, { url: 'sqlite:', move: 'all', existing: 'delete' })
    expect(await endedJob(host, deleted.id)).toMatchObject({ state: 'done' })
    await expectAllThere()
  })

  it('tells at once what is wrong with the address, and changes nothing', async () => {
    await send(100)
    const wrong = url.replace('p%40ss', 'other')
    const { id } = await startSwitch(host, { url: wrong, move: 'all' })
    const job = await endedJob(host, id)
    expect(job).toMatchObject({ state: 'failed', error: { code: 'postgres_login' } })
    expect(JSON.stringify(job)).not.toContain('other')
    await expectAllThere()
    expect(await engineOf()).toBe('sqlite')
  })
})

describe('a switch that does not come to its end', () => {
  it('leaves the old engine working and the target clean when it is cancelled at any step', async () => {
    await send(rows)
    await sendMetric(600)
    const random = seededRandom(seed)
    let cancelled = 0
    for (let round = 0; round < 4; round++) {
      const { id } = await startSwitch(host, { url, move: 'all' })
      const after = Math.floor(random() * 400)
      await new Promise((resolve) => setTimeout(resolve, after))
      const answer = await cancelJob(host, id).catch((error: Error) => error)
      const job = await endedJob(host, id)
      if (job.state === 'done') {
        // It had passed the point of no return: then it is whole.
        await expectAllThere()
        const back = await startSwitch(host, { url: 'sqlite:', move: 'settings' })
        await endedJob(host, back.id)
        break
      }
      expect(job, String(answer)).toMatchObject({ state: 'cancelled', error: null })
      cancelled++
      expect(await left()).toEqual({ spans: 0, chunks: 0, series: 0, moves: 0 })
      expect(await engineOf()).toBe('sqlite')
      await send(10)
      await expectAllThere()
    }
    expect(cancelled, `seed ${seed}`).toBeGreaterThan(0)
  }, 120_000)

  it('goes on after a restart of the host where it was, and still neither loses nor doubles', async () => {
    await send(rows)
    const { id } = await startSwitch(host, { url, move: 'all' })
    await host.host.stop()
    const { dataDir } = host
    const again = await startTestHost({}, undefined, { dataDir })
    host = again
    const job = await endedJob(host, id)
    expect(job).toMatchObject({ state: 'done' })
    await send(100)
    await expectAllThere()
    expect(await engineOf()).toBe('postgres')
    expect(existsSync(join(dataDir, 'auxiliary.db'))).toBe(true)
  }, 120_000)

  it('waits for a server that is cut off in the middle, and brings nothing twice', async () => {
    await send(rows)
    const proxy = await startCutProxy(server.port)
    try {
      const through = url.replace(`:${server.port}/`, `:${proxy.port}/`)
      const { id } = await startSwitch(host, { url: through, move: 'all' })
      await proxy.cutAfter(200_000)
      const job = await endedJob(host, id)
      expect(job).toMatchObject({ state: 'done' })
      await send(10)
      await expectAllThere()
      const back = await startSwitch(host, { url: 'sqlite:', move: 'settings' })
      await endedJob(host, back.id)
    } finally {
      await proxy.close()
    }
  }, 120_000)
})

it('deletes the old telemetry when asked to, and only then', async () => {
  await send(200)
  await endedJob(host, (await startSwitch(host, { url, move: 'all' })).id)
  await expectAllThere()
  const headers = { 'content-type': 'application/json' }
  const { id } = await host.get<{ id: string }>('/api/storage/delete-old', { method: 'POST', headers, body: '{}' })
  expect(await endedJob(host, id)).toMatchObject({ state: 'done', result: { engine: 'sqlite', spans: 200 } })
  await expectAllThere()
  const settings = applySettings(defaultSettings, { 'storage.reserveBytes': 0 })
  await host.host.stop()
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const engines = new Engines({ dataDir: host.dataDir, settings, log })
  const file = await engines.open({ engine: 'sqlite', postgresUrl: '' })
  expect(await file.stats()).toMatchObject({ spans: 0, logs: 0 })
  await engines.stop()
})
