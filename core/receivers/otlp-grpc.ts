import type { Http2Stream } from 'node:http2'
import type { Server as NetServer, Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { GlassboxError } from '../base/errors.ts'
import type { ListenState } from '../model/answers.ts'
import { type FirstProtocol, firstBytesServer } from './first-bytes.ts'
import { tokenMatches } from './http-guards.ts'
import { bind, portProblem } from './listen.ts'
import type { Receiver, ReceiverOptions } from './receiver.ts'
import { exportAnswer, retryStatus } from './status-body.ts'

const SIGNALS = { trace: 'TraceService', logs: 'LogsService', metrics: 'MetricsService' } as const
const RETRY_SECONDS = 1
const TOO_MANY_BYTES = 'too many bytes are being received at once'
const TLS_SENTENCE =
  'TLS was sent to the OTLP/gRPC port, which speaks plain text: use http:// or OTEL_EXPORTER_OTLP_INSECURE=true'

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
 * OTLP/gRPC. Messages pass through as bytes to the same pipeline as OTLP/HTTP. The port's first bytes are looked at, so
 * that HTTP/1 and TLS sent to it are recognised and explained. Browsers cannot speak HTTP/2 without TLS: no page reaches
 * this port, and it needs no look at Host or Origin.
 */
export function createOtlpGrpcReceiver(options: ReceiverOptions): Receiver {
  const { settings, doctor, log, budget, ports, slow } = options
  const fronts: NetServer[] = []
  const sockets = new Set<Socket>()
  let server: grpc.Server | null = null

  async function exportCall(
    signal: Signal,
    call: grpc.ServerUnaryCall<Buffer, Buffer>,
    answer: grpc.sendUnaryData<Buffer>,
  ): Promise<void> {
    const peer = call.getPeer()
    const size = call.request.length
    if (!budget.take(size, 0)) {
      doctor.finding('overload', peer, TOO_MANY_BYTES)
      return answer(busy(TOO_MANY_BYTES))
    }
    try {
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
    } finally {
      budget.give(size)
    }
  }

  /** Refuses a wrong token before the message is read, and cuts a message that comes too slowly. */
  const guard: grpc.ServerInterceptor = (_method, call) => {
    let late: NodeJS.Timeout | undefined
    const refuse = (code: grpc.status, details: string): void =>
      call.sendStatus({ code, details, metadata: new grpc.Metadata() })
    const arrived = countArriving(call, () => {
      clearTimeout(late)
      doctor.finding('overload', call.getPeer(), TOO_MANY_BYTES)
      call.sendStatus({ metadata: new grpc.Metadata(), ...busy(TOO_MANY_BYTES) })
    })
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const shown = String(metadata.get('authorization')[0] ?? '')
        if (options.requireToken !== undefined && !tokenMatches(shown, options.requireToken)) {
          const sentence = 'the token is missing or wrong: send authorization: Bearer TOKEN'
          doctor.finding('unauthorized', call.getPeer(), sentence)
          return refuse(grpc.status.UNAUTHENTICATED, sentence)
        }
        late = setTimeout(
          () => refuse(grpc.status.DEADLINE_EXCEEDED, `the message did not arrive within ${slow.requestMs} ms`),
          slow.requestMs,
        )
        next(metadata)
      })
      .withOnReceiveMessage((message, next) => {
        clearTimeout(late)
        // From here on exportCall counts it, by the size that it has inflated.
        arrived()
        next(message)
      })
      .withOnCancel(() => {
        clearTimeout(late)
        arrived()
      })
      .build()
    const responder = new grpc.ResponderBuilder()
      .withStart((next) => next(listener))
      .withSendStatus((status, next) => {
        clearTimeout(late)
        arrived()
        next(status)
      })
      .build()
    return new grpc.ServerInterceptingCall(call, responder)
  }

  /**
   * Counts the bytes of a message while it arrives; `over` is called once when they no longer fit the budget, and what
   * still comes is thrown away. grpc-js hands out whole messages only, so this looks at the stream below a call, which is
   * no part of its interface: slow-clients.test.ts notices when it goes. Returns what gives the bytes back.
   */
  function countArriving(call: grpc.ServerInterceptingCallInterface, over: () => void): () => void {
    const { stream } = call as unknown as { stream?: Http2Stream }
    let taken = 0
    let ended = false
    const give = (): void => {
      ended = true
      budget.give(taken)
      taken = 0
    }
    stream?.on('data', (chunk: Buffer) => {
      if (ended) return
      if (budget.take(chunk.length, taken)) {
        taken += chunk.length
        return
      }
      give()
      stream.removeAllListeners('data')
      stream.resume()
      over()
    })
    return give
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
  function front(take: (socket: Socket) => void): NetServer {
    return firstBytesServer(slow.headersMs, (socket, protocol) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      if (protocol === 'http2') take(socket)
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

  function makeServer(): grpc.ConnectionInjector {
    const made = new grpc.Server({
      'grpc.max_receive_message_length': settings().receivers.maxInflatedBytes,
      'grpc.max_send_message_length': 4 * 1024 * 1024,
      'grpc.max_concurrent_streams': 100,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      interceptors: [guard],
    })
    for (const [name, signal] of [
      ['trace', 'traces'],
      ['logs', 'logs'],
      ['metrics', 'metrics'],
    ] as const) {
      made.addService(serviceOf(name), {
        Export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) =>
          void exportCall(signal, call, answer),
      })
    }
    server = made
    return made.createConnectionInjector(grpc.ServerCredentials.createInsecure())
  }

  return {
    async listen(host, wanted): Promise<ListenState> {
      const injector = makeServer()
      const take = (socket: Socket): void => injector.injectConnection(socket)
      const first = front(take)
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
        const second = front(take)
        await bind(second, '::1', ports.grpc).then(
          () => fronts.push(second),
          () => second.close(),
        )
      }
      return { address: `http://${host}:${ports.grpc}`, listening: true, problem: null }
    },
    async close() {
      for (const one of fronts.splice(0)) one.close()
      server?.forceShutdown()
      for (const socket of sockets) socket.destroy()
    },
  }
}
