import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { parseDuration, parseTime } from '../../../core/api/contract/parameters.ts'
import { routes } from '../../../core/api/contract/routes.ts'
import { openApiDocument } from '../../../core/api/openapi.ts'
import { createApiServer } from '../../../core/api/server.ts'
import type { ApiServices } from '../../../core/api/services.ts'
import { systemClock } from '../../../core/base/clock.ts'
import { defaultSettings } from '../../../core/config/settings.ts'
import { emptyLedger } from '../../../core/pipeline/ledger.ts'

const token = 'test-token'
const page = { items: [], nextCursor: null, partial: null }
const services = {
  version: '0.0.0',
  token,
  clock: systemClock,
  log: { info() {}, warn() {}, error() {} },
  settingsNow: () => defaultSettings,
  settings: { all: () => ({}), patch: () => ({}) },
  jobs: { list: () => [], subscribe: () => () => undefined },
  doctor: { report: () => ({ senders: [], findings: [] }) },
  status: async () => ({ version: '0.0.0', storage: {}, intake: { senders: [], findings: [] } }),
  pipelineState: () => ({ sampleRate: 1 }),
  metricsText: async () => 'glassbox_up 1\n',
  pipeline: { ledger: emptyLedger },
  store: {
    stats: async () => ({ mode: 'normal' }),
    reader: {
      searchTraces: async () => page,
      searchLogs: async () => page,
      trace: async () => null,
      changes: async () => ({ seq: 1, traces: [], logs: [], skippedTraces: 0, skippedLogs: 0 }),
      sql: async () => ({ columns: ['a'], rows: [[1]], truncated: false }),
    },
  },
} as unknown as ApiServices

const server = createApiServer(services)
let api = ''
let port = 0
beforeAll(async () => {
  api = await server.listen('127.0.0.1', 0)
  port = Number(new URL(api).port)
})
afterAll(() => server.close())

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

function send(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const all = { authorization: `Bearer ${token}`, ...headers }
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers: all }, async (response) => {
      let text = ''
      for await (const chunk of response) text += String(chunk)
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
    })
    call.on('error', reject)
    call.end(body)
  })
}

const json = { 'content-type': 'application/json' }
test.each<[string, string, string, Record<string, string>, string | undefined, number, string]>([
  [
    'search',
    'GET',
    '/api/traces?q=a%3D1&minDuration=250ms&start=2026-01-01T00:00:00Z',
    {},
    undefined,
    200,
    '"items":[]',
  ],
  ['bad time', 'GET', '/api/traces?start=yesterday', {}, undefined, 400, 'start:'],
  ['unknown parameter', 'GET', '/api/traces?strat=1', {}, undefined, 400, 'strat'],
  ['limit', 'GET', '/api/logs?limit=1001', {}, undefined, 400, 'limit:'],
  ['bad trace id', 'GET', '/api/traces/xyz', {}, undefined, 400, 'traceId'],
  ['missing trace, upper case', 'GET', `/api/traces/${'AB'.repeat(16)}`, {}, undefined, 404, `${'ab'.repeat(16)}`],
  ['sql', 'POST', '/api/sql', json, '{"query":"select 1"}', 200, '"rows":[[1]]'],
  [
    'sql as text',
    'POST',
    '/api/sql',
    { 'content-type': 'text/plain' },
    '{"query":"select 1"}',
    415,
    'application/json',
  ],
  ['broken json', 'POST', '/api/sql', json, '{', 400, 'malformed_body'],
  ['wrong method', 'POST', '/api/traces', json, '{}', 405, 'method_not_allowed'],
  ['nothing there', 'GET', '/api/nothing', {}, undefined, 404, 'not_found'],
  ['bad address', 'GET', '/%zz', {}, undefined, 400, 'bad_request'],
  ['wrong token', 'GET', '/api/traces', { authorization: 'Bearer no' }, undefined, 401, 'hint'],
  ['no token for the page', 'GET', '/', { authorization: '' }, undefined, 200, 'build:renderer'],
  ['health', 'GET', '/healthz', { authorization: '' }, undefined, 200, 'ok'],
  ['foreign host', 'GET', '/healthz', { host: 'evil.example' }, undefined, 403, 'forbidden_host'],
  ['other port', 'GET', '/', { host: 'localhost:1' }, undefined, 403, 'forbidden_host'],
  ['foreign origin', 'GET', '/api/traces', { origin: 'http://evil.example' }, undefined, 403, 'forbidden_origin'],
  ['null origin', 'PATCH', '/api/settings', { ...json, origin: 'null' }, '{}', 403, 'forbidden_origin'],
  ['cross site', 'POST', '/api/sql', { ...json, 'sec-fetch-site': 'cross-site' }, '{}', 403, 'forbidden_origin'],
])('%s', async (_name, method, path, headers, body, status, text) => {
  const answer = await send(method, path, headers, body)
  expect(answer.status, answer.text).toBe(status)
  expect(answer.text).toContain(text)
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  if (status >= 400) expect(answer.headers['content-type']).toContain('application/problem+json')
})

test('openapi names every route', () => {
  const { paths } = openApiDocument('1') as { paths: Record<string, Record<string, unknown>> }
  const missing = Object.values(routes).filter(({ path, method }) => !paths[path]?.[method.toLowerCase()])
  expect(missing).toEqual([])
})

test('times and durations', () => {
  expect(parseTime('2026-01-01T00:00:00.123456789Z')).toBe(Date.UTC(2026, 0, 1) * 1000 + 123456)
  expect(parseTime('2026-02-30T00:00:00Z')).toBeNull()
  expect(parseDuration('1.5s')).toBe(1_500_000)
  expect(parseDuration('7')).toBe(7)
})

describe('live socket', () => {
  const open = (bearer: string, origin?: string) =>
    new WebSocket(`${api.replace('http', 'ws')}/api/live`, ['glassbox.v1', `bearer.${bearer}`], { origin })

  test('greets and sends the status', async () => {
    const socket = open(token)
    const [first] = await once(socket, 'message')
    expect(JSON.parse(String(first)).type).toBe('hello')
    const [second] = await once(socket, 'message')
    expect(JSON.parse(String(second)).type).toBe('status')
    socket.terminate()
  })

  test.each([
    ['wrong', undefined, '401'],
    [token, 'http://evil.example', '403'],
  ])('refuses %s from %s', async (bearer, origin, status) => {
    const [error] = await once(open(bearer, origin), 'error').catch((thrown) => [thrown])
    expect(String(error)).toContain(status)
  })
})
