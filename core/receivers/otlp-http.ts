import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { GlassboxError } from '../base/errors.ts'
import type { ListenState } from '../model/answers.ts'
import type { IngestFormat, IngestOutcome, IngestRequest } from '../pipeline/ingest.ts'
import { firstProtocol } from './first-bytes.ts'
import { addressName, corsHeaders, hostAllowed, originAllowed, tokenMatches } from './http-guards.ts'
import { bind, portProblem } from './listen.ts'
import { readBody } from './read-body.ts'
import type { Receiver, ReceiverOptions } from './receiver.ts'
import { type AnswerEncoding, exportAnswer, statusBody } from './status-body.ts'

const PATHS: Record<string, 'traces' | 'logs' | 'metrics' | 'zipkin'> = {
  '/v1/traces': 'traces',
  '/v1/logs': 'logs',
  '/v1/metrics': 'metrics',
  '/api/v2/spans': 'zipkin',
}
/** Cut after this much of a refused body, so that the client still reads the answer. */
const DRAIN_BYTES = 1024 * 1024
const GRPC_CODES: Record<number, number> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  413: 11,
  415: 3,
  429: 8,
  503: 14,
}

/** OTLP/HTTP (protobuf and JSON) and Zipkin v2, on one port (OTLP 1.11, section OTLP/HTTP). */
export function createOtlpHttpReceiver(options: ReceiverOptions): Receiver {
  const { settings, doctor, log, budget, ports, slow } = options
  const servers: Server[] = []
  let toldAboutProtocol = false

  function makeServer(): Server {
    const server = createServer({
      keepAliveTimeout: 75_000,
      headersTimeout: slow.headersMs,
      requestTimeout: slow.requestMs,
      connectionsCheckingInterval: slow.checkMs,
    })
    server.maxConnections = 4000
    server.on('request', (request, response) => {
      handle(request, response).catch((error: unknown) => {
        log.error({ error: String(error) }, 'OTLP/HTTP request failed')
        if (!response.headersSent) respond(request, response, 500, encodingOf(request), 'internal error')
      })
    })
    server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) =>
      explainSocket(error, socket),
    )
    return server
  }

  /** A client that does not speak HTTP/1: most often an SDK set to gRPC. */
  function explainSocket(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex): void {
    const peer = peerOf(socket)
    const protocol = error.rawPacket ? firstProtocol(error.rawPacket) : null
    if (protocol === 'http2' || protocol === 'tls') {
      const sentence =
        protocol === 'tls'
          ? 'TLS was sent to the OTLP/HTTP port, which speaks plain text: use http:// in the endpoint'
          : `gRPC was sent to the OTLP/HTTP port: use port ${ports.grpc} for gRPC, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`
      doctor.finding('wrong-protocol', peer, sentence)
      if (!toldAboutProtocol) log.warn({ peer }, sentence)
      toldAboutProtocol = true
    }
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const peer = peerOf(request.socket)
    const encoding = encodingOf(request)
    const { server } = settings()
    const { host, origin } = request.headers
    const { requireToken } = options
    const own = requireToken === undefined ? [] : [addressName(request.socket.localAddress)]
    if (host === undefined || !hostAllowed(host, ports.http, own, server.allowedHosts)) {
      if (host !== undefined) doctor.finding('host-refused', peer, `Host ${host} is not on the list`)
      return respond(
        request,
        response,
        host === undefined ? 400 : 403,
        encoding,
        host === undefined
          ? 'the Host header is missing'
          : `Host ${host} is not allowed; add it to server.allowedHosts`,
      )
    }
    let cors: OutgoingHttpHeaders = {}
    if (origin !== undefined) {
      if (!originAllowed(origin, server.corsOrigins)) {
        doctor.finding('cors-refused', peer, `Origin ${origin} is not allowed; add it to server.corsOrigins`)
        return respond(request, response, 403, encoding, `Origin ${origin} is not allowed`)
      }
      cors = corsHeaders(request, origin)
    }
    if (request.method === 'OPTIONS') {
      response.writeHead(204, cors).end()
      return
    }
    const path = (request.url ?? '/').split('?')[0]
    const signal = PATHS[path]
    if (!signal) {
      doctor.finding('wrong-path', peer, `${request.method} ${path}: OTLP goes to /v1/traces, /v1/logs or /v1/metrics`)
      return respond(
        request,
        response,
        404,
        encoding,
        `there is nothing at ${path}: send to /v1/traces, /v1/logs or /v1/metrics`,
        cors,
      )
    }
    if (request.method !== 'POST')
      return respond(request, response, 405, encoding, `${request.method} is not allowed, send POST`, {
        ...cors,
        allow: 'POST, OPTIONS',
      })
    if (requireToken !== undefined && !tokenMatches(request.headers.authorization, requireToken)) {
      doctor.finding('unauthorized', peer, 'the token is missing or wrong')
      return respond(
        request,
        response,
        401,
        encoding,
        'the token is missing or wrong: send Authorization: Bearer TOKEN',
        cors,
      )
    }
    const media = (request.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase()
    const isProtobuf = media === 'application/x-protobuf' || media === 'application/protobuf'
    if ((!isProtobuf && media !== 'application/json') || (signal === 'zipkin' && isProtobuf)) {
      doctor.finding('unsupported', peer, `content type ${media || '(none)'} on ${path}`)
      return respond(request, response, 415, encoding, `content type ${media || '(none)'} is not supported here`, cors)
    }
    const compression = contentEncoding(request.headers['content-encoding'])
    if (!compression) {
      doctor.finding('unsupported', peer, `content encoding ${request.headers['content-encoding']}`)
      return respond(
        request,
        response,
        415,
        encoding,
        `content encoding ${request.headers['content-encoding']} is not supported: send gzip, deflate or none`,
        cors,
      )
    }
    const format: IngestFormat = signal === 'zipkin' ? 'zipkin-json' : isProtobuf ? 'otlp-protobuf' : 'otlp-json'
    await take(request, response, { signal, format, compression, encoding, peer, cors })
  }

  interface Taking {
    signal: 'traces' | 'logs' | 'metrics' | 'zipkin'
    format: IngestFormat
    compression: IngestRequest['encoding']
    encoding: AnswerEncoding
    peer: string
    cors: OutgoingHttpHeaders
  }

  async function take(request: IncomingMessage, response: ServerResponse, taking: Taking): Promise<void> {
    const { signal, format, compression, encoding, peer, cors } = taking
    let outcome: IngestOutcome
    try {
      const body = await readBody(request, settings().receivers.maxBodyBytes, budget)
      try {
        outcome = await options.pipeline.ingest({
          signal: signal === 'zipkin' ? 'traces' : signal,
          format,
          encoding: compression,
          bytes: body.bytes,
          peer,
          transport: signal === 'zipkin' ? 'zipkin' : 'otlp-http',
        })
      } finally {
        body.done()
      }
    } catch (error) {
      // The client went away: there is nobody to answer.
      if (error === null) return
      if (!(error instanceof GlassboxError)) throw error
      return refuse(request, response, error, taking)
    }
    if (outcome.refused) {
      doctor.finding('overload', peer, 'the queue is full')
      return respond(request, response, 503, encoding, 'the queue is full, send again later', {
        ...cors,
        'retry-after': '1',
      })
    }
    doctor.sender(peer, signal === 'zipkin' ? 'zipkin' : 'otlp-http', `${format} ${compression}`, outcome)
    if (signal === 'zipkin') {
      response.writeHead(202, cors).end()
      return
    }
    respond(
      request,
      response,
      200,
      encoding,
      exportAnswer(encoding, signal, outcome.rejected + outcome.dropped, outcome.message),
      cors,
    )
  }

  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    error: GlassboxError,
    { encoding, peer, cors }: Taking,
  ): void {
    if (error.code === 'malformed_body') doctor.finding('malformed', peer, error.message)
    else if (error.code === 'too_large') doctor.finding('too-large', peer, error.message)
    else if (error.status === 503) doctor.finding('overload', peer, error.message)
    const extra: OutgoingHttpHeaders = error.status === 503 ? { ...cors, 'retry-after': '1' } : cors
    respond(request, response, error.status, encoding, error.message, extra)
  }

  return {
    async listen(host, wanted): Promise<ListenState> {
      const first = makeServer()
      try {
        ports.http = await bind(first, host, wanted)
      } catch (error) {
        const problem = portProblem(error as NodeJS.ErrnoException, wanted)
        doctor.finding('port-taken', `${host}:${wanted}`, problem)
        log.error({ port: wanted }, problem)
        return { address: `http://${host}:${wanted}`, listening: false, problem }
      }
      servers.push(first)
      if (host === '127.0.0.1' || host === 'localhost') {
        // `localhost` is IPv6 for some clients; a machine without IPv6 does without.
        const second = makeServer()
        await bind(second, '::1', ports.http).then(
          () => servers.push(second),
          () => second.close(),
        )
      }
      return { address: `http://${host}:${ports.http}`, listening: true, problem: null }
    },
    async close() {
      await Promise.all(
        servers.splice(0).map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve())
              server.closeIdleConnections()
              setTimeout(() => server.closeAllConnections(), 500).unref()
            }),
        ),
      )
    },
  }
}

function peerOf(socket: Duplex & { remoteAddress?: string; remotePort?: number }): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`
}

/** Answers come in the request's encoding, errors too; an unknown one gets JSON. */
function encodingOf(request: IncomingMessage): AnswerEncoding {
  return /^application\/(x-)?protobuf/i.test(request.headers['content-type'] ?? '') ? 'protobuf' : 'json'
}

function contentEncoding(header: string | undefined): IngestRequest['encoding'] | null {
  const name = (header ?? 'identity').trim().toLowerCase()
  if (name === 'gzip' || name === 'x-gzip') return 'gzip'
  return name === 'deflate' || name === 'identity' || name === '' ? (name === 'deflate' ? 'deflate' : 'identity') : null
}

/** A status of 400 and above carries google.rpc.Status; the rest of a body still on its way is drained, then cut. */
function respond(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  encoding: AnswerEncoding,
  content: Uint8Array | string,
  headers: OutgoingHttpHeaders = {},
): void {
  const body = typeof content === 'string' ? statusBody(encoding, GRPC_CODES[status] ?? 13, content) : content
  const closing: OutgoingHttpHeaders = request.complete ? {} : { connection: 'close' }
  response.writeHead(status, {
    'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
    'content-length': body.length,
    'x-content-type-options': 'nosniff',
    ...headers,
    ...closing,
  })
  response.end(body)
  if (request.complete) return
  let drained = 0
  request.on('data', (chunk: Buffer) => {
    drained += chunk.length
    if (drained > DRAIN_BYTES) request.destroy()
  })
  request.resume()
}
