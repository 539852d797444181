import { useDebounceFn } from '@vueuse/core'
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Histogram, Page, Problem } from '../../../core/api/contract/shapes.ts'
import type { LogRecord } from '../../../core/model/records.ts'
import { api, isAbort, type LogParams, toProblem } from '../../api/client.ts'
import { filterParams, LOG_FILTER } from '../../app/filter/address.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'
import { readAround } from './around.ts'
import { timeOfId } from './derive/attribute-text.ts'
import { mergeLines } from './derive/merge-lines.ts'

const PAGE = 300
const BUCKETS = 100
/** Lines held; beyond, the oldest leave. */
export const MOST_LINES = 100_000
/** Pages read to find the line that the address names. */
const MOST_PAGES = 20

/** Lines and histogram for what the address says; old results stay while new ones load. */
export function useLogs() {
  const route = useRoute()
  const range = useRange()
  const services = useServices()
  const items = shallowRef<LogRecord[]>([])
  const histogram = shallowRef<Histogram | null>(null)
  const shownBounds = shallowRef(range.bounds)
  const cursor = ref<string | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  const loadingMore = ref(false)
  const loadedOnce = ref(false)
  const cancelled = ref(false)
  const cutOff = ref(false)
  const partial = shallowRef<Page<LogRecord>['partial']>(null)
  let running: AbortController | null = null

  const filter = computed(() => filterParams(LOG_FILTER, route.query))
  /** Changes only when what it says changes, so that opening a line asks for nothing. */
  const filterText = computed(() => JSON.stringify(filter.value))
  const around = computed(() => (typeof route.query['around'] === 'string' ? route.query['around'] : ''))
  const of = computed(() => (typeof route.query['of'] === 'string' ? route.query['of'] : ''))
  const query = computed<LogParams>(() => {
    const { trace, span, ...rest } = JSON.parse(filterText.value) as Record<string, string>
    return { ...rest, traceId: trace, spanId: span, start: range.bounds.start, end: range.bounds.end }
  })

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    cancelled.value = false
    cutOff.value = false
    try {
      if (around.value) await loadAround(own.signal)
      else await loadNewest(own.signal)
      services.remember(items.value.map((item) => item.service))
      problem.value = null
      loadedOnce.value = true
    } catch (error) {
      if (isAbort(error)) return
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  async function loadNewest(signal: AbortSignal): Promise<void> {
    const asked = query.value
    const [first, bars] = await Promise.all([
      api.logs({ ...asked, limit: PAGE }, signal),
      api.logHistogram(asked, BUCKETS, signal),
    ])
    let found = first.items
    let next = first.nextCursor
    // The line that the address names must be there, so that Back and links find it.
    const wanted = typeof route.query['at'] === 'string' ? timeOfId(route.query['at']) : null
    for (let page = 0; wanted !== null && next !== null && page < MOST_PAGES; page++) {
      if ((found.at(-1)?.time ?? 0) <= wanted || wanted < asked.start) break
      const more = await api.logs({ ...asked, limit: 1000, cursor: next }, signal)
      found = [...found, ...more.items]
      next = more.nextCursor
    }
    items.value = found
    partial.value = first.partial
    cursor.value = next
    histogram.value = bars
    shownBounds.value = { start: asked.start, end: asked.end }
  }

  async function loadAround(signal: AbortSignal): Promise<void> {
    const found = await readAround(around.value, of.value, signal)
    items.value = found.items
    cursor.value = null
    histogram.value = await api.logHistogram({ ...found.bounds, service: of.value }, BUCKETS, signal)
    shownBounds.value = found.bounds
  }

  async function loadMore(): Promise<void> {
    if (cursor.value === null || loadingMore.value || loading.value) return
    if (items.value.length >= MOST_LINES) {
      cutOff.value = true
      return
    }
    loadingMore.value = true
    const asked = cursor.value
    try {
      const page = await api.logs({ ...query.value, ...shownBounds.value, limit: 1000, cursor: asked }, running?.signal)
      if (cursor.value !== asked) return
      const known = new Set(items.value.map((item) => item.id))
      items.value = [...items.value, ...page.items.filter((item) => !known.has(item.id))]
      cursor.value = page.nextCursor
      services.remember(page.items.map((item) => item.service))
    } catch (error) {
      if (!isAbort(error)) problem.value = toProblem(error)
    } finally {
      loadingMore.value = false
    }
  }

  /** The histogram again for the present moment; the lines stay as they are. */
  const renewHistogram = useDebounceFn(
    async () => {
      try {
        const end = Date.now() * 1000 + 1e6
        const bounds = { start: end - (range.bounds.end - range.bounds.start), end }
        histogram.value = await api.logHistogram({ ...query.value, ...bounds }, BUCKETS, running?.signal)
        shownBounds.value = bounds
      } catch {
        // The next live lines try again.
      }
    },
    1000,
    { maxWait: 2000 },
  )

  function prepend(fresh: LogRecord[]): void {
    const { lines: joined, added } = mergeLines(items.value, fresh)
    if (added.length === 0) return
    if (joined.length > MOST_LINES) {
      joined.length = MOST_LINES
      cutOff.value = true
      cursor.value = null
    }
    items.value = joined
    services.remember(added.map((item) => item.service))
    void renewHistogram()
  }

  function cancel(): void {
    running?.abort()
    loading.value = false
    cancelled.value = true
  }

  watch([query, around, of], load, { immediate: true })
  onBeforeUnmount(() => running?.abort())

  return {
    items,
    histogram,
    shownBounds,
    hasMore: computed(() => cursor.value !== null),
    problem,
    loading,
    loadingMore,
    loadedOnce,
    cancelled,
    cutOff,
    partial,
    filter,
    query,
    around,
    of,
    load,
    loadMore,
    prepend,
    cancel,
  }
}
