import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { routes } from '../../../core/api/contract/routes.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send, talk } from '../../unit/receivers/raw-http.ts'

let host: RunningHost
let before = ''
beforeAll(async () => {
  host = await startTestHost()
  before = await state()
})
afterAll(() => host.stop())

/** All that a request could have changed. */
async function state(): Promise<string> {
  const settings = await host.get('/api/settings')
  const { rows } = await host.get<{ rows: unknown[] }>('/api/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'select count(*) from _traces', limit: 1 }),
  })
  return JSON.stringify([settings, rows])
}

const port = (address: string) => new URL(address).port
const span =
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}]}'
const foreignHosts = () => [
  'evil.example',
  `evil.example:${port(host.api)}`,
  `evil.example:${port(host.otlp)}`,
  '0.0.0.0',
  '[::]',
  '127.0.0.1.nip.io',
  'localhost.evil.example',
  'localhost:1',
  'localhost@evil.example',
  '2130706433',
  '127.1',
  `[::ffff:127.0.0.1]:${port(host.api)}`,
]
const foreignOrigins = [
  'http://evil.example',
  'https://evil.example',
  'null',
  'file://',
  'http://localhost.evil.example',
  'http://127.0.0.1.nip.io',
  'chrome-extension://abcdef',
  'http://evil.example#http://localhost',
]
const apiRoutes = Object.values(routes).map(({ method, path }) => ({
  method,
  path: path.replace('{traceId}', '0af7651916cd43dd8448eb211c80319c').replace(/\{\w+\}/g, 'x'),
}))
const bearer = () => ({ authorization: `Bearer ${host.token}` })

it('every route refuses every foreign Host, with the token too', async () => {
  let asked = 0
  for (const { method, path } of [...apiRoutes, { method: 'GET', path: '/' }, { method: 'GET', path: '/index.html' }]) {
    for (const name of foreignHosts()) {
      const answer = await send(host.api, path, { method, headers: { ...bearer(), host: name } })
      expect([method, path, name, answer.status]).toEqual([method, path, name, 403])
      asked++
    }
  }
  expect(asked).toBeGreaterThan(200)
  expect(await talk(host.api, 'GET /healthz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
})

it('every route under /api refuses every foreign Origin and asks for the token', async () => {
  for (const { method, path } of apiRoutes) {
    const changes = method !== 'GET'
    if (!path.startsWith('/api') && !changes) continue
    for (const origin of foreignOrigins) {
      const answer = await send(host.api, path, { method, headers: { ...bearer(), origin } })
      expect([method, path, origin, answer.status]).toEqual([method, path, origin, 403])
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    }
    for (const site of ['cross-site', 'same-site']) {
      const answer = await send(host.api, path, { method, headers: { ...bearer(), 'sec-fetch-site': site } })
      expect([path, site, answer.status]).toEqual([path, site, 403])
    }
    if (path.startsWith('/api')) expect([path, (await send(host.api, path, { method })).status]).toEqual([path, 401])
  }
})

it('forms and text a page can send without asking change nothing', async () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
    const headers: Record<string, string> = { ...bearer(), ...(type ? { 'content-type': type } : {}) }
    const patch = await send(host.api, '/api/settings', { method: 'PATCH', headers, body: '{"retention.logs.days":1}' })
    expect([400, 415]).toContain(patch.status)
    const otlp = await send(host.otlp, '/v1/traces', { headers, body: span })
    expect(otlp.status).toBe(415)
  }
})

it('GET and HEAD change nothing, whatever they carry', async () => {
  for (const { path } of apiRoutes) {
    for (const method of ['GET', 'HEAD']) {
      const headers = { ...bearer(), 'x-http-method-override': 'PATCH' }
      await send(host.api, `${path}?_method=PATCH&retention.logs.days=1`, { method, headers })
    }
  }
})

it('the OTLP port takes no telemetry from foreign pages or under foreign names', async () => {
  const json = { 'content-type': 'application/json' }
  for (const origin of foreignOrigins) {
    const answer = await send(host.otlp, '/v1/traces', { headers: { ...json, origin }, body: span })
    expect([origin, answer.status, answer.headers['access-control-allow-origin']]).toEqual([origin, 403, undefined])
  }
  for (const name of foreignHosts().filter((one) => !one.startsWith('[::ffff'))) {
    for (const path of ['/v1/traces', '/v1/logs', '/api/v2/spans']) {
      const answer = await send(host.otlp, path, { headers: { ...json, host: name }, body: span })
      expect([name, answer.status]).toEqual([name, 403])
    }
  }
})

it('the live socket refuses foreign origins, names and tokens, and takes no token from the address', async () => {
  const address = `${host.api.replace('http', 'ws')}/api/live`
  const protocols = ['glassbox.v1', `bearer.${host.token}`]
  const refused = async (socket: WebSocket): Promise<string> => {
    const [error] = await once(socket, 'error').catch((thrown) => [thrown])
    return String(error)
  }
  for (const origin of foreignOrigins)
    expect(await refused(new WebSocket(address, protocols, { origin }))).toContain('403')
  for (const name of foreignHosts())
    expect(await refused(new WebSocket(address, protocols, { headers: { host: name } }))).toContain('403')
  expect(await refused(new WebSocket(`${address}?token=${host.token}`, ['glassbox.v1']))).toContain('401')
  expect(await refused(new WebSocket(address, ['glassbox.v1', 'bearer.'])).catch(String)).toContain('401')
})

it('all of that changed nothing', async () => {
  expect(await state()).toBe(before)
})
