import { computed, shallowRef, watch } from 'vue'
import type { ValuesAnswer } from '../../../core/api/contract/shapes.ts'
import { api } from '../../api/client.ts'
import { useServices } from '../../app/stores/services.ts'
import { ownerKey, ownerOf } from './derive/operations.ts'
import type { LoadedTrace } from './use-trace.ts'

const SLOTS = 12

/** Which colour a span has: its service's, or one by the value of an attribute, in order of first use. */
export function useColours(loaded: () => LoadedTrace | null, attribute: () => string) {
  const services = useServices()
  const values = shallowRef<ValuesAnswer | null>(null)
  const failed = shallowRef(false)
  let running: AbortController | null = null

  watch(
    () => [loaded()?.trace, attribute()] as const,
    async ([trace, key]) => {
      running?.abort()
      values.value = null
      failed.value = false
      if (!trace || !key) return
      const own = new AbortController()
      running = own
      try {
        const answer = await api.traceValues(trace.traceId, key, own.signal)
        if (running === own) values.value = answer
      } catch {
        failed.value = !own.signal.aborted
      }
    },
    { immediate: true },
  )

  /** Place in the palette, 0..11, by span. */
  const slotOf = computed<(span: number) => number>(() => {
    const one = loaded()
    const found = values.value
    if (found) return (span) => (found.rows[span] < 0 ? SLOTS - 1 : found.rows[span] % SLOTS)
    if (!one) return () => 0
    const { trace } = one
    const owners = new Map<number, number>()
    return (span) => {
      const key = ownerKey(trace, span)
      let slot = owners.get(key)
      if (slot === undefined) {
        slot = services.slot(ownerOf(trace, span).name) - 1
        owners.set(key, slot)
      }
      return slot
    }
  })
  const css = (span: number): string => `var(--svc-${slotOf.value(span) + 1})`
  /** Values in use with their colours, when an attribute gives them. */
  const legend = computed(() =>
    values.value ? values.value.values.slice(0, SLOTS).map((value, i) => ({ value, css: `var(--svc-${i + 1})` })) : [],
  )
  return { slotOf, css, legend, failed, more: computed(() => Math.max(0, (values.value?.values.length ?? 0) - SLOTS)) }
}
export type SpanColours = ReturnType<typeof useColours>
