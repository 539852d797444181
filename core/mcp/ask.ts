import { z } from 'zod'

/** Asks the api for JSON: `ask('/api/traces', { service: 'cart' })`. Throws an error whose message a person can read. */
export type AskApi = (path: string, params: Record<string, string | number | undefined>) => Promise<unknown>

/** What one answer may hold, so that an assistant's context is not flooded; about 6,000 tokens. */
export const MAX_CHARS = 24_000
const UNIT_US: Record<string, number> = { s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 }

export const since = z
  .string()
  .regex(/^\d{1,4}[smhd]$/)
  .default('1h')
  .describe('how far back to look: 90s, 15m, 6h, 7d')

/** `text` before `nowUs`, µs. */
export function startOf(text: string, nowUs: number): number {
  return nowUs - Number(text.slice(0, -1)) * UNIT_US[text.slice(-1)]
}

export const READ_ONLY = { readOnlyHint: true, openWorldHint: false }
