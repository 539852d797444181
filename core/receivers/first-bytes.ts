import { createServer, type Server, type Socket } from 'node:net'

/** What a client speaks, told by its first bytes. */
export type FirstProtocol = 'http2' | 'tls' | 'http1'

/** HTTP/2 begins with this (RFC 9113, 3.4). */
const PREFACE = 'PRI '
const TLS_HANDSHAKE = 0x16
const mostConnections = 4000

/** Null while more bytes are needed. */
export function firstProtocol(bytes: Buffer): FirstProtocol | null {
  if (bytes.length === 0) return null
  if (bytes[0] === TLS_HANDSHAKE) return 'tls'
  const text = bytes.subarray(0, PREFACE.length).toString('latin1')
  if (text === PREFACE) return 'http2'
  return PREFACE.startsWith(text) ? null : 'http1'
}

/**
 * A TCP server that looks at the first bytes of each connection and hands it on with those bytes put back.
 * A client that sends none for `waitMs` is cut.
 */
export function firstBytesServer(waitMs: number, take: (socket: Socket, protocol: FirstProtocol) => void): Server {
  const server = createServer((socket) => {
    let seen = Buffer.alloc(0)
    const cut = setTimeout(() => socket.destroy(), waitMs)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => clearTimeout(cut))
    const look = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk])
      const protocol = firstProtocol(seen)
      if (protocol === null) return
      socket.removeListener('data', look)
      socket.pause()
      clearTimeout(cut)
      socket.unshift(seen)
      take(socket, protocol)
    }
    socket.on('data', look)
  })
  server.maxConnections = mostConnections
  return server
}
