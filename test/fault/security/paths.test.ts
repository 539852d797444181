import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const CANARY = 'canary-that-must-not-be-read'
let folder: string
let host: RunningHost

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-paths-'))
  const page = join(folder, 'page')
  mkdirSync(join(page, 'assets'), { recursive: true })
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>')
  writeFileSync(join(page, 'assets', 'app.js'), 'ok')
  writeFileSync(join(folder, 'secret.txt'), CANARY)
  writeFileSync(join(page, '.hidden'), CANARY)
  symlinkSync(join(folder, 'secret.txt'), join(page, 'assets', 'link.txt'))
  symlinkSync(folder, join(page, 'assets', 'up'))
  host = await startTestHost({}, page)
})
afterAll(async () => {
  await host.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The raw request target: clients would tidy it. */
function get(target: string): Promise<{ status: number; text: string }> {
  const { hostname, port, host: name } = new URL(host.api)
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: ${name}\r\nAuthorization: Bearer ${host.token}\r\nConnection: close\r\n\r\n`,
      ),
    )
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? 0), text }))
  })
}

const ups = [
  '../',
  '..%2f',
  '%2e%2e/',
  '%2e%2e%2f',
  '..\\',
  '..%5c',
  '%252e%252e%252f',
  '..;/',
  '.%2e/',
  '%c0%ae%c0%ae/',
]
const targets = ['secret.txt', 'etc/passwd', 'glassbox.db', 'token', 'auxiliary.db']

function corpus(): string[] {
  const list = [
    '/assets/link.txt',
    '/assets/up/secret.txt',
    '/.hidden',
    '/assets/..',
    '//secret.txt',
    '/assets/%00',
    '/secret.txt%00.js',
  ]
  const data = basename(host.dataDir)
  for (const up of ups) {
    for (const depth of [1, 2, 5, 12]) {
      for (const target of targets) list.push(`/${up.repeat(depth)}${target}`, `/assets/${up.repeat(depth)}${target}`)
      list.push(`/${up.repeat(depth)}${data}/token`)
    }
  }
  for (const absolute of ['/etc/passwd', folder, host.dataDir, 'C:\\Windows\\win.ini', 'file:///etc/passwd'])
    list.push(`/${absolute}`, `/assets/${encodeURIComponent(absolute)}`)
  return list
}

it('no address reads a file outside the page', async () => {
  const list = corpus()
  expect(list.length).toBeGreaterThan(400)
  for (const target of list) {
    const { status, text } = await get(target)
    expect([target, text.includes(CANARY) || text.includes('root:') || text.includes(host.token)]).toEqual([
      target,
      false,
    ])
    // The page itself answers unknown addresses of screens.
    if (status === 200) expect([target, text.includes('<title>page</title>')]).toEqual([target, true])
    else expect([target, [400, 401, 403, 404, 405].includes(status)]).toEqual([target, true])
  }
  expect((await get('/assets/app.js')).status).toBe(200)
})

it('names in requests are never paths: nothing is written outside the data folder', async () => {
  const before = readdirSync(folder).sort()
  const names = ['../escaped', '..\\escaped', '/tmp/escaped', 'a\u0000b', 'CON', '../../../../tmp/escaped.json']
  for (const name of names) {
    const answer = await fetch(`${host.api}/api/import?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${host.token}`, 'content-type': 'application/octet-stream' },
      body: '{"resourceSpans":[]}',
    })
    expect([name, answer.status < 500]).toEqual([name, true])
    for (const path of ['/api/traces/{}', '/api/traces/{}/export', '/api/tags/{}/values', '/api/settings/{}'])
      expect((await get(path.replace('{}', encodeURIComponent(name)))).status).toBeLessThan(500)
  }
  expect(readdirSync(folder).sort()).toEqual(before)
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('escaped'))).toEqual([])
})
