import { WebSocket } from 'ws'
import type { LiveMessage } from '../core/api/contract/shapes.ts'
import type { Connection } from './ipc.ts'

/** Hears what the page hears: the status of each second and the jobs. Ends with the host. */
export function watchHost({ api, token }: Connection, take: (message: LiveMessage) => void): { dispose(): void } {
  const socket = new WebSocket(`${api.replace(/^http/, 'ws')}/api/live`, ['glassbox.v1', `bearer.${token}`], {
    origin: api,
  })
  socket.on('message', (data) => take(JSON.parse(String(data)) as LiveMessage))
  // Only the host's own end closes it: the window then says what happened.
  socket.on('error', () => undefined)
  return { dispose: () => socket.terminate() }
}
