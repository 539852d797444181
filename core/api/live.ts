import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { GlassboxError } from '../base/errors.ts'
import type { LiveMessage } from './contract/shapes.ts'
import { sameToken } from './guards.ts'
import type { ApiServices } from './services.ts'

const pollMs = 250
/** Storage is asked this often even if nobody was heard to write: notices of other hosts do not pass every pooler. */
const quietMs = 5000
const statusMs = 1000
/** Changes of jobs are gathered for so long. */
const jobsMs = 250
const maxClients = 64
const maxBuffered = 1024 * 1024
const stuckMs = 30_000
const tailLimit = 100

const followSchema = z.object({
  type: z.literal('follow'),
  data: z.object({ traces: z.boolean(), logs: z.boolean() }),
})

interface Client {
  socket: WebSocket
  traces: boolean
  logs: boolean
  missed: number
  /** Monotonic ms since when the buffer is full, or null. */
  fullSince: number | null
}

/** The live socket: one poll of the store for all followers, and only when something was written. */
export function createLive(services: ApiServices) {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: 4096,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has('glassbox.v1') ? 'glassbox.v1' : false),
  })
  const clients = new Set<Client>()
  let pollTimer: NodeJS.Timeout | undefined
  let statusTimer: NodeJS.Timeout | undefined
  let jobsTimer: NodeJS.Timeout | undefined
  const changedJobs = new Set<string>()
  const unsubscribe = services.jobs.subscribe((id) => {
    if (clients.size === 0) return
    changedJobs.add(id)
    jobsTimer ??= setTimeout(pushJobs, jobsMs)
  })
  let seq: number | null = null
  /** Rows stored when the store was last read, and when that was. */
  let read = { stored: -1, atMs: 0 }

  const stopHearing = services.store.onForeignWrite?.(() => {
    read.stored = -1
  })

  /** @throws GlassboxError for a wrong path, a wrong token or too many clients. */
  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [path] = (request.url ?? '').split('?', 1)
    if (path !== '/api/live') throw new GlassboxError('not_found', 'Only /api/live is a WebSocket.')
    const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim())
    const bearer = protocols.find((part) => part.startsWith('bearer.'))?.slice('bearer.'.length) ?? ''
    if (!sameToken(bearer, services.token)) throw new GlassboxError('unauthorized', 'The token is missing or wrong.')
    if (clients.size >= maxClients) throw new GlassboxError('overloaded', `${maxClients} live clients are connected.`)
    server.handleUpgrade(request, socket, head, accept)
  }

  function accept(socket: WebSocket): void {
    const client: Client = { socket, traces: false, logs: false, missed: 0, fullSince: null }
    clients.add(client)
    socket.on('close', () => {
      clients.delete(client)
      schedule()
    })
    socket.on('error', () => socket.terminate())
    socket.on('message', (data) => {
      const request = readFollow(String(data))
      if (!request) return socket.close(1008, 'the message is not a follow request')
      Object.assign(client, { traces: request.traces, logs: request.logs })
      schedule()
      void confirm(client)
    })
    send(client, { type: 'hello', data: { version: services.version } })
    void pushStatus()
    schedule()
  }

  function schedule(): void {
    const following = [...clients].some(({ traces, logs }) => traces || logs)
    if (following) pollTimer ??= setInterval(pollIfWritten, pollMs)
    else {
      clearInterval(pollTimer)
      pollTimer = undefined
      seq = null
    }
    if (clients.size > 0) statusTimer ??= setInterval(pushStatus, statusMs)
    else {
      clearInterval(statusTimer)
      statusTimer = undefined
    }
  }

  /** Tells the client that whatever is written from now on will reach it. */
  async function confirm(client: Client): Promise<void> {
    if (seq === null) await poll()
    if (seq !== null) send(client, { type: 'following', data: { seq } })
  }

  function pollIfWritten(): void {
    const quiet = storedRows() === read.stored && services.clock.monotonicMs() - read.atMs < quietMs
    if (!quiet) void poll()
  }

  function storedRows(): number {
    return Object.values(services.pipeline.ledger()).reduce((total, { stored }) => total + stored, 0)
  }

  let running: Promise<void> | null = null

  /** One poll at a time; whoever asks meanwhile waits for that one. */
  function poll(): Promise<void> {
    running ??= readChanges().finally(() => {
      running = null
    })
    return running
  }

  async function readChanges(): Promise<void> {
    try {
      const first = seq === null
      // Taken before the read: what is stored meanwhile is read again.
      read = { stored: storedRows(), atMs: services.clock.monotonicMs() }
      const changes = await services.store.reader.changes(seq ?? 0, first ? 0 : tailLimit)
      const same = changes.seq === seq
      seq = changes.seq
      // The first poll only finds where "now" is; what lies before it is the list's to show.
      if (first || same) return
      const { traces, logs, skippedTraces, skippedLogs } = changes
      for (const client of clients) {
        if (client.traces && traces.length > 0)
          send(client, { type: 'traces', data: { items: traces, skipped: skippedTraces } })
        if (client.logs && logs.length > 0) send(client, { type: 'logs', data: { items: logs, skipped: skippedLogs } })
      }
    } catch (error) {
      services.log.warn({ err: error }, 'the live tail could not be read')
    }
  }

  async function pushStatus(): Promise<void> {
    try {
      const { storage, intake } = await services.status()
      const pipeline = { ...services.pipeline.ledger(), glassbox: services.pipelineState() }
      for (const client of clients) send(client, { type: 'status', data: { pipeline, storage, intake } })
    } catch (error) {
      services.log.warn({ err: error }, 'the live status could not be read')
    }
  }

  function pushJobs(): void {
    jobsTimer = undefined
    const items = services.jobs.list().filter(({ id }) => changedJobs.has(id))
    changedJobs.clear()
    for (const client of clients) send(client, { type: 'jobs', data: { items } })
  }

  function send(client: Client, message: LiveMessage): void {
    const { socket } = client
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount > maxBuffered) {
      client.missed++
      const now = services.clock.monotonicMs()
      client.fullSince ??= now
      if (now - client.fullSince >= stuckMs) socket.terminate()
      return
    }
    client.fullSince = null
    if (client.missed > 0)
      socket.send(JSON.stringify({ type: 'missed', data: { messages: client.missed } } satisfies LiveMessage))
    client.missed = 0
    socket.send(JSON.stringify(message))
  }

  async function close(): Promise<void> {
    unsubscribe()
    stopHearing?.()
    clearTimeout(jobsTimer)
    clearInterval(pollTimer)
    clearInterval(statusTimer)
    for (const { socket } of clients) socket.terminate()
    clients.clear()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  return { upgrade, close }
}

function readFollow(text: string): { traces: boolean; logs: boolean } | null {
  try {
    return followSchema.parse(JSON.parse(text)).data
  } catch {
    return null
  }
}
