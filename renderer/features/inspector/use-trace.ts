import { onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import type { TraceStructure } from '../../../core/model/trace-structure.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import { useLive } from '../../app/stores/live.ts'
import type { TraceLayout } from './derive/layout.ts'
import { LayoutThread } from './layout-thread.ts'

export interface LoadedTrace {
  trace: TraceStructure
  layout: TraceLayout
}

/** Spans of one trace may still arrive this long after the last ones, ms between two looks. */
const RELOAD_MS = 700

/**
 * The trace that is shown: fetched in columns, laid out in a worker, and again when more of its spans arrive or the
 * correction of clocks is switched. What was shown stays until the next is ready.
 */
export function useTrace(traceId: () => string, correct: () => boolean) {
  const live = useLive()
  const thread = new LayoutThread()
  const loaded = shallowRef<LoadedTrace | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  let bytes: ArrayBuffer | null = null
  let running: AbortController | null = null
  let again: ReturnType<typeof setTimeout> | undefined

  async function load(fresh: boolean): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    const id = traceId()
    problem.value = null
    loading.value = true
    if (fresh && loaded.value?.trace.traceId !== id) loaded.value = null
    try {
      if (fresh || !bytes) bytes = await api.traceStructure(id, own.signal)
      const result = await thread.layout(bytes.slice(0), correct())
      if (running === own) loaded.value = result
    } catch (error) {
      if (isAbort(error) || running !== own) return
      loaded.value = null
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  watch(traceId, () => load(true), { immediate: true })
  watch(correct, () => load(false))
  const stop = live.followTraces((items) => {
    const fresh = items.find((item) => item.traceId === traceId())
    if (!fresh || loading.value || fresh.spanCount === loaded.value?.trace.summary.spanCount) return
    clearTimeout(again)
    again = setTimeout(() => void load(true), RELOAD_MS)
  })
  onBeforeUnmount(() => {
    stop()
    clearTimeout(again)
    running?.abort()
    thread.close()
  })

  return { loaded, problem, loading, load: () => load(true) }
}
