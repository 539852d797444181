import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { HostAddresses } from '../../core/host.ts'
import type { Ledger } from '../../core/pipeline/ledger.ts'
import { LANGUAGES, snippet } from '../../renderer/features/connect/snippets.ts'
import { runProgram } from '../fixtures/command.ts'
import { ask, type ServedProcess, serveProcess } from '../fixtures/served-process.ts'

/** What a newcomer does: `npm start`, then `npm run demo` or an app of their own with the settings that Connect shows. */
const SHOP = ['agent', 'cart', 'checkout', 'gateway', 'inventory', 'mail-worker', 'payment', 'recommend']
const WAIT = { timeout: 20_000, interval: 50 }

let dataDir: string
let served: ServedProcess
let host: HostAddresses

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-newcomer-'))
  served = serveProcess(dataDir, ['build/start.mjs'], { DISPLAY: '', WAYLAND_DISPLAY: '' })
  host = await served.ready
}, 60_000)
afterAll(async () => {
  expect(await served?.end('SIGTERM')).toBe(0)
  rmSync(dataDir, { recursive: true, force: true })
})

const rows = async <T>(query: string): Promise<T[]> =>
  (await ask<{ rows: T[] }>(host, '/api/sql', 'POST', { query, limit: 1000 })).rows

async function books(): Promise<Record<'traces' | 'logs', Ledger['traces']>> {
  const { traces, logs } = await ask<Record<'traces' | 'logs', Ledger['traces']>>(host, '/api/pipeline')
  return { traces, logs }
}

it.runIf(process.platform === 'linux')('says in one line why no window opens, and serves the page', async () => {
  const told = served
    .stderr()
    .split('\n')
    .filter((line) => line.includes('running headless'))
  expect(told).toEqual(['there is no display: running headless, open the address below in a browser'])
  const page = await fetch(host.api)
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('<div id="app">')
})

it('shows the shop of the demo: eight services, failures, retries, a worker, an agent, logs and metrics', async () => {
  const { code, stdout } = await runProgram('test/demo/run.ts', [
    ...['--to', host.otlp, '--rate', '40', '--seconds', '5', '--seed', '7'],
  ])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\d+ requests sent\n$/)
  await vi.waitUntil(async () => {
    const { traces, logs } = await books()
    return traces.received > 0 && traces.stored === traces.received && logs.stored === logs.received
  }, WAIT)

  const services = await rows<[string, number]>('select service, count(*) from _traces group by service order by 1')
  expect(services.map(([service]) => service)).toEqual(SHOP)
  const [[failed]] = await rows<[number]>("select count(distinct trace_id) from _traces where status = 'ERROR'")
  expect(failed).toBeGreaterThan(0)
  const [[queries]] = await rows<[number]>("select count(*) from _traces where attributes like '%db.query.text%'")
  expect(queries).toBeGreaterThan(100)
  const agent = await rows<[string]>("select distinct name from _traces where service = 'agent' order by 1")
  expect(agent.flat()).toEqual(expect.arrayContaining(['chat shop-small-2', 'execute_tool search_products']))
  const [[threaded]] = await rows<[number]>(
    'select count(*) from _logs where trace_id in (select trace_id from _traces where parent_id is null)',
  )
  expect(threaded).toBeGreaterThan(0)
  for (const table of ['_traces', '_logs'])
    expect(await rows(`select 1 from ${table} where attributes like '%never-stored%'`)).toEqual([])
  const requests = await ask<{ data: { result: { value: [number, string] }[] } }>(
    host,
    `/api/v1/query?query=${encodeURIComponent('sum(http_server_request_duration_seconds_count{job="shop/gateway"})')}`,
  )
  expect(Number(requests.data.result[0].value[1])).toBeGreaterThan(100)
}, 60_000)

it('hears an app that has the variables of Connect and nothing else', async () => {
  const addresses = { http: host.otlp, grpc: host.otlpGrpc }
  const settings = LANGUAGES.map((language) => snippet(language, addresses).run.match(/\bOTEL_\w+=\S+/g))
  const [first, ...others] = settings.filter((found) => found !== null)
  for (const other of others) expect(other).toEqual(first)
  const env = Object.fromEntries((first ?? []).map((one) => one.split(/=(.*)/s).slice(0, 2)))
  const { code, stderr } = await runProgram('test/fixtures/app-of-variables.ts', [], { env })
  expect([code, stderr]).toEqual([0, ''])
  await vi.waitUntil(
    async () => (await rows("select 1 from _traces where service = 'my-app' and name = 'hello'")).length === 1,
    WAIT,
  )
})
