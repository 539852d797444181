import { useDebounceFn } from '@vueuse/core'
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import { useRoute } from 'vue-router'
import type { Histogram, Page, Problem } from '../../../core/api/contract/shapes.ts'
import type { LogRecord } from '../../../core/model/records.ts'
import { api, isAbort, type LogParams, toProblem } from '../../api/client.ts'
import { filterParams, LOG_FILTER } from '../../app/filter/address.ts'
import { type HeldRows, RowReader, type RowSource } from '../../app/list/row-reader.ts'
import { useRange } from '../../app/stores/range.ts'
import { useServices } from '../../app/stores/services.ts'
import { readAround } from './around.ts'
import { timeOfId } from './derive/attribute-text.ts'
import { mergeLines } from './derive/merge-lines.ts'

const PAGE = 300
const BUCKETS = 100
/** Lines and histogram for what the address says; old results stay while new ones load. */
export function useLogs() {
  const route = useRoute()
  const range = useRange()
  const services = useServices()
  const held = shallowRef<HeldRows<LogRecord>>({ from: 0, rows: [], total: 0 })
  const items = computed(() => held.value.rows)
  const histogram = shallowRef<Histogram | null>(null)
  const shownBounds = shallowRef(range.bounds)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(true)
  const loadedOnce = ref(false)
  const cancelled = ref(false)
  const partial = shallowRef<Page<LogRecord>['partial']>(null)
  let running: AbortController | null = null
  const reader = new RowReader<LogRecord>(
    (now) => {
      held.value = now
      services.remember(now.rows.map((item) => item.service))
    },
    (error) => {
      problem.value = toProblem(error)
    },
    () => void load(),
  )

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
    try {
      if (around.value) await loadAround(own.signal)
      else await loadNewest(own.signal)
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
    reader.set(sourceOf(asked), first, bars)
    // The line that the address names must be there, so that Back and links find it.
    const wanted = typeof route.query['at'] === 'string' ? route.query['at'] : ''
    const time = timeOfId(wanted)
    if (time !== null && time >= asked.start) await reader.find(time, (line) => line.id === wanted)
    partial.value = first.partial
    histogram.value = bars
    shownBounds.value = { start: asked.start, end: asked.end }
  }

  async function loadAround(signal: AbortSignal): Promise<void> {
    const found = await readAround(around.value, of.value, signal)
    reader.setAll(found.items)
    histogram.value = await api.logHistogram({ ...found.bounds, service: of.value }, BUCKETS, signal)
    shownBounds.value = found.bounds
  }

  const sourceOf = (asked: LogParams): RowSource<LogRecord> => ({
    key: (line) => line.id,
    page: ({ end, cursor }, limit, signal) =>
      api.logs({ ...asked, end: Math.min(end ?? asked.end, asked.end), limit, cursor }, signal),
    counts: (start, end, buckets, signal) => api.logHistogram({ ...asked, start, end }, buckets, signal),
  })

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
    reader.prepend(joined, added.length)
    void renewHistogram()
  }

  function cancel(): void {
    running?.abort()
    loading.value = false
    cancelled.value = true
  }

  watch([query, around, of], load, { immediate: true })
  onBeforeUnmount(() => {
    running?.abort()
    reader.stop()
  })

  return {
    held,
    items,
    histogram,
    shownBounds,
    want: (first: number, last: number) => reader.want(first, last),
    find: (id: string) => reader.find(timeOfId(id) ?? 0, (line) => line.id === id),
    problem,
    loading,
    loadedOnce,
    cancelled,
    partial,
    filter,
    query,
    around,
    of,
    load,
    prepend,
    cancel,
  }
}
