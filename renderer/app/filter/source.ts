import type { Facet, TagValue } from '../../../core/api/contract/shapes.ts'
import { api } from '../../api/client.ts'
import { useServices } from '../stores/services.ts'
import type { SuggestionSource } from './suggest.ts'
import { SEVERITY_WORDS } from './terms.ts'

const KEEP_MS = 60_000
const KINDS = ['server', 'client', 'internal', 'producer', 'consumer']
const DURATIONS = ['100ms', '500ms', '1s', '5s']

const plain = (value: string): TagValue => ({ value, count: 0 })

/** Suggestions for one signal, from the stored data; keys and values are kept for a minute. */
export function useSuggestionSource(signal: 'traces' | 'logs', facets: () => readonly Facet[]): SuggestionSource {
  const services = useServices()
  const kept = new Map<string, { at: number; items: Promise<TagValue[]> }>()

  function keep(name: string, load: () => Promise<TagValue[]>): Promise<TagValue[]> {
    const known = kept.get(name)
    if (known && Date.now() - known.at < KEEP_MS) return known.items
    const items = load()
    kept.set(name, { at: Date.now(), items })
    items.catch(() => kept.delete(name))
    return items
  }

  return {
    fields:
      signal === 'traces'
        ? ['status', 'service', 'operation', 'duration', 'name', 'kind', 'dur']
        : ['severity', 'service', 'body', 'trace', 'span', 'traced'],
    aggregates: signal === 'traces' ? ['count()', 'max(dur)', 'min(dur)', 'avg(dur)', 'sum(dur)'] : [],
    shortcuts: signal === 'traces' ? ['status=error', 'status=ok'] : ['severity>=error', 'severity>=warn'],
    facets,
    keys: () => keep('keys', () => api.tagKeys(signal)),
    async values(key, prefix) {
      if (key === 'status') return [plain('error'), plain('ok')]
      if (key === 'severity') return [...SEVERITY_WORDS].reverse().map(plain)
      if (key === 'kind') return KINDS.map((kind) => plain(kind.toUpperCase()))
      if (key === 'duration' || key === 'dur') return DURATIONS.map(plain)
      if (key === 'service')
        return services.items.map((info) => ({
          value: info.service,
          count: signal === 'traces' ? info.spans : info.logs,
        }))
      if (key === 'operation' || (key === 'name' && signal === 'traces'))
        return keep('operations', () => api.operations(null))
      if (key === 'traced') return [plain('true'), plain('false')]
      if (key === 'body' || key === 'trace' || key === 'span') return []
      // Values of events are not counted anywhere.
      if (signal === 'traces' && key.startsWith('event.')) return []
      const own = key.replace(/^resource\.(?=.)/, '')
      return keep(`values ${own} ${prefix}`, () => api.tagValues(signal, own, prefix))
    },
  }
}
