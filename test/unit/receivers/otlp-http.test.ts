import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatusAnswer } from '../../../core/api/contract/shapes.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send, talk } from './raw-http.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' }
const EMPTY = '{"resourceSpans":[]}'

let host: RunningHost
const findings = async (kind: string) =>
  (await host.get<StatusAnswer>('/api/status')).intake.findings.filter((finding) => finding.kind === kind)
const status = (body: Buffer) => JSON.parse(body.toString()) as { code: number; message: string }

beforeAll(async () => {
  host = await startTestHost({
    'receivers.maxBodyBytes': 64 * 1024,
    'receivers.maxInflatedBytes': 256 * 1024,
    'receivers.maxInFlightBytes': 100 * 1024,
  })
})
afterAll(() => host.stop())

describe('what a sender must get right', () => {
  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['', 415],
    ['application/json; charset=utf-8', 200],
  ])('content type %j is answered %i', async (type, expected) => {
    const headers: Record<string, string> = type ? { 'content-type': type } : {}
    expect((await send(host.otlp, '/v1/traces', { headers, body: EMPTY })).status).toBe(expected)
  })

  it('unknown content encodings get 415, gzip and deflate are read', async () => {
    const ask = (encoding: string, body: Uint8Array) =>
      send(host.otlp, '/v1/traces', { headers: { ...JSON_TYPE, 'content-encoding': encoding }, body })
    expect((await ask('br', Buffer.from(EMPTY))).status).toBe(415)
    expect((await ask('gzip', gzipSync(EMPTY))).status).toBe(200)
    expect((await ask('deflate', deflateSync(EMPTY))).status).toBe(200)
    expect((await ask('gzip', Buffer.from(EMPTY))).status).toBe(400)
  })

  it('wrong paths and methods are told what to do', async () => {
    const missing = await send(host.otlp, '/v1/trace', { headers: JSON_TYPE, body: EMPTY })
    expect([missing.status, status(missing.body).message]).toEqual([404, expect.stringContaining('/v1/traces')])
    const get = await send(host.otlp, '/v1/traces', { method: 'GET' })
    expect([get.status, get.headers.allow]).toEqual([405, 'POST, OPTIONS'])
    expect(await findings('wrong-path')).toHaveLength(1)
  })

  it('malformed bodies get 400 with the place, in the encoding of the request, and cost nothing else', async () => {
    const json = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: '{"resourceSpans":[}' })
    expect(json.status).toBe(400)
    expect(status(json.body)).toMatchObject({
      code: 3,
      message: expect.stringContaining('byte 18 (line 1, column 19)'),
    })
    const protobuf = await send(host.otlp, '/v1/traces', { headers: PROTOBUF_TYPE, body: Buffer.from([0x0a, 0x7f, 1]) })
    expect([protobuf.status, protobuf.headers['content-type']]).toEqual([400, 'application/x-protobuf'])
    expect(protobuf.body.subarray(0, 2)).toEqual(Buffer.from([0x08, 3]))
    expect(protobuf.body.toString()).toContain('byte')
    const good = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: EMPTY })
    expect(good.status).toBe(200)
  })

  it('one bad span is rejected alone and counted', async () => {
    const span = (id: string) => ({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: id, name: 'x' })
    const body = JSON.stringify({
      resourceSpans: [
        { scopeSpans: [{ spans: [span('b7ad6b7169203331'), span('0000000000000000'), span('b7ad6b7169203332')] }] },
      ],
    })
    const answer = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.body.toString())).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringMatching(/span/i) },
    })
  })
})

describe('limits', () => {
  it('bodies above the limit get 413, declared or not', async () => {
    const body = Buffer.alloc(65 * 1024, 0x20)
    expect((await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body })).status).toBe(413)
    const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
    expect((await send(host.otlp, '/v1/traces', { headers: chunked, body })).status).toBe(413)
  })

  it.each(['gzip', 'deflate'])('a %s bomb gets 413', async (encoding) => {
    const zeros = Buffer.alloc(8 * 1024 * 1024)
    const body = encoding === 'gzip' ? gzipSync(zeros) : deflateSync(zeros)
    const answer = await send(host.otlp, '/v1/traces', {
      headers: { ...PROTOBUF_TYPE, 'content-encoding': encoding },
      body,
    })
    expect(answer.status).toBe(413)
  })

  it('too many bytes at once get 503 with Retry-After, and the budget comes back', async () => {
    const part = Buffer.alloc(60 * 1024, 0x20)
    const head = (length: number) =>
      `POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
    const { port } = new URL(host.otlp)
    const held = await new Promise<Socket>((resolve, reject) => {
      const socket = createConnection(Number(port), 'localhost', () => {
        socket.write(head(64 * 1024))
        socket.write(part, (error) => (error ? reject(error) : resolve(socket)))
      })
    })
    // The first body is still open; a second of the same size does not fit beside it.
    let second = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: part })
    while (second.status === 400) second = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: part })
    expect([second.status, second.headers['retry-after']]).toEqual([503, '1'])
    held.destroy()
    let after = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: EMPTY })
    while (after.status === 503) after = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: EMPTY })
    expect(after.status).toBe(200)
  })

  it('headers without end get 431', async () => {
    const answer = await talk(host.otlp, `POST /v1/traces HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
  })
})

describe('browsers and other names', () => {
  it('lets a loopback page send: preflight and answer carry CORS headers', async () => {
    const origin = 'http://localhost:5173'
    const preflight = await send(host.otlp, '/v1/traces', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
      vary: 'Origin',
    })
    const bad = await send(host.otlp, '/v1/traces', { headers: { ...JSON_TYPE, origin }, body: '{' })
    expect([bad.status, bad.headers['access-control-allow-origin']]).toEqual([400, origin])
  })

  it.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'http://127.0.0.1.nip.io', 'file://'])(
    'origin %s is refused without CORS headers',
    async (origin) => {
      for (const method of ['OPTIONS', 'POST']) {
        const body = method === 'POST' ? EMPTY : undefined
        const answer = await send(host.otlp, '/v1/traces', { method, headers: { ...JSON_TYPE, origin }, body })
        expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([403, undefined])
      }
      expect((await findings('cors-refused')).some(({ detail }) => detail.includes(origin))).toBe(true)
    },
  )

  it.each(['evil.example', '0.0.0.0', 'localhost:1', '127.0.0.1.nip.io', 'localhost@evil.example'])(
    'Host %s is refused',
    async (name) => {
      const answer = await send(host.otlp, '/v1/traces', { headers: { ...JSON_TYPE, host: name }, body: EMPTY })
      expect(answer.status).toBe(403)
    },
  )

  it('a request without Host gets 400', async () => {
    expect(await talk(host.otlp, 'POST /v1/traces HTTP/1.0\r\nContent-Length: 0\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
  })
})

describe('other protocols and ports', () => {
  it('recognises gRPC on the HTTP port and says which port to use', async () => {
    await talk(host.otlp, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    const [finding] = await findings('wrong-protocol')
    expect(finding.detail).toMatch(/gRPC was sent to the OTLP\/HTTP port/)
  })

  it('recognises HTTP on the gRPC port and answers in HTTP', async () => {
    const answer = await send(host.otlpGrpc, '/v1/traces', { headers: JSON_TYPE, body: EMPTY })
    expect([answer.status, status(answer.body).message]).toEqual([400, expect.stringContaining('OTLP/gRPC port')])
  })

  it('answers several requests on one connection', async () => {
    const one = `POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${EMPTY.length}\r\n`
    const answer = await talk(host.otlp, `${one}\r\n${EMPTY}${one}\r\n${EMPTY}${one}Connection: close\r\n\r\n${EMPTY}`)
    expect(answer.match(/HTTP\/1.1 200 OK/g)).toHaveLength(3)
  })

  it('goes on when a port is taken, and says by whom', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const taken = (holder.address() as AddressInfo).port
    const other = await startTestHost({ 'server.otlpPort': taken })
    try {
      const { intake } = await other.get<StatusAnswer>('/api/status')
      const [finding] = intake.findings.filter(({ kind }) => kind === 'port-taken')
      expect(finding.detail).toContain(`port ${taken} is taken`)
      if (process.platform === 'linux') expect(finding.detail).toContain(`pid ${process.pid}`)
    } finally {
      await other.stop()
      holder.close()
    }
  })

  it('stores real spans sent deflated', async () => {
    const body = deflateSync(encodeTraces(randomResourceSpans(50, 3, 1, Date.now())))
    const answer = await send(host.otlp, '/v1/traces', {
      headers: { ...PROTOBUF_TYPE, 'content-encoding': 'deflate' },
      body,
    })
    expect([answer.status, answer.body.length]).toEqual([200, 0])
  })
})
