import type { Server as NetServer, Socket } from 'node:net'
import type { ListenState } from '../model/answers.ts'
import { type FirstProtocol, firstBytesServer } from './first-bytes.ts'
import type { GrpcServer } from './grpc-server.ts'
import { bind, portProblem } from './listen.ts'
import type { Receiver, ReceiverOptions } from './receiver.ts'

const TLS_SENTENCE =
  'TLS was sent to the OTLP/gRPC port, which speaks plain text: use http:// or OTEL_EXPORTER_OTLP_INSECURE=true'

/**
 * OTLP/gRPC. The port's first bytes are looked at, so that HTTP/1 and TLS sent to it are recognised and explained, and
 * the gRPC library, a tenth of a second and some megabytes, is loaded by the first client that speaks it.
 */
export function createOtlpGrpcReceiver(options: ReceiverOptions): Receiver {
  const { doctor, log, ports, slow } = options
  const fronts: NetServer[] = []
  const sockets = new Set<Socket>()
  let server: Promise<GrpcServer> | null = null
  let closed = false

  function serve(socket: Socket): void {
    server ??= import('./grpc-server.ts').then(({ createGrpcServer }) => createGrpcServer(options))
    server.then(
      (ready) => {
        if (closed || socket.destroyed) socket.destroy()
        else ready.take(socket)
      },
      (error: Error) => {
        log.error({ err: error }, 'the gRPC library could not be loaded')
        socket.destroy()
      },
    )
  }

  /** Hands HTTP/2 to the gRPC server and explains everything else. */
  function front(): NetServer {
    return firstBytesServer(slow.headersMs, (socket, protocol) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      if (protocol === 'http2') serve(socket)
      else explain(socket, protocol)
    })
  }

  function explain(socket: Socket, protocol: FirstProtocol): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    if (protocol === 'tls') {
      doctor.finding('wrong-protocol', peer, TLS_SENTENCE)
      socket.destroy()
      return
    }
    const sentence = `HTTP/1 was sent to the OTLP/gRPC port: use port ${ports.http} for http/protobuf and http/json`
    doctor.finding('wrong-protocol', peer, sentence)
    const body = JSON.stringify({ code: 3, message: sentence })
    socket.setTimeout(slow.headersMs, () => socket.destroy())
    socket.resume()
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }

  return {
    async listen(host, wanted): Promise<ListenState> {
      closed = false
      const first = front()
      try {
        ports.grpc = await bind(first, host, wanted)
      } catch (error) {
        const problem = portProblem(error as NodeJS.ErrnoException, wanted)
        doctor.finding('port-taken', `${host}:${wanted}`, problem)
        log.error({ port: wanted }, problem)
        return { address: `http://${host}:${wanted}`, listening: false, problem }
      }
      fronts.push(first)
      if (host === '127.0.0.1' || host === 'localhost') {
        const second = front()
        await bind(second, '::1', ports.grpc).then(
          () => fronts.push(second),
          () => second.close(),
        )
      }
      return { address: `http://${host}:${ports.grpc}`, listening: true, problem: null }
    },
    async close() {
      for (const one of fronts.splice(0)) one.close()
      closed = true
      const opened = await server?.catch(() => null)
      server = null
      opened?.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
