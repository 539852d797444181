import { gzipSync } from 'node:zlib'

/** What became of one request. */
export type Sent =
  | { kind: 'taken'; rejected: number; message: string }
  /** It may be taken later. `found` false: the name of the server is not known. */
  | { kind: 'away'; why: string; retryAfterMs: number; found: boolean }
  /** The server refuses whoever sends, whatever is sent. */
  | { kind: 'unauthorized' | 'forbidden' | 'nothing-there'; why: string }
  /** The server will never take this body. */
  | { kind: 'refused'; why: string }

const TIMEOUT_MS = 10_000
const MOST_ANSWER = 64 * 1024

/** Posts OTLP/JSON to `/v1/metrics` under `base`. Never throws. */
export async function sendMetrics(base: URL, token: string, resourceMetrics: unknown[]): Promise<Sent> {
  const body = gzipSync(JSON.stringify({ resourceMetrics }))
  const url = new URL(`${base.pathname.replace(/\/+$/, '')}/v1/metrics`, base)
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method: 'POST',
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
    })
    text = (await response.text()).slice(0, MOST_ANSWER)
  } catch (error) {
    const { message, cause } = error as Error & { cause?: Error & { code?: string } }
    const late = (error as Error).name === 'TimeoutError'
    const why = late ? `no answer within ${TIMEOUT_MS / 1000} s` : (cause?.message ?? message)
    return { kind: 'away', why, retryAfterMs: 0, found: cause?.code !== 'ENOTFOUND' }
  }
  const { status } = response
  const said = sentenceOf(text)
  const why = `HTTP ${status}${said ? `: ${said}` : ''}`
  if (status === 200) return { kind: 'taken', ...partialSuccess(text) }
  if (status === 401) return { kind: 'unauthorized', why }
  if (status === 403) return { kind: 'forbidden', why }
  if (status === 404 || status === 405 || (status >= 300 && status < 400)) return { kind: 'nothing-there', why }
  if (status === 429 || status >= 500)
    return { kind: 'away', why, retryAfterMs: secondsOf(response.headers.get('retry-after')) * 1000, found: true }
  return { kind: 'refused', why }
}

function secondsOf(header: string | null): number {
  return header !== null && /^\d{1,5}$/.test(header) ? Number(header) : 0
}

function parsed(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {}
  } catch {
    return {}
  }
}

/** What the server says: `message` of OTLP's status, `detail` of problem details. */
function sentenceOf(text: string): string {
  const { message, detail } = parsed(text)
  return String(message ?? detail ?? '').slice(0, 300)
}

function partialSuccess(text: string): { rejected: number; message: string } {
  const partial = parsed(text).partialSuccess as { rejectedDataPoints?: unknown; errorMessage?: unknown } | undefined
  return {
    rejected: Number(partial?.rejectedDataPoints ?? 0) || 0,
    message: String(partial?.errorMessage ?? '').slice(0, 300),
  }
}
