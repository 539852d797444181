import { useDebounceFn } from '@vueuse/core'
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Histogram, Page, Problem } from '../../../core/api/contract/shapes.ts'
import type { TraceSummary } from '../../../core/model/records.ts'
import { api, isAbort, type TraceParams, toProblem } from '../../api/client.ts'
import { type FilterParams, filterParams, TRACE_FILTER } from '../../app/filter/address.ts'
import { type HeldRows, RowReader, type RowSource } from '../../app/list/row-reader.ts'
import { usePins } from '../../app/stores/pins.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'
import { type Extent, mergeNew, widened } from './derive/rows.ts'

const PAGE = 100
const BUCKETS = 120
const ENOUGH_FOR_P95 = 5

/** The list and its histogram for what the address says; old results stay while new ones load. */
export function useTraces() {
  const route = useRoute()
  const range = useRange()
  const services = useServices()
  const pins = usePins()

  const held = shallowRef<HeldRows<TraceSummary>>({ from: 0, rows: [], total: 0 })
  const items = computed(() => held.value.rows)
  /** Durations of all rows that were read. */
  const extent = shallowRef<Extent>([Infinity, 1])
  const histogram = shallowRef<Histogram | null>(null)
  const shownBounds = shallowRef(range.bounds)
  const partial = shallowRef<Page<TraceSummary>['partial']>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  const loadedOnce = ref(false)
  const cancelled = ref(false)
  /** µs, by operation. */
  const usual = shallowRef<ReadonlyMap<string, number>>(new Map())
  let running: AbortController | null = null
  const reader = new RowReader<TraceSummary>(
    (now) => {
      held.value = now
      extent.value = widened(extent.value, now.rows)
      services.remember(now.rows.flatMap((item) => item.services))
    },
    (error) => {
      problem.value = toProblem(error)
    },
    () => void load(),
  )

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
      extent.value = [Infinity, 1]
      reader.set(sourceOf(asked, sort.value), page, bars)
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
    partial.value = null
    histogram.value = null
    problem.value = null
    loadedOnce.value = true
  }
  function showPinned(): void {
    const list = pins.items.map(({ summary }) => summary)
    reader.setAll(sort.value === 'duration' ? list.sort((a, b) => b.dur - a.dur) : list)
  }
  /** Only in order of time do the bars of the histogram tell where a row stands. */
  function sourceOf(asked: TraceParams, by: 'start' | 'duration'): RowSource<TraceSummary> {
    return {
      key: (row) => row.traceId,
      page: ({ end, cursor }, limit, signal) =>
        api.traces({ ...asked, end: Math.min(end ?? asked.end, asked.end), sort: by, limit, cursor }, signal),
      counts:
        by === 'duration'
          ? null
          : (start, end, buckets, signal) => api.traceHistogram({ ...asked, start, end }, buckets, signal),
    }
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
    reader.prepend(merged.items, merged.added)
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
  onBeforeUnmount(() => {
    running?.abort()
    reader.stop()
  })

  return {
    held,
    items,
    extent,
    histogram,
    shownBounds,
    want: (first: number, last: number) => reader.want(first, last),
    find: (id: string, start: number) => reader.find(start, (row) => row.traceId === id),
    partial,
    problem,
    loading,
    loadedOnce,
    cancelled,
    filter,
    query,
    sort,
    pinned,
    usual,
    load,
    cancel,
    prepend,
  }
}
