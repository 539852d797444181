import type { FastifyInstance } from 'fastify'
import { GlassboxError } from '../../base/errors.ts'
import type { IngestFormat, IngestOutcome } from '../../pipeline/ingest.ts'
import { toGlassboxError } from '../problem.ts'
import type { ApiServices } from '../services.ts'

/** `POST /api/v1/write`: Prometheus remote write 1.0 and 2.0. A sender that meets a rejected sample gets 400. */
export function registerRemoteWrite(app: FastifyInstance, services: ApiServices): void {
  app.register(async (child) => {
    child.removeAllContentTypeParsers()
    const bodyLimit = services.settingsNow().receivers.maxBodyBytes
    child.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) => done(null, body))
    child.setErrorHandler((error, _request, reply) => {
      const known = toGlassboxError(error)
      if (known.code === 'internal') services.log.error({ err: error }, 'a remote write request failed')
      if (known.status === 503) reply.header('retry-after', '1')
      reply.code(known.status).headers(writtenHeaders()).type('text/plain; charset=utf-8').send(`${known.message}\n`)
    })
    child.post('/api/v1/write', async (request, reply) => {
      const format = formatOf(request.headers['content-type'] ?? '')
      const encoding = (request.headers['content-encoding'] ?? '').toLowerCase()
      if (encoding !== 'snappy')
        throw new GlassboxError(
          'unsupported_encoding',
          `content encoding ${encoding || '(none)'}: remote write is sent with snappy`,
        )
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      const peer = `${request.socket.remoteAddress ?? 'unknown'}:${request.socket.remotePort ?? 0}`
      const outcome = await services.pipeline.ingest({
        signal: 'metrics',
        format,
        encoding: 'snappy',
        bytes: body,
        peer,
        transport: 'remote-write',
      })
      if (outcome.refused) throw new GlassboxError('overloaded', outcome.message)
      services.senderSeen?.(peer, format, outcome)
      reply.headers(writtenHeaders(outcome.written))
      if (outcome.rejected > 0) {
        reply.code(400).type('text/plain; charset=utf-8')
        return `${outcome.message}\n`
      }
      return reply.code(204).send()
    })
  })
}

/** Set on every answer: senders of 2.0 learn from them that the body was understood. */
function writtenHeaders(written: IngestOutcome['written'] = { samples: 0, histograms: 0, exemplars: 0 }) {
  return {
    'x-prometheus-remote-write-samples-written': String(written.samples),
    'x-prometheus-remote-write-histograms-written': String(written.histograms),
    'x-prometheus-remote-write-exemplars-written': String(written.exemplars),
  }
}

/** @throws GlassboxError `unsupported_media_type` */
function formatOf(contentType: string): IngestFormat {
  const [media, ...parameters] = contentType.split(';').map((part) => part.trim())
  const proto = parameters.map((part) => /^proto="?([^"]*)"?$/i.exec(part)?.[1]).find((one) => one !== undefined)
  if (media.toLowerCase() === 'application/x-protobuf') {
    if (proto === undefined || proto === 'prometheus.WriteRequest') return 'remote-write-1'
    if (proto === 'io.prometheus.write.v2.Request') return 'remote-write-2'
  }
  throw new GlassboxError(
    'unsupported_media_type',
    `content type ${contentType || '(none)'} is not remote write`,
    'Send application/x-protobuf, with proto=io.prometheus.write.v2.Request for version 2.0.',
  )
}
