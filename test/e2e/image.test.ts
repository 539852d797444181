import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { root } from '../fixtures/desktop-app.ts'

// What the Dockerfile does after `npm ci`, as far as it goes without an image to put it into.
const MiB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'glassbox-image-'))
const image = join(folder, 'app')
beforeAll(() => {
  const made = spawnSync(process.execPath, ['build/image.mjs', image], { cwd: root, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the files of a headless host', () => {
  it('are few', () => {
    const files = readdirSync(image, { recursive: true, encoding: 'utf8' })
    const bytes = files
      .map((file) => statSync(join(image, file)))
      .reduce((sum, one) => sum + (one.isFile() ? one.size : 0), 0)
    expect(bytes).toBeLessThan(40 * MiB)
    expect(files.filter((file) => /\.(map|ts|vue)$/.test(file))).toEqual([])
  })

  it('start from another place, answer the health check, and end when told to', async () => {
    const given = { GLASSBOX_TOKEN: 'a'.repeat(32), GLASSBOX_DATA_DIR: join(folder, 'data'), GLASSBOX_HOST: '0.0.0.0' }
    const ports = { GLASSBOX_API_PORT: '0', GLASSBOX_OTLP_PORT: '0', GLASSBOX_OTLP_GRPC_PORT: '0' }
    const child = spawn(process.execPath, [join(image, 'out/core/main.js'), 'serve', '--no-open'], {
      cwd: '/',
      env: { PATH: process.env['PATH'], ...given, ...ports },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    let api = ''
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('ready ')) continue
      api = (JSON.parse(line.slice(6)) as { api: string }).api
      break
    }
    const port = new URL(api).port
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
    child.kill('SIGTERM')
    expect((await exit)[0]).toBe(0)
    expect(existsSync(join(folder, 'data', 'glassbox.db'))).toBe(true)
  })
})

interface Service {
  image?: string
  environment: Record<string, string>
  ports?: string[]
  volumes: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
  read_only?: boolean
  cap_drop?: string[]
}

it('the compose file opens ports to this machine alone, and waits for the database', () => {
  const text = readFileSync(join(root, 'build/deploy/compose.yaml'), 'utf8')
  const { services, volumes } = parse(text) as { services: Record<string, Service>; volumes: Record<string, null> }
  const { glassbox, postgres } = services
  for (const port of glassbox.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/)
  expect(glassbox.depends_on).toEqual({ postgres: { condition: 'service_healthy' } })
  expect(postgres.healthcheck?.test[0]).toBe('CMD-SHELL')
  expect([glassbox.read_only, glassbox.cap_drop]).toEqual([true, ['ALL']])
  for (const { volumes: mounted } of [glassbox, postgres])
    for (const one of mounted) expect(Object.keys(volumes)).toContain(one.split(':')[0])
  // Secrets come from outside, and a start without them is refused.
  for (const secret of text.match(/\$\{(GLASSBOX_TOKEN|POSTGRES_PASSWORD)[^}]*\}/g) ?? [])
    expect(secret).toContain(':?')
  const docker = readFileSync(join(root, 'build/deploy/Dockerfile'), 'utf8')
  expect(docker).toMatch(/^HEALTHCHECK .*\n.*\/readyz/m)
})
