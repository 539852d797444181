import type { Http2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { GlassboxError } from '../base/errors.ts'
import { tokenMatches } from './http-guards.ts'
import type { ReceiverOptions } from './receiver.ts'
import { exportAnswer, retryStatus } from './status-body.ts'

const SIGNALS = { trace: 'TraceService', logs: 'LogsService', metrics: 'MetricsService' } as const
const RETRY_SECONDS = 1
const TOO_MANY_BYTES = 'too many bytes are being received at once'

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

export interface GrpcServer {
  /** Serves a connection whose first bytes, HTTP/2's preface, were put back. */
  take(socket: Socket): void
  close(): void
}

/**
 * The server behind the OTLP/gRPC port. Messages pass through as bytes to the same pipeline as OTLP/HTTP. It listens
 * nowhere itself. Browsers cannot speak HTTP/2 without TLS: no page reaches it, and it needs no look at Host or Origin.
 */
export function createGrpcServer(options: ReceiverOptions): GrpcServer {
  const { settings, doctor, log, budget, slow } = options

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
  const injector = made.createConnectionInjector(grpc.ServerCredentials.createInsecure())
  return {
    take: (socket) => injector.injectConnection(socket),
    close: () => made.forceShutdown(),
  }
}
