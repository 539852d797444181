import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { Problem, SpanAnswer } from '../../../core/api/contract/shapes.ts'
import { idAt } from '../../../core/model/trace-structure.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import type { LoadedTrace } from './use-trace.ts'

/** Details are asked for when the selection rests this long, ms; the first at once. */
const REST_MS = 60
const KEPT = 60

/** Everything known of the selected span, fetched when it is needed; the last KEPT are kept. */
export function useSpan(loaded: () => LoadedTrace | null, selected: () => number) {
  const answer = shallowRef<SpanAnswer | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  const kept = new Map<string, SpanAnswer>()
  let running: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const key = computed(() => {
    const one = loaded()
    return one && selected() >= 0
      ? `${one.trace.traceId}/${idAt(one.trace.spanIds, selected())}/${one.layout.count}`
      : ''
  })

  async function load(): Promise<void> {
    const [traceId, spanId] = key.value.split('/')
    if (!spanId) return
    const own = new AbortController()
    running = own
    const asked = key.value
    try {
      const found = await api.traceSpan(traceId, spanId, own.signal)
      kept.set(asked, found)
      if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '')
      if (running === own) answer.value = found
    } catch (error) {
      if (!isAbort(error) && running === own) problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }
  watch(
    key,
    (now) => {
      running?.abort()
      clearTimeout(timer)
      problem.value = null
      const known = kept.get(now)
      if (known) answer.value = known
      loading.value = !known && now !== ''
      if (loading.value) timer = setTimeout(load, answer.value ? REST_MS : 0)
    },
    { immediate: true },
  )
  onBeforeUnmount(() => {
    clearTimeout(timer)
    running?.abort()
  })

  /** The one of several spans with this id that is selected. */
  const detail = computed(() => {
    const one = loaded()
    const found = answer.value
    if (!one || !found || selected() < 0) return null
    const start = one.trace.summary.start + one.trace.start[selected()]
    const id = idAt(one.trace.spanIds, selected())
    const near = found.spans
      .filter(({ span }) => span.spanId === id)
      .sort((a, b) => Math.abs(a.span.start - start) - Math.abs(b.span.start - start))[0]
    return near ? { ...near, logs: found.logs, twins: found.spans.length } : null
  })
  return { detail, problem, loading, load }
}
export type SpanDetails = NonNullable<ReturnType<typeof useSpan>['detail']['value']>
