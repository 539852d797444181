import { useDebounceFn } from '@vueuse/core'
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Histogram, Page, Problem } from '../../../core/api/contract/shapes.ts'
import type { TraceSummary } from '../../../core/model/records.ts'
import { api, isAbort, type TraceParams, toProblem } from '../../api/client.ts'
import { type FilterParams, filterParams, TRACE_FILTER } from '../../app/filter/address.ts'
import { usePins } from '../../app/stores/pins.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'
import { mergeNew } from './derive/rows.ts'

const PAGE = 100
const BUCKETS = 120
const ENOUGH_FOR_P95 = 5

/** The list and its histogram for what the address says; old results stay while new ones load. */
export function useTraces() {
  const route = useRoute()
  const range = useRange()
  const services = useServices()
  const pins = usePins()

  const items = shallowRef<TraceSummary[]>([])
  const histogram = shallowRef<Histogram | null>(null)
  const shownBounds = shallowRef(range.bounds)
  const cursor = ref<string | null>(null)
  const partial = shallowRef<Page<TraceSummary>['partial']>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  const loadingMore = ref(false)
  const loadedOnce = ref(false)
  const cancelled = ref(false)
  /** µs, by operation. */
  const usual = shallowRef<ReadonlyMap<string, number>>(new Map())
  let running: AbortController | null = null

  const filterText = computed(() => JSON.stringify(filterParams(TRACE_FILTER, route.query)))
  /** Changes only when what it says changes. */
  const filter = computed<FilterParams>(() => JSON.parse(filterText.value) as FilterParams)
  const sort = computed(() => (route.query['sort'] === 'duration' ? 'duration' : 'start'))
  const pinned = computed(() => route.query['pinned'] === '1')
  const query = computed<TraceParams>(() => ({ ...filter.value, start: range.bounds.start, end: range.bounds.end }))

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    cancelled.value = false
    const asked = query.value
    try {
      if (pinned.value) {
        await loadPinned(own.signal)
        return
      }
      const [page, bars] = await Promise.all([
        api.traces({ ...asked, sort: sort.value, limit: PAGE }, own.signal),
        api.traceHistogram(asked, BUCKETS, own.signal),
      ])
      items.value = page.items
      services.remember(page.items.flatMap((item) => item.services))
      cursor.value = page.nextCursor
      partial.value = page.partial
      histogram.value = bars
      shownBounds.value = { start: asked.start, end: asked.end }
      problem.value = null
      loadedOnce.value = true
      void loadUsual(asked, own.signal)
    } catch (error) {
      if (isAbort(error)) return
      problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  /** All pinned traces, whatever filter and range say. */
  async function loadPinned(signal: AbortSignal): Promise<void> {
    await pins.fetch(signal)
    showPinned()
    cursor.value = null
    partial.value = null
    histogram.value = null
    problem.value = null
    loadedOnce.value = true
  }
  function showPinned(): void {
    const list = pins.items.map(({ summary }) => summary)
    items.value = sort.value === 'duration' ? list.sort((a, b) => b.dur - a.dur) : list
    services.remember(list.flatMap((item) => item.services))
  }

  /** The P95 of each operation in the range: the tick in the latency bars. */
  async function loadUsual(asked: TraceParams, signal: AbortSignal): Promise<void> {
    try {
      const { items: groups } = await api.traceGroups({ start: asked.start, end: asked.end }, 'operation', signal)
      usual.value = new Map(
        groups.filter((group) => group.count >= ENOUGH_FOR_P95).map((group) => [group.value, group.p95]),
      )
    } catch {
      // The tick then comes from the loaded rows.
    }
  }

  async function loadMore(): Promise<void> {
    if (cursor.value === null || loadingMore.value || loading.value) return
    loadingMore.value = true
    const asked = cursor.value
    try {
      const page = await api.traces(
        { ...query.value, ...shownBounds.value, sort: sort.value, limit: PAGE, cursor: asked },
        running?.signal,
      )
      if (cursor.value !== asked) return
      const known = new Set(items.value.map((item) => item.traceId))
      items.value = [...items.value, ...page.items.filter((item) => !known.has(item.traceId))]
      cursor.value = page.nextCursor
      partial.value = page.partial
    } catch (error) {
      if (!isAbort(error)) problem.value = toProblem(error)
    } finally {
      loadingMore.value = false
    }
  }

  /** The histogram again for the present moment; the rows stay as they are. */
  const renewHistogram = useDebounceFn(
    async () => {
      try {
        const end = Date.now() * 1000 + 1e6
        const length = range.bounds.end - range.bounds.start
        const bounds = { start: end - length, end }
        histogram.value = await api.traceHistogram({ ...filter.value, ...bounds }, BUCKETS, running?.signal)
        shownBounds.value = bounds
      } catch {
        // The next batch of live rows tries again.
      }
    },
    1000,
    { maxWait: 2000 },
  )

  function cancel(): void {
    running?.abort()
    loading.value = false
    cancelled.value = true
  }

  /** Puts live rows in front; answers how many are new. */
  function prepend(fresh: TraceSummary[]): number {
    const merged = mergeNew(items.value, fresh)
    items.value = merged.items
    services.remember(fresh.flatMap((item) => item.services))
    void renewHistogram()
    return merged.added
  }

  watch([query, sort, pinned], load, { immediate: true })
  watch(
    () => pins.items,
    () => {
      if (pinned.value && loadedOnce.value) showPinned()
    },
  )
  onBeforeUnmount(() => running?.abort())

  return {
    items,
    histogram,
    shownBounds,
    hasMore: computed(() => cursor.value !== null),
    partial,
    problem,
    loading,
    loadingMore,
    loadedOnce,
    cancelled,
    filter,
    query,
    sort,
    pinned,
    usual,
    load,
    loadMore,
    cancel,
    prepend,
  }
}
