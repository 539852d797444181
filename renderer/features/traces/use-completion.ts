import { useDebounceFn } from '@vueuse/core'
import { ref, shallowRef, watch } from 'vue'
import type { TagValue } from '../../../core/api/contract/shapes.ts'
import { api } from '../../api/client.ts'
import { useServices } from '../../app/stores/services.ts'
import { OPERATORS } from './derive/filter-tokens.ts'

export interface Suggestion {
  /** What the field holds after choosing it. */
  insert: string
  label: string
  /** How often, where known. */
  count: number | null
  /** The term is whole: choosing it applies the filter. */
  complete: boolean
}

const FIELDS = ['status', 'service', 'operation', 'duration', 'name', 'kind']
const DURATIONS = ['100ms', '500ms', '1s', '5s']
const MOST = 12

/** Suggestions for the text in the field: keys by frequency, then operators, then values with their counts. */
export function useCompletion(text: () => string, focused: () => boolean) {
  const services = useServices()
  const suggestions = shallowRef<Suggestion[]>([])
  const busy = ref(false)
  let keys: TagValue[] | null = null
  let run = 0

  async function knownKeys(): Promise<TagValue[]> {
    keys ??= await api.tagKeys('traces')
    return keys
  }

  async function valuesOf(key: string, prefix: string): Promise<TagValue[]> {
    if (key === 'status') return [one('error'), one('ok')]
    if (key === 'kind') return ['server', 'client', 'internal', 'producer', 'consumer'].map(one)
    if (key === 'duration' || key === 'dur') return DURATIONS.map(one)
    if (key === 'service') return services.items.map((info) => ({ value: info.service, count: info.spans }))
    if (key === 'operation' || key === 'name') return api.operations(null)
    return api.tagValues('traces', key, prefix)
  }

  async function complete(input: string): Promise<Suggestion[]> {
    const term = /^(-?)([A-Za-z_][\w.\-/:@]*?)(>=|<=|!=|=~|!~|=|>|<)(.*)$/.exec(input)
    if (term) {
      const [, minus, key, op, value] = term
      const wanted = value.replace(/^"/, '').toLowerCase()
      const found = (await valuesOf(key, wanted)).filter((item) => item.value.toLowerCase().includes(wanted))
      return found.slice(0, MOST).map((item) => ({
        insert: `${minus}${key}${op}${/[\s"]/.test(item.value) ? `"${item.value.replace(/["\\]/g, '\\$&')}"` : item.value}`,
        label: item.value,
        count: item.count || null,
        complete: true,
      }))
    }
    const minus = input.startsWith('-') ? '-' : ''
    const wanted = input.slice(minus.length).toLowerCase()
    const known = await knownKeys().catch(() => [])
    const all = [...FIELDS.map(one), ...known.filter((item) => !FIELDS.includes(item.value))]
    const hits = all.filter((item) => item.value.toLowerCase().includes(wanted))
    hits.sort(
      (a, b) => Number(b.value.toLowerCase().startsWith(wanted)) - Number(a.value.toLowerCase().startsWith(wanted)),
    )
    const exact = hits.find((item) => item.value.toLowerCase() === wanted)
    const operators: Suggestion[] = exact
      ? OPERATORS.filter((op) => exact.value !== 'duration' || /[<>]/.test(op)).map((op) => {
          const insert = `${minus}${exact.value}${op}`
          return { insert, label: insert, count: null, complete: false }
        })
      : []
    const shortcuts = wanted.length >= 2 && !minus ? SHORTCUTS.filter((text) => text.includes(wanted)) : []
    return [
      ...shortcuts.map((text) => ({ insert: text, label: text, count: null, complete: true })),
      ...operators,
      ...hits
        .filter((item) => item !== exact)
        .map((item) => {
          const insert = `${minus}${item.value}${item.value === 'duration' ? '>' : '='}`
          return { insert, label: item.value, count: item.count || null, complete: false }
        }),
    ].slice(0, MOST)
  }

  const renew = useDebounceFn(async () => {
    const mine = ++run
    const input = text().trimStart()
    if (!focused() || input === '') {
      suggestions.value = []
      return
    }
    busy.value = true
    try {
      const found = await complete(input)
      if (mine === run) suggestions.value = found
    } catch {
      if (mine === run) suggestions.value = []
    } finally {
      if (mine === run) busy.value = false
    }
  }, 80)

  watch([text, focused], () => void renew())
  return { suggestions, busy }
}

const SHORTCUTS = ['status=error', 'status=ok']

function one(value: string): TagValue {
  return { value, count: 0 }
}
