import { once } from 'node:events'
import { connect } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusAnswer } from '../../../core/api/contract/shapes.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const asIs = (bytes: Buffer): Buffer => bytes
let host: RunningHost

function exportTo(
  target: RunningHost,
  body: Uint8Array,
  options: { path?: string; gzip?: boolean } = {},
): Promise<{ answer?: Buffer; error?: grpc.ServiceError }> {
  const client = new grpc.Client(new URL(target.otlpGrpc).host, grpc.credentials.createInsecure(), {
    'grpc.default_compression_algorithm': options.gzip ? 2 : 0,
  })
  return new Promise((resolve) => {
    client.makeUnaryRequest(options.path ?? TRACES, asIs, asIs, Buffer.from(body), (error, answer) => {
      client.close()
      resolve({ answer, error: error ?? undefined })
    })
  })
}

beforeAll(async () => {
  host = await startTestHost({ 'receivers.maxInflatedBytes': 128 * 1024 })
})
afterAll(() => host.stop())

it('takes spans, gzipped too, and knows who sent them', async () => {
  for (const gzip of [false, true]) {
    const { answer, error } = await exportTo(host, encodeTraces(randomResourceSpans(20, 3, 1, Date.now())), { gzip })
    expect(error).toBeUndefined()
    expect(answer).toHaveLength(0)
  }
  const { intake } = await host.get<StatusAnswer>('/api/status')
  const [sender] = intake.senders.filter(({ transport }) => transport === 'otlp-grpc')
  expect(sender.peer).toMatch(/^(::ffff:)?127\.0\.0\.1:\d+$/)
})

it('answers malformed, oversize and unknown calls with their own codes', async () => {
  const malformed = await exportTo(host, Uint8Array.from([0x0a, 0x7f, 1]))
  expect([malformed.error?.code, malformed.error?.details]).toEqual([
    grpc.status.INVALID_ARGUMENT,
    expect.stringContaining('byte'),
  ])
  const large = await exportTo(host, Buffer.alloc(200 * 1024))
  expect(large.error?.code).toBe(grpc.status.RESOURCE_EXHAUSTED)
  const unknown = await exportTo(host, new Uint8Array(), { path: '/opentelemetry.Nothing/Export' })
  expect(unknown.error?.code).toBe(grpc.status.UNIMPLEMENTED)
})

it('rejects one bad span alone', async () => {
  const [good] = randomResourceSpans(1, 0, 1, Date.now()).filter(
    ({ scopeSpans }) => (scopeSpans as { spans: unknown[] }[])[0].spans.length > 0,
  ) as { scopeSpans: { spans: Record<string, unknown>[] }[] }[]
  good.scopeSpans[0].spans.push({ ...good.scopeSpans[0].spans[0], spanId: '0000000000000000' })
  const { answer } = await exportTo(host, encodeTraces([good as never]))
  // ExportTracePartialSuccess: rejected_spans = 1, then the message.
  expect(answer?.subarray(0, 1)).toEqual(Buffer.from([0x0a]))
  expect(answer?.subarray(2, 4)).toEqual(Buffer.from([0x08, 1]))
})

it('says with RetryInfo when to come back while the queue is full', async () => {
  const full = await startTestHost({ 'pipeline.overflow': 'refuse', 'pipeline.queueLimit': 1 })
  try {
    const body = encodeTraces(randomResourceSpans(3000, 3, 1, Date.now()))
    const answers = await Promise.all(Array.from({ length: 12 }, () => exportTo(full, body)))
    const refused = answers.find(({ error }) => error)?.error
    expect(refused?.code).toBe(grpc.status.UNAVAILABLE)
    const [details] = refused?.metadata.get('grpc-status-details-bin') ?? []
    expect(String(details)).toContain('google.rpc.RetryInfo')
  } finally {
    await full.stop()
  }
})

it('explains HTTP/1 and hangs up', async () => {
  const { hostname, port } = new URL(host.otlpGrpc)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  await once(socket, 'close')
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
  expect(text).toContain('HTTP/1 was sent to the OTLP/gRPC port')
})
