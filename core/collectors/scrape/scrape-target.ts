import type { ReadableStream } from 'node:stream/web'
import { GlassboxError } from '../../base/errors.ts'
import type { ExpositionSample } from '../../formats/exposition/line-reader.ts'
import { parseExposition } from '../../formats/exposition/parse.ts'
import type { MetricMetadata } from '../../model/series.ts'

export interface ScrapeTarget {
  job: string
  url: string
  intervalMs: number
  timeoutMs: number
  /** A clash of labels is won by the scraped one; else that one is renamed `exported_…`. */
  honorLabels: boolean
  /** 0 = no limit. */
  sampleLimit: number
  /** After inflation. */
  bodySizeLimit: number
  labels: Record<string, string>
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
export async function scrape(target: ScrapeTarget): Promise<Scraped> {
  const signal = AbortSignal.timeout(target.timeoutMs)
  try {
    const response = await fetch(target.url, {
      signal,
      redirect: 'error',
      headers: { accept: ACCEPT, 'x-prometheus-scrape-timeout-seconds': String(target.timeoutMs / 1000) },
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`server returned HTTP status ${response.status} ${response.statusText}`)
    }
    const text = await readLimited(response.body as ReadableStream<Uint8Array> | null, target.bodySizeLimit)
    const type = (response.headers.get('content-type') ?? '').split(';', 1)[0].trim().toLowerCase()
    const parsed = parseExposition(text, type === 'application/openmetrics-text' ? 'openmetrics' : 'text')
    if (target.sampleLimit > 0 && parsed.samples.length > target.sampleLimit)
      throw new Error(`sample limit exceeded: ${parsed.samples.length} samples, allowed are ${target.sampleLimit}`)
    return parsed
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    if (signal.aborted) throw new Error(`no whole answer within ${target.timeoutMs} ms`)
    const { message, cause } = error as Error & { cause?: Error }
    throw new Error(cause?.message ? `${message}: ${cause.message}` : message)
  }
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
