import { onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import type { ServiceGraph } from '../../../core/model/answers.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import { useLive } from '../../app/stores/live.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'
import { keptSeconds } from './derive/view.ts'

const LIVE_MS = 10_000

const DAY_US = 86_400e6

/**
 * The service graph of the range, and with `comparing` that of the same time yesterday; the old ones stay while new ones load.
 */
export function useGraph(comparing: () => boolean) {
  const range = useRange()
  const live = useLive()
  const route = useRoute()
  const services = useServices()
  const graph = shallowRef<ServiceGraph | null>(null)
  const before = shallowRef<ServiceGraph | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  /** Seconds over which `graph` counts. */
  const seconds = ref(1)
  let running: AbortController | null = null

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    const { start, end } = range.bounds
    try {
      const [found, past] = await Promise.all([
        api.serviceGraph({ start, end }, own.signal),
        comparing() ? api.serviceGraph({ start: start - DAY_US, end: end - DAY_US }, own.signal) : null,
      ])
      // Edges in a fixed order, so that their paths belong to them whatever the counts.
      found.edges.sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1))
      graph.value = found
      before.value = past
      // The status tells of the own telemetry, not of an opened bundle's.
      const oldest = route.query.bundle === undefined ? (live.status?.storage.traces.oldest ?? null) : null
      seconds.value = keptSeconds({ start, end }, oldest)
      services.remember(found.nodes.filter(({ type }) => type === 'service').map(({ id }) => id))
      problem.value = null
    } catch (error) {
      if (isAbort(error)) return
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  watch(() => [range.bounds.start, range.bounds.end, comparing()], load, { immediate: true })
  const timer = setInterval(() => {
    if (range.live && document.visibilityState === 'visible') range.refresh()
  }, LIVE_MS)
  onBeforeUnmount(() => {
    clearInterval(timer)
    running?.abort()
  })
  return { graph, before, problem, loading, seconds, load, cancel: () => running?.abort() }
}
