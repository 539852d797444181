import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { Agent } from '../../core/collectors/agent/agent.ts'
import type { HostInfo } from '../../core/model/answers.ts'
import { type CommandEnd, glassbox } from '../fixtures/command.ts'
import { GLASSBOX_MAIN } from '../fixtures/main-file.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let folder: string
let host: RunningHost | null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-agent-'))
  host = null
})
afterEach(async () => {
  await host?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A host that listens beyond loopback, as one that others report to. */
const remote = (): Promise<RunningHost> => startTestHost({ 'server.host': '0.0.0.0' }, undefined, { token: 's3cret' })
const portOf = (address: string): string => new URL(address).port
const agent = (to: string, token: string): Promise<CommandEnd> =>
  glassbox(['agent', '--to', to, '--token', token, '--data-dir', folder, '--interval', '1'])

async function until<T>(ask: () => Promise<T>, enough: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (enough(answer)) return answer
  }
}

it('reports another machine by name until SIGTERM, which ends it with 0', { timeout: 60_000 }, async () => {
  host = await remote()
  const { api, token } = host
  // Not on the list of hosts, but the very address that the connection comes in on.
  const to = `http://127.0.0.2:${portOf(host.otlp)}`
  const flags = [
    'agent',
    '--to',
    to,
    '--token',
    's3cret',
    '--data-dir',
    folder,
    '--interval',
    '1',
    '--host-name',
    'web-1',
  ]
  const child = spawn(process.execPath, [GLASSBOX_MAIN, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  expect(line.toString()).toContain('reporting web-1 to')
  const ask = async (): Promise<HostInfo[]> => {
    const answer = await fetch(`http://127.0.0.1:${portOf(api)}/api/hosts`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return ((await answer.json()) as { items: HostInfo[] }).items
  }
  const [seen] = await until(ask, (items) => items.length > 0)
  expect(seen).toMatchObject({ name: 'web-1', online: true, interval: 1e6, arch: process.arch })
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
})

it('says what is wrong with token and address, each with its exit code', { timeout: 60_000 }, async () => {
  host = await remote()
  const otlp = `http://127.0.0.1:${portOf(host.otlp)}`
  const wrongToken = await agent(otlp, 'guess')
  expect(wrongToken.stderr).toContain('refused the token')
  expect(wrongToken.code).toBe(3)
  const wrongPort = await agent(`http://127.0.0.1:${portOf(host.api)}`, 's3cret')
  expect(wrongPort.stderr).toContain('takes no OTLP metrics')
  expect(wrongPort.code).toBe(6)
  const noAddress = await agent('server:4318', 's3cret')
  expect(noAddress.stderr).toContain('is not an address')
  expect(noAddress.code).toBe(2)
})

it('keeps what it measures while the server is away and catches up in order', { timeout: 60_000 }, async () => {
  host = await startTestHost()
  const otlpPort = Number(portOf(host.otlp))
  const connected = Promise.withResolvers<void>()
  const running = new Agent({
    to: new URL(host.otlp),
    token: '',
    dataDir: folder,
    queueBytes: 1e6,
    intervalMs: 1000,
    identity: { id: '', version: '1.0.0' },
    hostName: 'web-1',
    clock: systemClock,
    say: () => undefined,
    connected: () => connected.resolve(),
    backoff: { firstMs: 50, mostMs: 200 },
  })
  const ended = running.run()
  await connected.promise
  await host.stop()
  const queued = (): string[] => readdirSync(join(folder, 'agent-queue')).filter((name) => name.endsWith('.round'))
  await until(
    async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return queued()
    },
    (files) => files.length >= 3,
  )
  const backMs = Date.now()
  host = await startTestHost({ 'server.otlpPort': otlpPort })
  type Matrix = { data: { result: { values: [number, string][] }[] } }
  const read = (): Promise<Matrix> =>
    (host as RunningHost).get<Matrix>(`/api/v1/query?query=${encodeURIComponent('system_uptime_seconds[1h]')}`)
  const { data } = await until(read, (answer) =>
    (answer.data.result[0]?.values ?? []).some(([seconds]) => seconds * 1000 > backMs + 500),
  )
  const times = data.result[0].values.map(([seconds]) => seconds * 1000)
  expect(times.filter((time) => time < backMs).length).toBeGreaterThanOrEqual(3)
  expect(queued()).toEqual([])
  running.stop()
  await ended
  const { metrics } = await host.get<{ metrics: { rejected: object } }>('/api/pipeline')
  expect(metrics.rejected).toEqual({})
})
