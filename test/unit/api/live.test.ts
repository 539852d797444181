import { once } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { LiveMessage } from '../../../core/api/contract/shapes.ts'
import { createApiServer } from '../../../core/api/server.ts'
import type { ApiServices } from '../../../core/api/services.ts'
import { defaultSettings } from '../../../core/config/settings.ts'
import { emptyLedger } from '../../../core/pipeline/ledger.ts'

const token = 'test-token'
/** More than the operating system keeps for a socket on both sides. */
const big = 'x'.repeat(2 * 1024 * 1024)
let nowMs = 0
let reads = 0
let stored = 0
let body = 'small'
const onRead: (() => void)[] = []
const onStatus: (() => void)[] = []
const record = () => ({ time: 1, severity: 9, body })

const services = {
  version: '0.0.0',
  token,
  clock: { nowUs: () => 0, monotonicMs: () => nowMs },
  log: { info() {}, warn() {}, error() {} },
  settingsNow: () => defaultSettings,
  status: async () => {
    for (const resolve of onStatus.splice(0)) resolve()
    return { storage: {}, intake: { senders: [], findings: [] } }
  },
  jobs: { list: () => [], subscribe: () => () => undefined },
  pipelineState: () => ({ sampleRate: 1 }),
  pipeline: {
    ledger: () => {
      const ledger = emptyLedger()
      ledger.logs.stored = stored
      return ledger
    },
  },
  store: {
    reader: {
      changes: async (seq: number) => {
        reads++
        for (const resolve of onRead.splice(0)) resolve()
        const logs = seq < stored ? [record()] : []
        return { seq: stored, traces: [], logs, skippedTraces: 0, skippedLogs: 0 }
      },
    },
  },
} as unknown as ApiServices

let server: ReturnType<typeof createApiServer>
let api = ''
beforeEach(async () => {
  nowMs = 0
  reads = 0
  stored = 1
  body = 'small'
  server = createApiServer(services)
  api = await server.listen('127.0.0.1', 0)
})
afterEach(() => server.close())

async function follower(): Promise<{ socket: WebSocket; next(type: LiveMessage['type']): Promise<LiveMessage> }> {
  const socket = new WebSocket(`${api.replace('http', 'ws')}/api/live`, ['glassbox.v1', `bearer.${token}`])
  const seen: LiveMessage[] = []
  const wake: (() => void)[] = []
  socket.on('message', (data) => {
    seen.push(JSON.parse(String(data)) as LiveMessage)
    for (const resolve of wake.splice(0)) resolve()
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'follow', data: { traces: true, logs: true } }))
  const next = async (type: LiveMessage['type']): Promise<LiveMessage> => {
    for (;;) {
      const at = seen.findIndex((message) => message.type === type)
      if (at >= 0) return seen.splice(at, 1)[0]
      await new Promise<void>((resolve) => wake.push(resolve))
    }
  }
  await next('following')
  return { socket, next }
}

const nextRead = () => new Promise<void>((resolve) => onRead.push(resolve))

it('asks storage only when something was written', async () => {
  const { socket, next } = await follower()
  expect(reads).toBe(1)
  // Two of the seconds in which the status comes hold eight polls.
  await next('status')
  await next('status')
  await next('status')
  expect(reads).toBe(1)
  stored++
  await next('logs')
  expect(reads).toBe(2)
  // Nothing written here for long: another host may have.
  const asked = nextRead()
  nowMs += 5000
  await asked
  expect(reads).toBe(3)
  socket.terminate()
})

it('tells a slow reader how many messages it missed, and goes on', async () => {
  const { socket, next } = await follower()
  body = big
  socket.pause()
  // Each push is larger than what a socket that is not read takes; later ones are not kept but counted.
  for (let i = 0; i < 12; i++) {
    const asked = nextRead()
    stored++
    await asked
  }
  body = 'small'
  socket.resume()
  const missed = await next('missed')
  expect(missed).toMatchObject({ data: { messages: expect.any(Number) } })
  expect((missed as Extract<LiveMessage, { type: 'missed' }>).data.messages).toBeGreaterThan(0)
  stored++
  for (;;) {
    const message = (await next('logs')) as Extract<LiveMessage, { type: 'logs' }>
    if (message.data.items[0].body === 'small') break
  }
  socket.terminate()
})

it('drops a reader that is stuck for half a minute', async () => {
  const { socket } = await follower()
  const other = await follower()
  body = big
  socket.pause()
  const closed = once(socket, 'close')
  for (let i = 0; i < 12; i++) {
    const asked = nextRead()
    stored++
    await asked
  }
  nowMs += 31_000
  // The push of one status cuts it off; the next status begins after that.
  for (let i = 0; i < 2; i++) await new Promise<void>((resolve) => onStatus.push(resolve))
  socket.resume()
  const [code] = await closed
  expect(code).toBe(1006)
  await other.next('status')
  other.socket.terminate()
})
