import { once } from 'node:events'
import { connect } from 'node:net'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import { seededRandom } from '../../demo/shop.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send, talk } from '../../unit/receivers/raw-http.ts'

const REQUESTS = process.env.GLASSBOX_LONG ? 10_000 : 200
const MiB = 1024 * 1024
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'receivers.maxBodyBytes': 4 * MiB, 'receivers.maxInflatedBytes': 16 * MiB })
})
afterAll(() => host.stop())

const POST = 'POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
const JSON_TYPE = { 'content-type': 'application/json' }
const zeros = Buffer.alloc(64 * MiB)
const bombs = { gzip: gzipSync(zeros), deflate: deflateSync(zeros), raw: deflateRawSync(zeros) }
const twice = gzipSync(bombs.gzip)

const status = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? 0)
async function encoded(encoding: string, body: Uint8Array): Promise<number> {
  const answer = await send(host.otlp, '/v1/traces', { headers: { ...JSON_TYPE, 'content-encoding': encoding }, body })
  return answer.status
}
/** The answer's status, 0 when the connection was cut before it could be read, as it may be while the client still writes. */
const told = (bytes: string): Promise<number> => talk(host.otlp, bytes).then(status, () => 0)

async function endless(): Promise<number> {
  const { hostname, port } = new URL(host.otlp)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  let seen = ''
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1')
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`)
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
  await closed
  return status(seen)
}

const attacks: [string, number[], () => Promise<number>][] = [
  [
    'one byte above the limit',
    [413],
    async () =>
      (await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: Buffer.alloc(4 * MiB + 1, 32) })).status,
  ],
  ['a length that promises more than comes', [400], () => told(`${POST}Content-Length: -5\r\n\r\n{}`)],
  ['two lengths', [400], () => told(`${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)],
  ['length and chunks', [400], () => told(`${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`)],
  ['endless chunks', [413, 0], endless],
  ['a gzip bomb', [413], () => encoded('gzip', bombs.gzip)],
  ['a deflate bomb', [413], () => encoded('deflate', bombs.deflate)],
  ['a raw deflate bomb', [413], () => encoded('deflate', bombs.raw)],
  ['gzip in gzip is refused', [415], () => encoded('gzip, gzip', twice)],
  ['gzip in gzip said to be one', [400], () => encoded('gzip', twice)],
  ['zstd', [415], () => encoded('zstd', bombs.gzip)],
  ['a gzip body cut short', [400], () => encoded('gzip', bombs.gzip.subarray(0, 1000))],
  ['100,000 headers', [431, 0], () => told(`${POST}${'a: b\r\n'.repeat(100_000)}\r\n`)],
]

it.each(attacks)('%s', async (_name, allowed, attack) => {
  expect(allowed).toContain(await attack())
})

it(`${REQUESTS} of them at random leave the host as it was`, async () => {
  const random = seededRandom(seed)
  const before = process.memoryUsage.rss()
  let next = 0
  const sender = async (): Promise<void> => {
    while (next++ < REQUESTS) {
      const [name, allowed, attack] = attacks[Math.floor(random() * attacks.length)]
      const got = await attack().catch(() => 0)
      // Overload is an answer too, and a sender that still writes may see the cut before the answer.
      if (![...allowed, 503, 0].includes(got)) throw new Error(`seed ${seed}: ${name} was answered ${got}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, sender))
  const good = await send(host.otlp, '/v1/traces', { headers: JSON_TYPE, body: '{"resourceSpans":[]}' })
  expect(good.status).toBe(200)
  const { traces } = await host.get<PipelineAnswer>('/api/pipeline')
  expect([traces.received, traces.waiting]).toEqual([0, 0])
  const grown = Math.round((process.memoryUsage.rss() - before) / MiB)
  process.stdout.write(`${JSON.stringify({ id: 22, seed, n: REQUESTS, rssGrownMb: grown })}\n`)
}, 600_000)
