import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { GlassboxError } from '../base/errors.ts'
import type { ListenState } from '../model/answers.ts'
import { tokenMatches } from './http-guards.ts'
import { bind, portProblem } from './listen.ts'
import type { Receiver, ReceiverOptions } from './receiver.ts'
import { exportAnswer, retryStatus } from './status-body.ts'

const SIGNALS = { trace: 'TraceService', logs: 'LogsService', metrics: 'MetricsService' } as const
/** HTTP/2 begins with this; anything else on the port is HTTP/1. */
const PREFACE = 'PRI '
const FIRST_BYTES_MS = 10_000
const RETRY_SECONDS = 1

interface Refusal {
  code: grpc.status
  details: string
  metadata?: grpc.Metadata
}

type Signal = 'traces' | 'logs' | 'metrics'

function serviceOf(name: keyof typeof SIGNALS): grpc.ServiceDefinition {
  const asIs = (bytes: Buffer): Buffer => bytes
  return {
    Export: {
      path: `/opentelemetry.proto.collector.${name}.v1.${SIGNALS[name]}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  }
}

/**
 * OTLP/gRPC. Messages pass through as bytes to the same pipeline as OTLP/HTTP. A small TCP server stands in front: it
 * looks at the first bytes, so that HTTP/1 sent to this port is recognised and explained.
 */
export function createOtlpGrpcReceiver(options: ReceiverOptions): Receiver {
  const { settings, doctor, log } = options
  const fronts: NetServer[] = []
  const sockets = new Set<Socket>()
  /** Who is behind each connection to the inner server, by its local port. */
  const peers = new Map<string, string>()
  let inner: grpc.Server | null = null

  async function exportCall(
    signal: Signal,
    call: grpc.ServerUnaryCall<Buffer, Buffer>,
    answer: grpc.sendUnaryData<Buffer>,
  ): Promise<void> {
    const peer = peers.get(call.getPeer().split(':').at(-1) ?? '') ?? 'grpc'
    try {
      if (
        options.requireToken !== undefined &&
        !tokenMatches(String(call.metadata.get('authorization')[0] ?? ''), options.requireToken)
      ) {
        return answer({
          code: grpc.status.UNAUTHENTICATED,
          details: 'the token is missing or wrong: send authorization: Bearer TOKEN',
        })
      }
      if (signal === 'metrics')
        return answer(null, Buffer.from(exportAnswer('protobuf', signal, 0, 'metrics are not stored by this version')))
      const outcome = await options.pipeline.ingest({
        signal,
        format: 'otlp-protobuf',
        encoding: 'identity',
        bytes: new Uint8Array(call.request),
        peer,
        transport: 'otlp-grpc',
      })
      if (outcome.refused) {
        doctor.finding('overload', peer, 'the queue is full')
        return answer(busy('the queue is full, send again later'))
      }
      doctor.sender(peer, 'otlp-grpc', 'otlp-protobuf', outcome)
      answer(null, Buffer.from(exportAnswer('protobuf', signal, outcome.rejected + outcome.dropped, outcome.message)))
    } catch (error) {
      answer(statusOf(error, peer))
    }
  }

  function busy(details: string): Refusal {
    const metadata = new grpc.Metadata()
    metadata.set('grpc-status-details-bin', retryStatus(grpc.status.UNAVAILABLE, details, RETRY_SECONDS))
    return { code: grpc.status.UNAVAILABLE, details, metadata }
  }

  function statusOf(error: unknown, peer: string): Refusal {
    if (!(error instanceof GlassboxError)) {
      log.error({ error: String(error) }, 'OTLP/gRPC request failed')
      return { code: grpc.status.INTERNAL, details: 'internal error' }
    }
    if (error.code === 'malformed_body') {
      doctor.finding('malformed', peer, error.message)
      return { code: grpc.status.INVALID_ARGUMENT, details: error.message }
    }
    if (error.code === 'too_large') {
      doctor.finding('too-large', peer, error.message)
      return { code: grpc.status.RESOURCE_EXHAUSTED, details: error.message }
    }
    if (error.status !== 503) return { code: grpc.status.INTERNAL, details: error.message }
    doctor.finding('overload', peer, error.message)
    return busy(error.message)
  }

  /** Hands HTTP/2 to the gRPC server and explains everything else. */
  function front(innerPort: number): NetServer {
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      socket.setTimeout(FIRST_BYTES_MS, () => socket.destroy())
      let seen = Buffer.alloc(0)
      const look = (chunk: Buffer): void => {
        seen = Buffer.concat([seen, chunk])
        if (seen.length < PREFACE.length && PREFACE.startsWith(seen.toString('latin1'))) return
        socket.removeListener('data', look)
        socket.pause()
        socket.setTimeout(0)
        if (seen.subarray(0, PREFACE.length).toString('latin1') === PREFACE) pass(socket, seen, innerPort)
        else explain(socket)
      }
      socket.on('data', look)
    })
    server.maxConnections = 1000
    return server
  }

  function pass(socket: Socket, first: Buffer, innerPort: number): void {
    const inside = connect(innerPort, '127.0.0.1')
    sockets.add(inside)
    inside.on('connect', () => {
      const port = String(inside.localPort)
      peers.set(port, `${socket.remoteAddress}:${socket.remotePort}`)
      inside.on('close', () => peers.delete(port))
    })
    inside.on('close', () => sockets.delete(inside))
    inside.on('error', () => socket.destroy())
    socket.on('close', () => inside.destroy())
    inside.on('close', () => socket.destroy())
    inside.write(first)
    socket.pipe(inside)
    inside.pipe(socket)
  }

  function explain(socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    const sentence = `HTTP/1 was sent to the OTLP/gRPC port: use port ${settings().server.otlpPort} for http/protobuf and http/json`
    doctor.finding('wrong-protocol', peer, sentence)
    const body = JSON.stringify({ code: 3, message: sentence })
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }

  async function startInner(): Promise<number> {
    const server = new grpc.Server({
      'grpc.max_receive_message_length': settings().receivers.maxInflatedBytes,
      'grpc.max_send_message_length': 4 * 1024 * 1024,
    })
    for (const [name, signal] of [
      ['trace', 'traces'],
      ['logs', 'logs'],
      ['metrics', 'metrics'],
    ] as const) {
      server.addService(serviceOf(name), {
        Export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) =>
          void exportCall(signal, call, answer),
      })
    }
    inner = server
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      )
    })
  }

  return {
    async listen(host, wanted): Promise<ListenState> {
      const innerPort = await startInner()
      const first = front(innerPort)
      let port: number
      try {
        port = await bind(first, host, wanted)
      } catch (error) {
        const problem = portProblem(error as NodeJS.ErrnoException, wanted)
        doctor.finding('port-taken', `${host}:${wanted}`, problem)
        log.error({ port: wanted }, problem)
        return { address: `http://${host}:${wanted}`, listening: false, problem }
      }
      fronts.push(first)
      if (host === '127.0.0.1' || host === 'localhost') {
        const second = front(innerPort)
        await bind(second, '::1', port).then(
          () => fronts.push(second),
          () => second.close(),
        )
      }
      return { address: `http://${host}:${(first.address() as AddressInfo).port}`, listening: true, problem: null }
    },
    async close() {
      for (const server of fronts.splice(0)) server.close()
      for (const socket of sockets) socket.destroy()
      inner?.forceShutdown()
    },
  }
}
