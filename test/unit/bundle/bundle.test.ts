import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ArchiveReader, openArchiveFile } from '../../../core/backup/archive/archive-reader.ts'
import { ERRORS } from '../../../core/base/errors.ts'
import type { OpenedBundle } from '../../../core/model/bundle.ts'
import type { Job } from '../../../core/model/job.ts'
import type { LogRecord, Trace, TraceSummary } from '../../../core/model/records.ts'
import { glassbox } from '../../fixtures/command.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

/** Planted where redaction must find it; each is told apart in the file. */
const SECRETS = [
  'sesame-attribute',
  'sesame-body',
  'sesame-resource',
  'sesame-label',
  'sesame-extra',
  'sesame-note',
  'sesame-event',
]
const NOW_MS = Date.now() - 60_000
const ID = 'b1'.repeat(16)
const OTHER = 'b2'.repeat(16)
let sender: RunningHost
let receiver: RunningHost
let folder: string
let file: string

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const ns = (ms: number): string => `${ms}123456`

async function post(host: RunningHost, path: string, body: object): Promise<void> {
  const answer = await fetch(host.otlp + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
}
const call = <T>(host: RunningHost, method: string, path: string, body?: unknown, bundle?: string): Promise<T> =>
  host.get<T>(path, {
    method,
    ...(body === undefined ? {} : { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) }),
    headers: {
      ...(body === undefined || body instanceof Uint8Array ? {} : { 'content-type': 'application/json' }),
      ...(bundle ? { 'x-glassbox-bundle': bundle } : {}),
    },
  })
async function done(host: RunningHost, job: Job): Promise<Job> {
  for (;;) {
    const now = await host.get<Job>(`/api/jobs/${job.id}`)
    if (now.endedAt !== null) return now
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}
const range = `start=${(NOW_MS - 3_600_000) * 1000}&end=${(NOW_MS + 3_600_000) * 1000}`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-bundle-'))
  // What was stored before privacy knew better: nothing is masked on the way in.
  sender = await startTestHost({ 'privacy.maskKeys': [] })
  receiver = await startTestHost()
  const resource = { attributes: [text('service.name', 'checkout'), text('db.password', 'sesame-resource')] }
  const span = (traceId: string, spanId: string, name: string) => ({
    traceId,
    spanId: spanId.repeat(8),
    name,
    kind: 2,
    startTimeUnixNano: ns(NOW_MS),
    endTimeUnixNano: ns(NOW_MS + 250),
    attributes: [text('api_token', 'sesame-attribute'), text('customer.mail', 'sesame-extra'), text('shop', 'north')],
    events: [{ timeUnixNano: ns(NOW_MS + 1), name: 'e', attributes: [text('password', 'sesame-event')] }],
    status: { code: 2, message: 'no' },
  })
  await post(sender, '/v1/traces', {
    resourceSpans: [
      {
        resource,
        scopeSpans: [
          { scope: { name: 'lib' }, spans: [span(ID, 'b1', 'POST /checkout'), span(OTHER, 'b2', 'GET /other')] },
        ],
      },
    ],
  })
  await post(sender, '/v1/logs', {
    resourceLogs: [
      {
        resource,
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: ns(NOW_MS + 2),
                severityNumber: 17,
                body: { stringValue: 'login with password=sesame-body' },
                traceId: ID,
                spanId: 'b1'.repeat(8),
              },
              { timeUnixNano: ns(NOW_MS + 3), severityNumber: 9, body: { stringValue: 'of no trace' } },
            ],
          },
        ],
      },
    ],
  })
  const point = (value: number, attributes: object[]) => ({ timeUnixNano: ns(NOW_MS), asDouble: value, attributes })
  const metrics = (name: string, service: string, value: number) => ({
    resource: { attributes: [text('service.name', service), text('service.instance.id', 'one')] },
    scopeMetrics: [
      {
        metrics: [
          {
            name,
            gauge: {
              dataPoints: [point(value, [text('secret', 'sesame-label')]), point(value + 1, [text('secret', 'other')])],
            },
          },
        ],
      },
    ],
  })
  await post(sender, '/v1/metrics', {
    resourceMetrics: [metrics('queue', 'checkout', 7), metrics('load', 'host', 3), metrics('foreign', 'billing', 1)],
  })
  // Of a service with traces of its own, which are not chosen.
  await post(sender, '/v1/traces', {
    resourceSpans: [
      {
        resource: { attributes: [text('service.name', 'billing')] },
        scopeSpans: [{ spans: [span('b3'.repeat(16), 'b3', 'bill')] }],
      },
    ],
  })
  for (;;) {
    const state = await sender.get<Record<string, { waiting: number; stored: number }>>('/api/pipeline')
    if (state.traces.stored === 3 && state.logs.stored === 2 && state.metrics.stored >= 6) break
  }
  await call(sender, 'PATCH', '/api/settings', { 'privacy.maskKeys': null })
}, 60_000)
afterAll(async () => {
  await sender?.stop()
  await receiver?.stop()
  rmSync(folder, { recursive: true, force: true })
})

it('carries what was written beside a span, redacted', async () => {
  const body = { spanId: 'b1'.repeat(8), text: 'slow since the login with token=sesame-note' }
  await call(sender, 'POST', `/api/traces/${ID}/notes`, body)
})

it('is made by the command of chosen traces, and says what is in it', async () => {
  file = join(folder, 'slow.bundle.glassbox')
  const { code, stdout, stderr } = await glassbox([
    ...[
      'bundle',
      ID,
      'ff'.repeat(16),
      '--title',
      'slow checkout',
      '--note',
      'see password=sesame-note',
      '--remove-key',
      'customer.mail',
    ],
    ...['-o', file, '--url', sender.api, '--token', sender.token, '--json'],
  ])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ file, traces: 1, spans: 1, logs: 1, samples: 4 })
  expect(JSON.parse(stdout).warnings).toEqual([`trace ${'ff'.repeat(16)} is not stored (any more)`])
})

it('holds none of the secrets that were stored, in any part of the file', async () => {
  const opened = await openArchiveFile(file)
  const reader = await ArchiveReader.open(opened, null)
  const texts = [JSON.stringify(reader.manifest)]
  for await (const { body } of reader.all()) texts.push(Buffer.from(body).toString('latin1'))
  await opened.close()
  const all = texts.join('\n')
  expect(all).toContain('POST /checkout')
  expect(all).toContain('north')
  for (const secret of SECRETS) expect(all, secret).not.toContain(secret)
  expect(readFileSync(file).includes('sesame')).toBe(false)
})

it('opens read-only in another Glassbox, whose own telemetry stays as it was', async () => {
  const bundle = await call<OpenedBundle>(
    receiver,
    'POST',
    '/api/bundles?name=slow.bundle.glassbox',
    readFileSync(file),
  )
  expect(bundle).toMatchObject({
    state: 'open',
    file: 'slow.bundle.glassbox',
    about: { title: 'slow checkout', note: 'see password=[masked]', spans: 1, logs: 1, samples: 4 },
  })
  expect(bundle.about?.traces.map(({ traceId }) => traceId)).toEqual([ID])
  const of = <T>(path: string): Promise<T> => call<T>(receiver, 'GET', path, undefined, bundle.id)
  const trace = await of<Trace>(`/api/traces/${ID}`)
  const [own] = trace.spans
  expect(own).toMatchObject({
    start: NOW_MS * 1000 + 123,
    startNs: 456,
    dur: 250_000,
    status: 'ERROR',
    statusMessage: 'no',
    service: 'checkout',
  })
  expect(own.attributes).toEqual([text('api_token', '[masked]'), text('shop', 'north')])
  expect(own.marks & 16).toBe(16)
  expect(trace.logs.map(({ body }) => body)).toEqual(['login with password=[masked]'])
  const { items: notes } = await of<{ items: { spanId: string; text: string }[] }>(`/api/traces/${ID}/notes`)
  expect(notes).toMatchObject([{ spanId: 'b1'.repeat(8), text: 'slow since the login with token=[masked]' }])
  expect((await of<{ items: TraceSummary[] }>(`/api/traces?${range}`)).items).toHaveLength(1)
  expect((await of<{ items: LogRecord[] }>(`/api/logs?${range}`)).items).toHaveLength(1)
  const { data } = await of<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>(
    `/api/v1/query?time=${NOW_MS / 1000 + 1}&query=${encodeURIComponent('{__name__=~".+"}')}`,
  )
  expect(data.result.map(({ metric, value }) => [metric['__name__'], metric['secret'], value[1]])).toEqual([
    ['load', '[masked 1]', '4'],
    ['load', '[masked 2]', '3'],
    ['queue', '[masked 1]', '8'],
    ['queue', '[masked 2]', '7'],
  ])
  expect(await call(receiver, 'POST', '/api/sql', { query: 'select count(*) from _traces' }, bundle.id)).toMatchObject({
    rows: [[1]],
  })
  expect((await receiver.get<{ items: unknown[] }>(`/api/traces?${range}`)).items).toEqual([])
  for (const [method, path, body] of [
    ['POST', '/api/test-trace', {}],
    ['POST', '/api/backups', {}],
    ['PATCH', '/api/settings', {}],
    ['PUT', `/api/traces/${ID}/pin`, undefined],
  ] as const)
    await expect(call(receiver, method, path, body, bundle.id)).rejects.toThrow(`${ERRORS.bundle_read_only.status}`)
  await expect(call(receiver, 'GET', '/api/traces', undefined, 'nope')).rejects.toThrow('bundle_not_found')
  // The same file again is the same bundle.
  const again = await call<OpenedBundle>(receiver, 'POST', '/api/bundles?name=copy.glassbox', readFileSync(file))
  expect(again.id).toBe(bundle.id)
})

it('is imported only when asked, once, and can be undone; closing leaves nothing behind', async () => {
  const [{ id }] = (await receiver.get<{ items: OpenedBundle[] }>('/api/bundles')).items
  for (const _ of [1, 2]) {
    const job = await done(receiver, await call<Job>(receiver, 'POST', `/api/bundles/${id}/import`, {}))
    expect(job).toMatchObject({ state: 'done', error: null })
  }
  expect((await receiver.get<{ items: unknown[] }>(`/api/traces?${range}`)).items).toHaveLength(1)
  const { restores } = await receiver.get<{ restores: { id: string }[] }>('/api/backups')
  await done(receiver, await call<Job>(receiver, 'POST', '/api/backups/undo', { restore: restores[1].id }))
  expect((await receiver.get<{ items: unknown[] }>(`/api/traces?${range}`)).items).toEqual([])
  const closed = await glassbox(['open', '--close', id, '--url', receiver.api, '--token', receiver.token])
  expect(closed).toMatchObject({ code: 0 })
  expect(readdirSync(join(receiver.dataDir, 'opened'))).toEqual([])
}, 120_000)

it('is refused where it is no bundle, damaged, or needs its password', async () => {
  const flags = ['--url', receiver.api, '--token', receiver.token]
  const upload = call(receiver, 'POST', '/api/backups/upload?name=x.glassbox', readFileSync(file))
  await expect(upload).rejects.toThrow('is_a_bundle')
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] ^= 4
  const broken = join(folder, 'broken.bundle.glassbox')
  writeFileSync(broken, bytes)
  expect((await glassbox(['open', broken, ...flags])).code).toBe(4)
  const restored = await glassbox(['restore', file, '--data-dir', join(folder, 'none')])
  expect(restored).toMatchObject({ code: 1 })
  expect(restored.stderr).toContain('debug bundle')
  const password = join(folder, 'password')
  writeFileSync(password, 'open sesame\n')
  const locked = join(folder, 'locked.bundle.glassbox')
  const made = await glassbox([
    'bundle',
    ID,
    '--no-metrics',
    '--password-file',
    password,
    '-o',
    locked,
    '--url',
    sender.api,
    '--token',
    sender.token,
  ])
  expect(made.code).toBe(0)
  expect((await glassbox(['open', locked, ...flags])).code).toBe(3)
  const opened = await glassbox(['open', locked, '--password-file', password, '--json', ...flags])
  expect(JSON.parse(opened.stdout)).toMatchObject({ state: 'open', about: { spans: 1, logs: 1, samples: 0 } })
  expect(readdirSync(join(receiver.dataDir, 'opened'))).toHaveLength(1)
}, 60_000)
