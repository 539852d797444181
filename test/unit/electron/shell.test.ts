import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
let dataDir: string
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-shell-'))
  if (existsSync(join(root, 'out/main/index.js'))) return
  const built = spawnSync(
    process.execPath,
    ['node_modules/electron-vite/bin/electron-vite.js', 'build', '--logLevel', 'warn'],
    { cwd: root },
  )
  if (built.status !== 0) throw new Error(String(built.stderr))
}, 300_000)
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

function launch(env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const harness = fileURLToPath(new URL('../../fixtures/electron-harness.ts', import.meta.url))
  const flags = [
    '--data-dir',
    dataDir,
    '--api-port',
    '0',
    ...(env.GLASSBOX_OTLP_PORT ? [] : ['--otlp-port', '0']),
    '--otlp-grpc-port',
    '0',
    '--log-level',
    'silent',
  ]
  const child = spawn(process.execPath, [harness, ...flags], { cwd: root, env: { ...process.env, ...env } })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

it('the built shell opens its own page, hands it the token, and lets nothing else in or out', async () => {
  const { code, stdout, stderr } = await launch()
  expect([code, stderr]).toEqual([0, ''])
  const seen = JSON.parse(stdout)
  expect(seen.webPreferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    webviewTag: false,
    webSecurity: true,
    preload: expect.stringMatching(/out.preload.preload\.cjs$/),
  })
  expect(seen.loaded).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(seen.shown).toBe(true)

  expect(seen.exposed).toEqual({
    name: 'glassbox',
    value: { connection: { api: seen.loaded, token: expect.stringMatching(/^[0-9a-f]{32}$/) } },
  })
  expect(seen.exposedToForeign.value).toEqual({ connection: null })
  expect(seen.exposedToFrame.value).toEqual({ connection: null })
  expect(seen.status).toEqual([200, 401])

  expect(seen.granted).toEqual(['clipboard-sanitized-write'])
  expect(seen.device).toBe(false)
  for (const { own, foreign } of seen.navigations) {
    expect(own).toBe(false)
    expect(foreign).toEqual([true, true, true, true, true])
  }
  expect(seen.webview).toBe(true)
  expect(new Set(seen.opens)).toEqual(new Set(['deny']))
  expect(seen.opened.every((url: string) => url.startsWith('http') && !url.startsWith(`${seen.loaded}/`))).toBe(true)
  expect(seen.opened[0]).toBe('https://evil.example/')
  expect(seen.secondInstance).toEqual(['restore', 'focus'])

  // Below /traces a relative address would miss.
  expect(seen.script).toEqual({ address: expect.stringMatching(/^\/assets\//), status: 200 })
  expect(existsSync(join(dataDir, 'instance.json'))).toBe(false)
}, 120_000)

it('a second instance leaves at once; a start that fails says why in a window and exits with 1', async () => {
  expect((await launch({ STAND_IN_SECOND: '1' })).code).not.toBe(1)
  const { code, stdout } = await launch({ GLASSBOX_OTLP_PORT: 'eighty' })
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual({
    dialog: { title: 'Glassbox cannot start', content: expect.stringMatching(/otlpPort|OTLP_PORT/) },
  })
}, 60_000)
