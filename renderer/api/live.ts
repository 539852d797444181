import type { LiveMessage, LiveRequest } from '../../core/api/contract/shapes.ts'
import type { Connection } from './connection.ts'

/** ms without any message after which what is shown counts as stale. The core sends a status every second. */
const STALE_AFTER = 10_000
const FIRST_RETRY = 500
const LAST_RETRY = 10_000

export interface LiveEvents {
  message(message: LiveMessage): void
  /** `retryAt` is ms since 1970 while waiting to connect again. */
  state(state: { open: boolean; stale: boolean; lastSign: number; retryAt: number | null }): void
}

export interface LiveConnection {
  follow(what: LiveRequest['data']): void
  retryNow(): void
  close(): void
}

/** Keeps one WebSocket open: connects again with growing waits (0.5 to 10 s), and says when nothing was heard for 10 s. */
export function openLive(connection: Connection, events: LiveEvents): LiveConnection {
  let socket: WebSocket | null = null
  let wanted: LiveRequest['data'] = { traces: false, logs: false }
  let wait = FIRST_RETRY
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let retryAt: number | null = null
  let lastSign = Date.now()
  let attemptAt = 0
  let closed = false

  const report = (): void =>
    events.state({
      open: socket?.readyState === WebSocket.OPEN,
      stale: Date.now() - lastSign >= STALE_AFTER,
      lastSign,
      retryAt,
    })

  const send = (): void => {
    if (socket?.readyState !== WebSocket.OPEN) return
    const request: LiveRequest = { type: 'follow', data: wanted }
    socket.send(JSON.stringify(request))
  }

  const connect = (): void => {
    clearTimeout(retryTimer)
    retryAt = null
    attemptAt = Date.now()
    const address = `${connection.api.replace(/^http/, 'ws')}/api/live`
    const protocols = ['glassbox.v1', ...(connection.token ? [`bearer.${connection.token}`] : [])]
    const current = new WebSocket(address, protocols)
    socket = current
    current.onopen = () => {
      wait = FIRST_RETRY
      send()
      report()
    }
    current.onmessage = (event) => {
      lastSign = Date.now()
      const message = JSON.parse(String(event.data)) as LiveMessage
      events.message(message)
      report()
    }
    current.onclose = () => {
      if (closed || socket !== current) return
      retryAt = Date.now() + wait
      retryTimer = setTimeout(connect, wait)
      wait = Math.min(wait * 2, LAST_RETRY)
      report()
    }
    report()
  }

  const replace = (): void => {
    const old = socket
    socket = null
    old?.close()
    connect()
  }

  const watch = setInterval(() => {
    // An open socket that says nothing is as good as closed.
    const silent = Date.now() - Math.max(lastSign, attemptAt) >= STALE_AFTER
    if (silent && socket?.readyState === WebSocket.OPEN) replace()
    else report()
  }, 1000)

  connect()
  return {
    follow(what) {
      wanted = what
      send()
    },
    retryNow: replace,
    close() {
      closed = true
      clearInterval(watch)
      clearTimeout(retryTimer)
      socket?.close()
    },
  }
}
