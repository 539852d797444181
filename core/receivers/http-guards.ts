import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { isConfigured } from '../base/host-name.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * DNS rebinding makes any page same-origin with loopback: only known names, with our own port, are answered, and
 * configured ones with any.
 */
export function hostAllowed(
  header: string,
  port: number,
  own: readonly string[],
  configured: readonly string[],
): boolean {
  if (isConfigured(header, configured)) return true
  const match = /^(\[[0-9a-f:.]+\]|[^:]+)(?::(\d+))?$/i.exec(header.trim())
  if (!match) return false
  const name = match[1].toLowerCase()
  if (match[2] !== undefined && Number(match[2]) !== port) return false
  return LOOPBACK.has(name) || own.includes(name)
}

/**
 * The address that a connection came in on, as a Host header names it. A host that others reach answers to it: a page
 * that rebinds a name sends that name, never the bare address.
 */
export function addressName(localAddress: string | undefined): string {
  const address = (localAddress ?? '').replace(/^::ffff:/, '')
  return address.includes(':') ? `[${address}]` : address
}

/** Browser SDKs may send from loopback pages and from origins named in server.corsOrigins. */
export function originAllowed(origin: string, configured: readonly string[]): boolean {
  if (configured.includes(origin)) return true
  const url = URL.parse(origin)
  return (
    url !== null &&
    url.origin === origin &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    LOOPBACK.has(url.hostname)
  )
}

/** CORS headers of any answer to an allowed origin, errors included: without them a page sees an opaque failure. */
export function corsHeaders(request: IncomingMessage, origin: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'Retry-After',
    vary: 'Origin',
  }
  if (request.method === 'OPTIONS') {
    headers['access-control-allow-methods'] = 'POST'
    headers['access-control-allow-headers'] =
      request.headers['access-control-request-headers'] ??
      'content-type, content-encoding, authorization, traceparent, tracestate, baggage'
    headers['access-control-max-age'] = '7200'
    if (request.headers['access-control-request-private-network'] === 'true')
      headers['access-control-allow-private-network'] = 'true'
  }
  return headers
}

/** Constant-time comparison over hashes of equal length. */
export function tokenMatches(header: string | undefined, token: string): boolean {
  const shown = /^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? ''
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}
