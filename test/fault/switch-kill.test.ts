import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusAnswer } from '../../core/api/contract/shapes.ts'
import type { HostAddresses } from '../../core/host.ts'
import type { Job } from '../../core/model/job.ts'
import { seededRandom } from '../demo/shop.ts'
import { IdSender } from '../fixtures/id-sender.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { ask, type ServedProcess, serveProcess, storedIds } from '../fixtures/served-process.ts'

const seed = Number(process.env['SEED'] ?? 37)
const ROUNDS = process.env['GLASSBOX_LONG'] ? 30 : 3
const SPANS = process.env['GLASSBOX_LONG'] ? 60_000 : 10_000
/** What the job does when its host is killed; `random` is any moment of it. */
const MOMENTS = ['copy', 'verify', 'random', 'metrics', 'start', 'catch-up'] as const

let server: PostgresServer
let dataDir: string
let served: ServedProcess
let addresses: HostAddresses
let sender: IdSender
beforeAll(async () => {
  server = await startPostgres()
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-switch-'))
  await start()
  sender = new IdSender(() => addresses.otlp)
  for (let sent = 0; sent < SPANS; sent += 1000) await sender.send(1000)
}, 120_000)
afterAll(async () => {
  await served.end('SIGKILL')
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(): Promise<void> {
  served = serveProcess(dataDir)
  addresses = await served.ready
}

const begin = (body: object): Promise<Job> => ask<Job>(addresses, '/api/storage/switch', 'POST', body)
const jobOf = (id: string): Promise<Job> => ask<Job>(addresses, `/api/jobs/${id}`)
const engineOf = async (): Promise<string> => (await ask<StatusAnswer>(addresses, '/api/status')).storage.engine

async function ended(id: string): Promise<Job> {
  await expect.poll(async () => (await jobOf(id)).endedAt, { timeout: 120_000, interval: 50 }).not.toBeNull()
  return jobOf(id)
}

/** Kills the host once the job is at `moment`, or has ended. @returns where it was */
async function killAt(id: string, moment: (typeof MOMENTS)[number], pauseMs: number): Promise<string> {
  if (moment === 'random') await new Promise((resolve) => setTimeout(resolve, pauseMs))
  let job = await jobOf(id)
  while (moment !== 'random' && job.endedAt === null && job.progress.phase !== moment) job = await jobOf(id)
  await served.end('SIGKILL')
  return job.endedAt === null ? job.progress.phase : 'ended'
}

async function leftIn(url: string): Promise<Record<string, number>> {
  const count = (table: string): string => `(SELECT count(*)::int FROM glassbox.${table}) AS ${table}`
  const [one] = await server.sql<Record<string, number>>(
    `SELECT ${['_traces', '_logs', '_metric_chunks', '_metric_series', '_moves'].map(count).join(', ')}`,
    url,
  )
  return one
}

it(`a kill -9 in the middle of a switch leaves all in the old engine, and the switch goes on or is cancelled cleanly (experiment 37, seed ${seed}, ${ROUNDS} rounds)`, async () => {
  const random = seededRandom(seed)
  await expect.poll(async () => (await storedIds(addresses)).length, { timeout: 30_000 }).toBe(SPANS)
  const all = [...sender.acknowledged].sort((a, b) => a - b)
  const seen: object[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const url = await server.freshUrl()
    const moment = MOMENTS[round % MOMENTS.length]
    const cancels = round % 2 === 1
    const { id } = await begin({ url: `${url}?sslmode=disable`, move: 'all', existing: 'delete' })
    const killed = await killAt(id, moment, Math.floor(random() * 1500))
    await start()
    if (cancels) await ask(addresses, `/api/jobs/${id}/cancel`, 'POST').catch(() => undefined)
    const job = await ended(id)
    seen.push({ round, killed, state: job.state })
    const told = `seed ${seed}, ${JSON.stringify(seen)}`
    expect(await storedIds(addresses), told).toEqual(all)
    if (job.state === 'done') {
      expect(await engineOf(), told).toBe('postgres')
      // The file still has everything: back to it for the next round.
      await ended((await begin({ url: 'sqlite:', move: 'settings' })).id)
      expect(await storedIds(addresses), told).toEqual(all)
    } else {
      expect(job, told).toMatchObject({ state: 'cancelled', error: null })
      expect(await engineOf(), told).toBe('sqlite')
      expect(await leftIn(url), told).toEqual({ _traces: 0, _logs: 0, _metric_chunks: 0, _metric_series: 0, _moves: 0 })
    }
  }
  console.log(JSON.stringify({ id: 37, seed, n: ROUNDS, rounds: seen }))
  expect(seen).toContainEqual(expect.objectContaining({ state: 'done' }))
}, 1_800_000)
