import type { SettingsAnswer } from '../../../core/api/contract/shapes.ts'

export const SECTIONS = ['general', 'intake', 'storage', 'metrics', 'retention', 'keyboard', 'about'] as const
export type Section = (typeof SECTIONS)[number]

const PREFIXES: Partial<Record<Section, string[]>> = {
  intake: ['server.', 'receivers.', 'pipeline.', 'sampling.'],
  storage: ['storage.', 'query.'],
  metrics: [
    'metrics.',
    'promql.',
    'collectors.host.',
    'collectors.spanMetrics.',
    // The jobs themselves are a document, not a field.
    'collectors.scrape.intervalMs',
    'collectors.scrape.timeoutMs',
  ],
  retention: ['retention.', 'privacy.'],
  about: ['log.'],
}

/** Set by the switch of engines alone. */
const OWN = new Set(['storage.engine', 'storage.postgresUrl'])

/** Keys of the section in the order of the core's schema. */
export function keysOf(section: Section, settings: SettingsAnswer): string[] {
  const prefixes = PREFIXES[section] ?? []
  return Object.keys(settings).filter((key) => !OWN.has(key) && prefixes.some((prefix) => key.startsWith(prefix)))
}

/** How a value stands in its field: lists with one entry a line. */
export function fieldText(value: unknown): string {
  return Array.isArray(value) ? value.join('\n') : String(value ?? '')
}

/** The field's text as a value of the same kind as `like`; numbers that cannot be read stay text, for the core to refuse. */
export function fieldValue(text: string, like: unknown): unknown {
  if (Array.isArray(like)) {
    return text
      .split(/[\n,]/)
      .map((entry) => entry.trim())
      .filter(Boolean)
  }
  if (typeof like === 'number') {
    const number = Number(text.trim())
    return text.trim() !== '' && Number.isFinite(number) ? number : text
  }
  return typeof like === 'boolean' ? text === 'true' : text
}
