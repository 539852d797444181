import { onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { HostInfo, Problem } from '../../../core/api/contract/shapes.ts'
import type { ServiceHealth, SystemMetrics } from '../../../core/model/answers.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'

const LIVE_MS = 5000

interface Loaded {
  metrics: SystemMetrics
  health: ServiceHealth
}

/** The figures of the range, and of the period before it while that is compared; old ones stay while new ones load. */
export function useSystem(asked: () => { host: string | null; service: string | null; compare: boolean }) {
  const range = useRange()
  const services = useServices()
  const now = shallowRef<Loaded | null>(null)
  const before = shallowRef<Loaded | null>(null)
  const hosts = shallowRef<HostInfo[]>([])
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  let running: AbortController | null = null

  async function read(start: number, end: number, signal: AbortSignal): Promise<Loaded> {
    const { host, service } = asked()
    const [metrics, health] = await Promise.all([
      api.systemMetrics({ start, end, host }, signal),
      api.serviceHealth({ start, end, service }, signal),
    ])
    return { metrics, health }
  }

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    const { start, end } = range.bounds
    const length = end - start
    try {
      const [found, known, previous] = await Promise.all([
        read(start, end, own.signal),
        api.hosts(own.signal),
        asked().compare ? read(start - length, end - length, own.signal) : null,
      ])
      now.value = found
      before.value = previous
      hosts.value = known
      services.remember(found.health.services.map(({ service }) => service).sort())
      problem.value = null
    } catch (error) {
      if (isAbort(error)) return
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  watch(() => [range.bounds.start, range.bounds.end, JSON.stringify(asked())], load, { immediate: true })
  const timer = setInterval(() => {
    if (range.live && document.visibilityState === 'visible') range.refresh()
  }, LIVE_MS)
  onBeforeUnmount(() => {
    clearInterval(timer)
    running?.abort()
  })
  return { now, before, hosts, problem, loading, load, cancel: () => running?.abort() }
}
