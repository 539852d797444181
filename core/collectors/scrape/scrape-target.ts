import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { GlassboxError } from '../../base/errors.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import type { ExpositionSample } from '../../formats/exposition/line-reader.ts'
import { parseExposition } from '../../formats/exposition/parse.ts'
import type { MetricMetadata } from '../../model/series.ts'
import type { ScrapeConnection } from './connection.ts'

/** What one scrape may cost. */
export interface ScrapeLimits {
  timeoutMs: number
  /** After inflation. */
  bodySizeLimit: number
  auth: ScrapeJob['auth']
}

export interface Scraped {
  samples: ExpositionSample[]
  metadata: MetricMetadata[]
}

const ACCEPT =
  'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,text/plain;q=0.3,*/*;q=0.1'

/**
 * Fetches and parses one target within its time limit, headers and body together. Redirects are not followed.
 * @throws Error that says why the target is down
 */
export async function scrape(connection: ScrapeConnection, url: string, limits: ScrapeLimits): Promise<Scraped> {
  const signal = AbortSignal.timeout(limits.timeoutMs)
  try {
    const headers = {
      accept: ACCEPT,
      'accept-encoding': 'gzip',
      'user-agent': 'Glassbox',
      'x-prometheus-scrape-timeout-seconds': String(limits.timeoutMs / 1000),
      ...(await authorizationOf(limits.auth)),
    }
    const response = await connection.get(url, headers, signal)
    refuseOthers(response)
    const text = await readLimited(inflated(response), limits.bodySizeLimit)
    const type = (response.headers['content-type'] ?? '').split(';', 1)[0].trim().toLowerCase()
    return parseExposition(text, type === 'application/openmetrics-text' ? 'openmetrics' : 'text')
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    if (signal.aborted) throw new Error(`no whole answer within ${limits.timeoutMs} ms`)
    throw new Error(reasonOf(error as NodeJS.ErrnoException))
  }
}

/** Whatever is not 200. @throws Error */
function refuseOthers(response: IncomingMessage): void {
  const { statusCode = 0, statusMessage = '', headers } = response
  if (statusCode === 200) return
  response.destroy()
  const redirect = statusCode >= 300 && statusCode < 400 && headers.location
  throw new Error(
    `server returned HTTP status ${statusCode} ${statusMessage}${redirect ? `: a redirect to ${redirect}, which is not followed` : ''}`.trim(),
  )
}

function inflated(response: IncomingMessage): Readable {
  const encoding = (response.headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding === 'identity') return response
  if (encoding !== 'gzip') {
    response.destroy()
    throw new Error(`content encoding ${encoding} was not asked for`)
  }
  // What goes wrong comes out where the result is read.
  return pipeline(response, createGunzip(), () => undefined)
}

/** The error's own words; of one that stands for several addresses, those of the first. */
function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0])
  if (error.message === 'aborted') return 'the connection ended in the middle of the answer'
  return error.message || error.code || 'no answer'
}

/** @throws Error when the file with the secret cannot be read */
async function authorizationOf({ type, username, file }: ScrapeJob['auth']): Promise<{ authorization?: string }> {
  if (type === 'none') return {}
  let secret: string
  try {
    secret = (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new Error(`the ${type === 'basic' ? 'password' : 'token'} cannot be read: ${(error as Error).message}`)
  }
  return type === 'basic'
    ? { authorization: `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` }
    : { authorization: `Bearer ${secret}` }
}

async function readLimited(body: Readable, limit: number): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  // Leaving the loop ends the stream, and with it the connection.
  for await (const part of body as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > limit) throw new Error(`the body is larger than ${limit} bytes`)
    parts.push(part)
  }
  return new TextDecoder().decode(Buffer.concat(parts))
}
