import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GlassboxError } from '../base/errors.ts'
import { isConfigured } from '../base/host-name.ts'

/**
 * Refuses a Host that is not ours, which is what DNS rebinding brings. Own names are compared whole, with the port;
 * configured ones stand for any port, as a reverse proxy has its own, unless they name one.
 * @throws GlassboxError `bad_request` when missing, `forbidden_host` when foreign.
 */
export function checkHost(
  host: string | undefined,
  port: number,
  listening: string,
  configured: readonly string[],
): void {
  if (!host) throw new GlassboxError('bad_request', 'The Host header is missing.', 'Send a Host header.')
  const given = host.toLowerCase()
  const own = ownNames(listening).some((name) => given === `${name}:${port}` || (port === 80 && given === name))
  if (!own && !isConfigured(given, configured))
    throw new GlassboxError('forbidden_host', `Host ${JSON.stringify(host)} is not one of this server's names.`)
}

/** The names that requests may address: loopback's, and the address listened on. */
function ownNames(listening: string): string[] {
  const names = ['localhost', '127.0.0.1', '[::1]']
  if (listening !== '0.0.0.0' && listening !== '::') names.push(listening.includes(':') ? `[${listening}]` : listening)
  return names
}

/**
 * Refuses what a page of another origin sent. Only the very origin the request addresses is taken.
 * @throws GlassboxError `forbidden_origin`
 */
export function checkOrigin(headers: IncomingHttpHeaders): void {
  const { origin, host } = headers
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new GlassboxError('forbidden_origin', `Origin ${JSON.stringify(origin)} is not this server's own.`)
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new GlassboxError('forbidden_origin', `The request comes from a page of another site (${String(site)}).`)
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Compares in constant time, whatever the lengths. */
export function sameToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token))
}

/** A bearer token, or the password of Basic authentication, which is all that some clients of Prometheus can send. */
function tokenOf(authorization: string): string {
  const [, scheme, value] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? []
  if (value === undefined) return ''
  if (scheme.toLowerCase() === 'bearer') return value
  const pair = Buffer.from(value, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

/** @throws GlassboxError `unauthorized` */
export function checkBearer(authorization: string | undefined, token: string): void {
  const given = tokenOf(authorization ?? '')
  if (!sameToken(given, token)) {
    throw new GlassboxError('unauthorized', given ? 'The token is not the right one.' : 'The request brings no token.')
  }
}

/** Headers of every answer. */
export function securityHeaders(host: string): Record<string, string> {
  // CSP has no form for an IPv6 address; there 'self' alone must do.
  const socket = host.startsWith('[') ? '' : ` ws://${host}`
  return {
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
      `connect-src 'self'${socket}; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  }
}
