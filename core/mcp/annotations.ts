import type { PinnedTrace, SpanNote } from '../model/pins.ts'
import { maskText } from '../pipeline/mask-text.ts'
import { createRedactor } from '../pipeline/redaction.ts'
import type { AskApi } from './ask.ts'
import { oneLine } from './bounded-text.ts'

const MOST_NOTES = 20
const NOTE_CHARS = 400

/** What people said of a trace: whether it is pinned, and notes on its spans by span id, redacted. */
export interface Annotations {
  pinned: boolean
  notes: ReadonlyMap<string, readonly string[]>
  /** Notes beyond those given. */
  moreNotes: number
}

/** Notes are typed by people, who paste what no sender would send: they are masked here as telemetry was before it was stored. */
export async function readAnnotations(ask: AskApi, traceId: string): Promise<Annotations> {
  const [{ items: pins }, { items }] = await Promise.all([
    ask('/api/pins', {}) as Promise<{ items: PinnedTrace[] }>,
    ask(`/api/traces/${traceId}/notes`, {}) as Promise<{ items: SpanNote[] }>,
  ])
  const notes = new Map<string, string[]>()
  const clean = items.length > 0 ? await masker(ask) : (text: string) => text
  for (const { spanId, text } of items.slice(0, MOST_NOTES))
    notes.set(spanId, [...(notes.get(spanId) ?? []), oneLine(clean(text), NOTE_CHARS)])
  return {
    pinned: pins.some(({ summary }) => summary.traceId === traceId),
    notes,
    moreNotes: Math.max(0, items.length - MOST_NOTES),
  }
}

async function masker(ask: AskApi): Promise<(text: string) => string> {
  const settings = (await ask('/api/settings', {})) as Record<string, { value: unknown }>
  const keys = (name: string): string[] => (settings[name]?.value as string[] | undefined) ?? []
  const { rules, textFinder } = createRedactor({
    removeKeys: keys('privacy.removeKeys'),
    maskKeys: keys('privacy.maskKeys'),
    maxValueBytes: 0,
  })
  return (text) => maskText(text, rules, textFinder) ?? text
}
