import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { TraceSummary } from '../../../core/model/records.ts'
import { api } from '../../api/client.ts'
import type { FilterParams } from '../../app/filter/address.ts'
import { useLive } from '../../app/stores/live.ts'
import { useRange } from '../../app/stores/range.ts'
import { parseDuration } from '../../ui/format.ts'

import { matchesSummary, mergeNew } from './derive/rows.ts'

/** Rows painted a second at most; what is above is counted. */
const ROWS_PER_SECOND = 20
/** Rows kept behind the counter; beyond, the oldest go, as a fresh search finds them again. */
const MOST_WAITING = 1000

/**
 * New traces of the live tail. While `mayMove` is false they wait behind a counter, so that nothing moves under the
 * reader's eyes. A filter on attributes cannot be judged from a summary: then the core is asked again instead.
 */
export function useLiveTail(options: {
  filter: () => FilterParams
  mayMove: () => boolean
  prepend: (items: TraceSummary[]) => void
}) {
  const live = useLive()
  const range = useRange()
  const waiting = shallowRef<TraceSummary[]>([])
  const notShown = ref(0)
  let budget = ROWS_PER_SECOND
  let stop: (() => void) | null = null
  let asking = false

  const simple = computed(() => {
    const { service, status, operation, minDuration, maxDuration, q } = options.filter()
    if (q) return null
    return {
      service,
      status,
      operation,
      min: minDuration ? parseDuration(minDuration) : null,
      max: maxDuration ? parseDuration(maxDuration) : null,
    }
  })

  async function askAgain(): Promise<void> {
    if (asking) return
    asking = true
    try {
      const end = Date.now() * 1000 + 1e6
      const page = await api.traces({ ...options.filter(), start: end - 120e6, end, limit: ROWS_PER_SECOND })
      take(page.items)
    } catch {
      // The next message tries again; the screen's own request says what is wrong.
    } finally {
      setTimeout(() => {
        asking = false
      }, 1000)
    }
  }

  function take(fresh: TraceSummary[]): void {
    if (fresh.length === 0) return
    waiting.value = mergeNew(waiting.value, fresh).items.slice(0, MOST_WAITING)
    if (options.mayMove()) flush(budget)
  }

  /** Shows up to `most` waiting rows; the rest of them is counted as not shown. */
  function flush(most: number): void {
    if (waiting.value.length === 0) return
    const shown = waiting.value.slice(0, most)
    notShown.value += waiting.value.length - shown.length
    budget -= shown.length
    waiting.value = []
    options.prepend(shown)
  }

  const tick = setInterval(() => {
    budget = ROWS_PER_SECOND
    notShown.value = 0
  }, 1000)

  watch(
    () => range.live,
    (on) => {
      stop?.()
      stop = null
      waiting.value = []
      if (!on) return
      stop = live.followTraces((items, skipped) => {
        notShown.value += skipped
        const rule = simple.value
        if (rule === null) void askAgain()
        else take(items.filter((item) => matchesSummary(item, rule)))
      })
    },
    { immediate: true },
  )
  watch(
    () => options.filter(),
    () => {
      waiting.value = []
    },
  )
  onBeforeUnmount(() => {
    clearInterval(tick)
    stop?.()
  })

  return { waiting, notShown, showWaiting: () => flush(MOST_WAITING) }
}
