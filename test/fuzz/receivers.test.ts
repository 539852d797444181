import { Agent, request } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../core/api/contract/shapes.ts'
import { seededRandom } from '../demo/shop.ts'
import { encodeLogs, encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'
import { mutateBytes, mutateJson } from './mutate.ts'

const INPUTS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 1_000_000) : 6000
const SENDERS = 24
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const startNs = `${Date.now()}000000`

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'pipeline.queueLimit': 1_000_000, 'retention.traces.bytes': 256 * 1024 * 1024 })
})
afterAll(() => host.stop())

const value = (text: string) => ({ stringValue: text })
function span(id: number, hits: number): Record<string, unknown> {
  return {
    traceId: id.toString(16).padStart(32, '0'),
    spanId: id.toString(16).padStart(16, '0'),
    name: 'GET /cart',
    kind: 2,
    startTimeUnixNano: startNs,
    endTimeUnixNano: startNs,
    attributes: [
      { key: 'note', value: value('x'.repeat(hits)) },
      { key: 'count', value: { intValue: '7' } },
      { key: 'list', value: { arrayValue: { values: [value('a'), { doubleValue: 1.5 }] } } },
    ],
    events: [{ timeUnixNano: startNs, name: 'retry', attributes: [{ key: 'a', value: value('b') }] }],
    links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }],
    status: { code: 2, message: 'boom' },
  }
}
function log(id: number): Record<string, unknown> {
  return {
    timeUnixNano: startNs,
    severityNumber: 9,
    body: { kvlistValue: { values: [{ key: 'id', value: { intValue: String(id) } }] } },
    traceId: id.toString(16).padStart(32, '0'),
  }
}
const resource = { attributes: [{ key: 'service.name', value: value('cart') }] }
const traces = (spans: unknown[]) => [{ resource, scopeSpans: [{ scope: { name: 's' }, spans }] }]
const logs = (records: unknown[]) => [{ resource, scopeLogs: [{ scope: { name: 's' }, logRecords: records }] }]

interface Input {
  path: string
  type: string
  encoding?: string
  body: Uint8Array
  /** Of three rows at least these many must survive when the answer is 200; one row alone was damaged. */
  survivors?: number
}

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'
const text = (json: unknown): Uint8Array => Buffer.from(JSON.stringify(json))

function input(i: number, random: () => number): Input {
  const id = i * 4 + 1
  const rows = [span(id, 3), span(id + 1, 4), span(id + 2, 5)]
  switch (i % 7) {
    case 0:
      return { path: '/v1/traces', type: PROTOBUF, body: mutateBytes(encodeTraces(traces(rows)), random) }
    case 1:
      return { path: '/v1/traces', type: JSON_TYPE, body: mutateBytes(text({ resourceSpans: traces(rows) }), random) }
    case 2: {
      const body = text({ resourceSpans: traces([rows[0], mutateJson(rows[1], random), rows[2]]) })
      return { path: '/v1/traces', type: JSON_TYPE, body, survivors: 2 }
    }
    case 3:
      return { path: '/v1/logs', type: PROTOBUF, body: mutateBytes(encodeLogs(logs([log(id), log(id + 1)])), random) }
    case 4:
      return {
        path: '/v1/logs',
        type: JSON_TYPE,
        body: text(mutateJson({ resourceLogs: logs([log(id), log(id + 1)]) }, random)),
      }
    case 5: {
      const spans = [{ traceId: rows[0].traceId, id: rows[0].spanId, timestamp: 1, duration: 2, tags: { a: 'b' } }]
      const body = random() < 0.5 ? text(mutateJson(spans, random)) : mutateBytes(text(spans), random)
      return { path: '/api/v2/spans', type: JSON_TYPE, body }
    }
    default: {
      const body = gzipSync(encodeTraces(traces(rows)), { level: 1 })
      return { path: '/v1/traces', type: PROTOBUF, encoding: 'gzip', body: mutateBytes(body, random) }
    }
  }
}

interface Answer {
  status: number
  body: Buffer
}

function send(agent: Agent, { path, type, encoding, body }: Input): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = { 'content-type': type, 'content-length': String(body.length) }
    if (encoding) headers['content-encoding'] = encoding
    const call = request(new URL(path, host.otlp), { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    call.on('error', reject)
    call.end(body)
  })
}

it(`answers ${INPUTS} damaged requests over HTTP with 2xx or 4xx and stays whole`, async () => {
  const random = seededRandom(seed)
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS })
  const counts: Record<number, number> = {}
  const started = performance.now()
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < INPUTS) {
      const i = next++
      const one = input(i, random)
      const { status, body } = await send(agent, one)
      counts[status] = (counts[status] ?? 0) + 1
      const where = `seed ${seed}, input ${i}: ${status} ${body} to ${Buffer.from(one.body).toString('base64')}`
      if (status < 200 || status >= 500) throw new Error(where)
      if (status === 200 && one.survivors !== undefined) {
        const { partialSuccess } = JSON.parse(body.toString()) as { partialSuccess?: { rejectedSpans: string } }
        if (Number(partialSuccess?.rejectedSpans ?? 0) > 3 - one.survivors) throw new Error(where)
      }
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sender))
  const seconds = (performance.now() - started) / 1000
  agent.destroy()
  process.stdout.write(
    `${JSON.stringify({ id: 23, seed, n: INPUTS, perSecond: Math.round(INPUTS / seconds), counts, rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20) })}\n`,
  )
  expect(counts[200]).toBeGreaterThan(INPUTS / 10)
  expect(counts[400]).toBeGreaterThan(INPUTS / 10)

  let books = await host.get<PipelineAnswer>('/api/pipeline')
  while (books.traces.waiting + books.logs.waiting > 0) books = await host.get<PipelineAnswer>('/api/pipeline')
  for (const signal of [books.traces, books.logs]) {
    const sum = (reasons: Record<string, number>) => Object.values(reasons).reduce((total, n) => total + n, 0)
    expect(signal.stored + sum(signal.rejected) + sum(signal.dropped) + signal.sampledOut).toBe(signal.received)
    expect(signal.rejected.unstorable ?? 0).toBe(0)
    expect(signal.stored).toBeGreaterThan(0)
  }
  const found = await host.get<{ rows: number[][] }>('/api/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'select count(*) from _traces', limit: 1 }),
  })
  expect(Number(found.rows[0][0])).toBe(books.traces.stored)
}, 3_600_000)

function call(session: ClientHttp2Session, frame: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let status = Number.NaN
    const note = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status'])
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('error', () => undefined)
    stream.on('close', () => resolve(status))
    stream.resume()
    stream.end(frame)
  })
}

it('answers damaged gRPC frames with a status of their own', async () => {
  const random = seededRandom(seed + 1)
  const session = connectHttp2(host.otlpGrpc)
  const counts: Record<number, number> = {}
  const total = INPUTS / 20
  for (let i = 0; i < total; i += 20) {
    const frames = Array.from({ length: 20 }, (_, k) => {
      const message = encodeTraces(traces([span(2_000_000_000 + (i + k) * 2, 3)]))
      const head = Buffer.from([0, 0, 0, message.length >> 8, message.length & 255])
      const whole = Buffer.concat([head, message])
      return random() < 0.1 ? whole : mutateBytes(whole, random)
    })
    for (const status of await Promise.all(frames.map((frame) => call(session, frame))))
      counts[status] = (counts[status] ?? 0) + 1
  }
  session.destroy()
  process.stdout.write(`${JSON.stringify({ id: 23, seed: seed + 1, n: total, grpc: counts })}\n`)
  expect(counts[0]).toBeGreaterThan(0)
  expect(counts[3]).toBeGreaterThan(0)
  // OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED (declared too long), UNIMPLEMENTED (compressed flag), INTERNAL (frame cut short, said by the gRPC library).
  expect(
    Object.keys(counts)
      .map(Number)
      .filter((code) => ![0, 3, 8, 12, 13].includes(code)),
  ).toEqual([])
  expect((await fetch(`${host.api}/healthz`)).status).toBe(200)
}, 3_600_000)
