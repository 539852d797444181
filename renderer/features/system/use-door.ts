import { useDebounceFn } from '@vueuse/core'
import { onBeforeUnmount, ref, shallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { api, isAbort } from '../../api/client.ts'
import { useRange } from '../../app/stores/range.ts'
import type { ChartHit } from '../../ui/chart/series.ts'
import { type Door, type DoorKind, doorAt, doorOf, doorQuery, nearestBucket } from './derive/door.ts'

const PAUSE_MS = 150
/** Parts of the range that are looked through for the nearest traces. */
const BUCKETS = 120

/** From a point of a line to its traces: how many there are is fetched while the pointer rests on it. */
export function useDoor(service: () => string | null) {
  const router = useRouter()
  const route = useRoute()
  const range = useRange()
  const door = shallowRef<Door | null>(null)
  /** Traces behind the door; null while that is not known. */
  const count = ref<number | null>(null)
  /** The nearest moment of the range that has such traces, once it is known that the point has none. */
  const nearest = shallowRef<Door | null>(null)
  let running: AbortController | null = null

  const fetchCount = useDebounceFn(async () => {
    const wanted = door.value
    if (!wanted || count.value !== null) return
    running?.abort()
    running = new AbortController()
    try {
      const { total } = await api.traceHistogram({ ...wanted }, 1, running.signal)
      if (door.value !== wanted) return
      count.value = total
      if (total > 0) return
      const { buckets, bucketUs } = await api.traceHistogram({ ...wanted, ...range.bounds }, BUCKETS, running.signal)
      const place = nearestBucket(buckets, bucketUs, (wanted.start + wanted.end) / 2)
      if (door.value === wanted && place !== null) nearest.value = doorAt(wanted, place)
    } catch (error) {
      // The row then says where it leads without a number; the traces screen tells what is wrong.
      if (!isAbort(error)) count.value = null
    }
  }, PAUSE_MS)

  function serviceOf(kind: DoorKind, hit: ChartHit): string | null {
    if (kind === 'other') return null
    // A job is the service with its namespace before a slash.
    return kind === 'app' ? hit.series.name.replace(/^.*\//, '') : service()
  }

  function hover(kind: DoorKind, hit: ChartHit | null): void {
    running?.abort()
    count.value = null
    nearest.value = null
    door.value = hit && doorOf(kind, hit.time, hit.value, serviceOf(kind, hit))
    void fetchCount()
  }

  /** The address first remembers the place, so that the way back leads to it. */
  const remember = (time: number) => router.replace({ query: { ...route.query, at: String(Math.round(time)) } })

  async function open(kind: DoorKind, hit: ChartHit): Promise<void> {
    // Where a point has no traces, the nearest that there are.
    const to = nearest.value ?? doorOf(kind, hit.time, hit.value, serviceOf(kind, hit))
    await remember(hit.time)
    await router.push({ path: '/traces', query: doorQuery(to) })
  }

  async function openTrace(traceId: string, time: number): Promise<void> {
    await remember(time)
    const { start, end } = doorOf('other', time, 0, null)
    await router.push({ path: `/traces/${traceId}`, query: { start: String(start), end: String(end) } })
  }

  onBeforeUnmount(() => running?.abort())
  return { door, count, nearest, hover, open, openTrace, remember }
}
