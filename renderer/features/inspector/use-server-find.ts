import { onBeforeUnmount, ref, watch } from 'vue'
import { api, isAbort } from '../../api/client.ts'
import type { LoadedTrace } from './use-trace.ts'

const REST_MS = 180
/** Shorter texts are only looked for in names, which are here. */
const SHORTEST = 2

/** Looks for the text in attributes, messages and events too, which lie with the core; `take` gets the rows. */
export function useServerFind(
  loaded: () => LoadedTrace | null,
  text: () => string,
  take: (rows: readonly number[]) => void,
) {
  const searching = ref(false)
  let running: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  async function find(trace: LoadedTrace['trace'], wanted: string): Promise<void> {
    const own = new AbortController()
    running = own
    try {
      const answer = await api.findInTrace(trace.traceId, wanted, own.signal)
      // Rows of a trace that has grown meanwhile would be those of other spans.
      if (running === own && answer.count === trace.start.length) take(answer.rows)
    } catch (error) {
      if (isAbort(error)) return
    } finally {
      if (running === own) searching.value = false
    }
  }
  watch(
    () => [loaded()?.trace, text().trim()] as const,
    ([trace, wanted]) => {
      running?.abort()
      clearTimeout(timer)
      take([])
      searching.value = trace !== undefined && wanted.length >= SHORTEST
      if (trace && searching.value) timer = setTimeout(() => void find(trace, wanted), REST_MS)
    },
    { immediate: true },
  )
  onBeforeUnmount(() => {
    running?.abort()
    clearTimeout(timer)
  })
  return searching
}
