import { readFile } from 'node:fs/promises'
import type { ReadableStream } from 'node:stream/web'
import { GlassboxError } from '../../base/errors.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import type { ExpositionSample } from '../../formats/exposition/line-reader.ts'
import { parseExposition } from '../../formats/exposition/parse.ts'
import type { MetricMetadata } from '../../model/series.ts'

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
export async function scrape(url: string, limits: ScrapeLimits): Promise<Scraped> {
  const signal = AbortSignal.timeout(limits.timeoutMs)
  try {
    const authorization = await authorizationOf(limits.auth)
    const response = await fetch(url, {
      signal,
      redirect: 'error',
      headers: {
        accept: ACCEPT,
        'x-prometheus-scrape-timeout-seconds': String(limits.timeoutMs / 1000),
        ...authorization,
      },
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`server returned HTTP status ${response.status} ${response.statusText}`)
    }
    const text = await readLimited(response.body as ReadableStream<Uint8Array> | null, limits.bodySizeLimit)
    const type = (response.headers.get('content-type') ?? '').split(';', 1)[0].trim().toLowerCase()
    return parseExposition(text, type === 'application/openmetrics-text' ? 'openmetrics' : 'text')
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    if (signal.aborted) throw new Error(`no whole answer within ${limits.timeoutMs} ms`)
    const { message, cause } = error as Error & { cause?: Error }
    throw new Error(cause?.message ? `${message}: ${cause.message}` : message)
  }
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

async function readLimited(body: ReadableStream<Uint8Array> | null, limit: number): Promise<string> {
  if (!body) return ''
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > limit) throw new Error(`the body is larger than ${limit} bytes`)
    parts.push(part)
  }
  return new TextDecoder().decode(Buffer.concat(parts))
}
