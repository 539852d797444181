import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatusAnswer } from '../../../core/api/contract/shapes.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send, talk } from '../../unit/receivers/raw-http.ts'

const EMPTY = '{"resourceSpans":[]}'
const JSON_TYPE = { 'content-type': 'application/json' }
const HEAD = 'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
let host: RunningHost

beforeAll(async () => {
  host = await startTestHost({}, undefined, { slow: { headersMs: 300, requestMs: 600, checkMs: 50 } })
})
afterAll(() => host.stop())

/** Sends a byte every 40 ms until the other side hangs up; resolves with what it said. */
async function drip(base: string, start: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base)
  const socket: Socket = connect(Number(port), hostname)
  let seen = ''
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1')
  })
  socket.on('error', () => socket.destroy())
  await once(socket, 'connect')
  socket.write(start)
  let at = 0
  const timer = setInterval(() => socket.write(bytes[at++ % bytes.length]), 40)
  await once(socket, 'close')
  clearInterval(timer)
  return seen
}

describe('a client that drips', () => {
  it('headers is cut, and so is one that drips its body', async () => {
    const answers = await Promise.all([
      drip(host.otlp, HEAD, 'X-A: b\r\n'),
      drip(host.otlp, `${HEAD}Content-Length: 100000\r\n\r\n`, ' '),
      drip(host.otlp, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
    ])
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 /)
  })

  it('the first bytes of gRPC is cut', async () => {
    const { hostname, port } = new URL(host.otlpGrpc)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.write('PRI')
    await once(socket, 'close')
  })

  it('a gRPC message gets DEADLINE_EXCEEDED', async () => {
    const session = connectHttp2(host.otlpGrpc)
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.write(Buffer.from([0, 0, 0, 1, 0, 0x0a]))
    const [first] = await Promise.race([once(stream, 'response'), once(stream, 'trailers')])
    const status = first['grpc-status'] ?? (await once(stream, 'trailers'))[0]['grpc-status']
    expect(Number(status)).toBe(4)
    session.destroy()
  })

  it('does not keep good clients out', async () => {
    const { hostname, port } = new URL(host.otlp)
    const held = await Promise.all(
      Array.from({ length: process.env.GLASSBOX_LONG ? 2000 : 200 }, async () => {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => socket.destroy())
        socket.resume()
        await once(socket, 'connect')
        socket.write(HEAD)
        return socket
      }),
    )
    const good = await Promise.all(
      Array.from({ length: 20 }, () => send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: EMPTY })),
    )
    expect(good.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    await Promise.all(held.map((socket) => (socket.closed ? null : once(socket, 'close'))))
  })
})

it('refuses a declared body beyond the budget before it is sent', async () => {
  const small = await startTestHost({ 'receivers.maxInFlightBytes': 2048 })
  const { hostname, port } = new URL(small.otlp)
  const holder = connect(Number(port), hostname)
  try {
    await once(holder, 'connect')
    holder.write(`${HEAD}Content-Length: 2000\r\n\r\n{"resourceSpans":[`)
    // Until the holder's bytes are counted, a request that says Content-Length: 2048 waits for its body and is cut by us.
    for (;;) {
      const probe = connect(Number(port), hostname)
      await once(probe, 'connect')
      probe.write(`${HEAD}Content-Length: 2048\r\n\r\n`)
      const answered = await Promise.race([
        once(probe, 'data').then(([chunk]) => String(chunk)),
        send(small.otlp, '/v1/traces', { headers: JSON_TYPE, body: EMPTY }).then(() => ''),
      ])
      probe.destroy()
      if (answered === '') continue
      expect(answered).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 1/i)
      break
    }
  } finally {
    holder.destroy()
    await small.stop()
  }
})

it('gRPC messages count while they arrive: beyond the budget they are refused before they are whole', async () => {
  const small = await startTestHost({ 'receivers.maxInFlightBytes': 200_000 })
  const session = connectHttp2(small.otlpGrpc)
  const open = () => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    stream.on('error', () => undefined)
    const status = Promise.race([once(stream, 'response'), once(stream, 'trailers')]).then(async ([headers]) =>
      Number(headers['grpc-status'] ?? (await once(stream, 'trailers'))[0]['grpc-status']),
    )
    stream.resume()
    return { stream, status }
  }
  try {
    // Says that a megabyte comes, and sends less than the budget of it.
    const holder = open()
    holder.stream.write(Buffer.concat([Buffer.from([0, 0, 0x10, 0, 0]), Buffer.alloc(150_000)]))
    // One more like it is refused once both are counted, whichever was first.
    const others = Array.from({ length: 3 }, open)
    for (const { stream } of others)
      stream.write(Buffer.concat([Buffer.from([0, 0, 0x10, 0, 0]), Buffer.alloc(150_000)]))
    expect(await Promise.race([holder, ...others].map(({ status }) => status))).toBe(14)
    // The bytes of those that go away are given back: a whole message is taken.
    for (const { stream } of [holder, ...others]) stream.close(constants.NGHTTP2_CANCEL)
    let status: number
    do {
      const whole = open()
      whole.stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 0])]))
      status = await whole.status
    } while (status === 14)
    expect(status).toBe(0)
  } finally {
    session.destroy()
    await small.stop()
  }
})

it('recognises TLS on both ports', async () => {
  const hello = Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])
  await talk(host.otlp, hello)
  await talk(host.otlpGrpc, hello)
  const { intake } = await host.get<StatusAnswer>('/api/status')
  const said = intake.findings.filter(({ kind }) => kind === 'wrong-protocol').map(({ detail }) => detail)
  expect(said).toEqual([
    expect.stringContaining('TLS was sent to the OTLP/gRPC port'),
    expect.stringContaining('TLS was sent to the OTLP/HTTP port'),
  ])
})
