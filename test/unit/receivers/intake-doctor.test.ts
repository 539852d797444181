import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusAnswer } from '../../../core/api/contract/shapes.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send } from './raw-http.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.stop())

const JSON_TYPE = { 'content-type': 'application/json' }
const ns = (ms: number): string => `${ms}000000`

async function sendSpan(service: string | null, endMs: number): Promise<void> {
  const attributes = service === null ? [] : [{ key: 'service.name', value: { stringValue: service } }]
  const span = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    name: 'one',
    startTimeUnixNano: ns(endMs - 5),
    endTimeUnixNano: ns(endMs),
  }
  const body = JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] })
  expect((await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body })).status).toBe(200)
}

const findings = async () =>
  (await host.get<StatusAnswer>('/api/status')).intake.findings.map(({ kind, detail, count }) => ({
    kind,
    detail,
    count,
  }))

it('knows who sends, whose clock is ahead and who has no name, and tells each once', async () => {
  const now = Date.now()
  await sendSpan('right', now)
  expect(await findings()).toEqual([])

  await sendSpan('early', now + 2 * 3_600_000)
  await sendSpan('early', now + 3 * 3_600_000)
  const time = ns(now + 90_000)
  const record = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: time }] }] }] })
  expect((await send(host.otlp, '/v1/logs', { headers: JSON_TYPE, body: record })).status).toBe(200)
  const ahead = (of: string, by: string) => `times of ${of} lie more than ${by} ahead of the clock of this machine`
  expect(await findings()).toEqual([
    { kind: 'missing-service-name', detail: expect.stringContaining('OTEL_SERVICE_NAME'), count: 1 },
    { kind: 'clock-skew', detail: ahead('unknown_service', 'a minute'), count: 1 },
    { kind: 'clock-skew', detail: ahead('early', 'an hour'), count: 2 },
  ])
  const { intake } = await host.get<StatusAnswer>('/api/status')
  expect(intake.senders.map(({ services }) => services)).toEqual([['unknown_service'], ['early'], ['right']])
})

it('is ready while its storage takes writes', async () => {
  expect(await host.get('/readyz')).toEqual({ status: 'ready' })
})
