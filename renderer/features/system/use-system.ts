import { onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import type { SystemMetrics } from '../../../core/model/answers.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import { useRange } from '../../app/stores/range.ts'

const LIVE_MS = 5000

/** The figures of the range; the old ones stay while new ones load. */
export function useSystem(host: () => string | null) {
  const range = useRange()
  const metrics = shallowRef<SystemMetrics | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  let running: AbortController | null = null

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    const { start, end } = range.bounds
    try {
      metrics.value = await api.systemMetrics({ start, end, host: host() }, own.signal)
      problem.value = null
    } catch (error) {
      if (isAbort(error)) return
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  watch(() => [range.bounds.start, range.bounds.end, host()], load, { immediate: true })
  const timer = setInterval(() => {
    if (range.live && document.visibilityState === 'visible') range.refresh()
  }, LIVE_MS)
  onBeforeUnmount(() => {
    clearInterval(timer)
    running?.abort()
  })
  return { metrics, problem, loading, load, cancel: () => running?.abort() }
}
