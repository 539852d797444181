import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiServer } from '../../../core/api/server.ts'
import type { ApiServices } from '../../../core/api/services.ts'
import { defaultSettings } from '../../../core/config/settings.ts'

const base = mkdtempSync(join(tmpdir(), 'glassbox-static-'))
const rendererDir = join(base, 'page')
mkdirSync(join(rendererDir, 'assets'), { recursive: true })
writeFileSync(join(base, 'canary.txt'), 'CANARY')
writeFileSync(join(rendererDir, 'index.html'), '<p>the page</p>')
writeFileSync(join(rendererDir, 'assets', 'app-1a2b.js'), 'export {}')

const server = createApiServer({
  token: 't',
  rendererDir,
  settingsNow: () => defaultSettings,
  jobs: { list: () => [], subscribe: () => () => undefined },
  store: {},
  metricsText: async () => '# TYPE up gauge',
  log: { info() {}, warn() {}, error() {} },
} as unknown as ApiServices)
let port = 0
beforeAll(async () => {
  port = Number(new URL(await server.listen('127.0.0.1', 0)).port)
})
afterAll(async () => {
  await server.close()
  rmSync(base, { recursive: true })
})

function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; cache: string; text: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers }, async (response) => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      resolve({ status: response.statusCode ?? 0, cache: String(response.headers['cache-control']), text })
    })
      .on('error', reject)
      .end()
  })
}

test.each([
  ['/', 200, 'the page', 'no-cache'],
  ['/traces/abc', 200, 'the page', 'no-cache'],
  ['/logs?q=a', 200, 'the page', 'no-cache'],
  ['/assets/app-1a2b.js', 200, 'export', 'immutable'],
  ['/assets/none.js', 404, 'not_found', ''],
])('%s', async (path, status, text, cache) => {
  const answer = await get(path)
  expect(answer.status, answer.text).toBe(status)
  expect(answer.text).toContain(text)
  expect(answer.cache).toContain(cache)
})

test('the address of the Metrics screen is the page for browsers and text for scrapers', async () => {
  const browser = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
  expect((await get('/metrics?expr=up', browser)).text).toContain('the page')
  const prometheus = {
    accept: 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1',
  }
  for (const headers of [prometheus, {}]) expect((await get('/metrics', headers)).text).toContain('# TYPE up gauge')
})

test('nothing outside the folder is read', async () => {
  const ups = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..\\', '..%5c', '%252e%252e%252f', '....//', '.%00./']
  const starts = ['/', '/assets/', '//', '/traces/', '/assets/%00/']
  const corpus = starts.flatMap((start) =>
    ups.flatMap((up) => [1, 2, 5].map((n) => `${start}${up.repeat(n)}canary.txt`)),
  )
  expect(corpus.length).toBeGreaterThan(100)
  for (const path of corpus) {
    const { status, text } = await get(path)
    expect(text, path).not.toContain('CANARY')
    expect([400, 403, 404], `${path} ${status}`).toContain(status)
  }
})
