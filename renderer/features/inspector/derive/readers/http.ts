import type { SpanRecord } from '../../../../../core/model/records.ts'
import { AttributeText, bodyPart, pairsPart, type Reading } from './reading.ts'

/** HTTP spans of both generations of the conventions; bodies where an instrumentation recorded them. */
export function readHttp(span: SpanRecord): Reading | null {
  const text = new AttributeText(span)
  const method = text.get('http.request.method', 'http.method')
  const status = text.get('http.response.status_code', 'http.status_code')
  if (method === '' && status === '') return null
  const host = text.get('server.address', 'net.peer.name', 'http.host')
  const path = text.get('url.path', 'http.target', 'http.route')
  const url =
    text.get('url.full', 'http.url') ||
    `${host ? `${text.get('url.scheme', 'http.scheme') || 'http'}://${host}` : ''}${path}`
  const version = text.get('network.protocol.version', 'http.flavor')
  return {
    kind: 'http',
    headline: `${method} ${url}`.trim(),
    note: version ? `HTTP/${version}` : '',
    request: [
      ...pairsPart('headers', text.under('http.request.header.')),
      ...pairsPart(
        'general',
        text.some(
          'http.route',
          'url.query',
          'client.address',
          'user_agent.original',
          'http.user_agent',
          'http.request.body.size',
          'http.request.resend_count',
        ),
      ),
      ...bodyPart('body', text.get('http.request.body.content', 'http.request.body', 'http.request_body')),
    ],
    response: [
      ...pairsPart(
        'general',
        text.some('http.response.status_code', 'http.status_code', 'http.response.body.size', 'error.type'),
      ),
      ...pairsPart('headers', text.under('http.response.header.')),
      ...bodyPart('body', text.get('http.response.body.content', 'http.response.body', 'http.response_body')),
    ],
  }
}

/**
 * The request as a command for a shell, without what was taken away before storage; null when there is no address.
 */
export function asCurl(span: SpanRecord): string | null {
  const text = new AttributeText(span)
  const method = text.get('http.request.method', 'http.method')
  const url = text.get('url.full', 'http.url')
  if (!method || !url) return null
  const quote = (one: string): string => `'${one.replaceAll("'", `'\\''`)}'`
  const headers = text
    .under('http.request.header.')
    .filter(
      (header) =>
        !header.hidden && !/^(host|content-length|connection|accept-encoding|traceparent|tracestate)$/.test(header.key),
    )
    .map((header) => `-H ${quote(`${header.key}: ${header.value}`)}`)
  const body = text.get('http.request.body.content', 'http.request.body', 'http.request_body')
  const data = body && !body.includes('[masked]') ? [`--data-raw ${quote(body)}`] : []
  return ['curl', ...(method === 'GET' ? [] : ['-X', method]), quote(url), ...headers, ...data].join(' ')
}
