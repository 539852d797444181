import { ref, shallowRef, watch } from 'vue'
import type { Facets, Problem } from '../../../core/api/contract/shapes.ts'
import { isAbort, toProblem } from '../../api/client.ts'

/**
 * Counts of values within what a screen shows. Asked for while `wanted` is true, and once more by `ensure` (the filter
 * field does so when it is entered); the old counts stay until new ones are there.
 */
export function useFacets<P>(
  params: () => P,
  wanted: () => boolean,
  load: (params: P, signal: AbortSignal) => Promise<Facets>,
) {
  const facets = shallowRef<Facets | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  let running: AbortController | null = null
  let of: P | null = null

  async function renew(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    const asked = params()
    of = asked
    loading.value = true
    try {
      facets.value = await load(asked, own.signal)
      problem.value = null
    } catch (error) {
      if (isAbort(error)) return
      of = null
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  watch(
    [params, wanted],
    () => {
      if (wanted() && of !== params()) void renew()
    },
    { immediate: true },
  )
  return {
    facets,
    problem,
    loading,
    renew,
    ensure: () => {
      if (of !== params()) void renew()
    },
    stop: () => running?.abort(),
  }
}
