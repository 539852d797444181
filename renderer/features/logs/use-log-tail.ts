import { onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { LogRecord } from '../../../core/model/records.ts'
import { api, type LogParams } from '../../api/client.ts'
import { useLive } from '../../app/stores/live.ts'
import { useRange } from '../../app/stores/range.ts'
import { SEVERITIES } from './derive/severity.ts'

/** Lines painted a second at most; what is above is counted. */
const LINES_PER_SECOND = 500
/** Lines kept behind the counter; beyond, only counted, as a fresh search finds them again. */
const MOST_WAITING = 2000
const ASK_MS = 1000
/** A search looks this far back for what it has not shown, as lines arrive out of order. */
const BACK_US = 10e6

/** New lines of the live tail. While `mayMove` is false they wait behind a counter. */
export function useLogTail(options: {
  query: () => LogParams
  known: () => string[]
  mayMove: () => boolean
  prepend: (items: LogRecord[]) => void
}) {
  const live = useLive()
  const range = useRange()
  const waiting = shallowRef<LogRecord[]>([])
  /** Waiting lines, also those that are not kept. */
  const count = ref(0)
  const notShown = ref(0)
  let seen = new Set<string>()
  let budget = LINES_PER_SECOND
  let since = 0
  let stop: (() => void) | null = null
  let asking = false
  let stopped = false

  /** What only the core can judge (attributes, text) is asked of it; the rest is judged here. */
  function judge(items: LogRecord[]): LogRecord[] | null {
    const { q, severity, service, traceId, spanId, traced } = options.query()
    if (q) return null
    const least = SEVERITIES.find(({ key }) => key === severity)?.number ?? Number(severity ?? 0)
    if (Number.isNaN(least)) return null
    return items.filter(
      (item) =>
        item.severity >= least &&
        (!service || item.service === service) &&
        (!traceId || item.traceId === traceId) &&
        (!traced || String(item.traceId !== null) === traced) &&
        (!spanId || item.spanId === spanId),
    )
  }

  async function askAgain(): Promise<void> {
    if (asking) return
    asking = true
    try {
      const end = Date.now() * 1000 + 1e6
      const page = await api.logs({
        ...options.query(),
        start: Math.max(since - BACK_US, end - 120e6),
        end,
        limit: LINES_PER_SECOND,
      })
      if (!stopped) take(page.items)
    } catch {
      // The next message tries again; the screen's own request says what is wrong.
    } finally {
      setTimeout(() => {
        asking = false
      }, ASK_MS)
    }
  }

  function take(found: LogRecord[]): void {
    const fresh = found.filter((item) => !seen.has(item.id) && item.time >= since - BACK_US)
    if (fresh.length === 0) return
    for (const item of fresh) seen.add(item.id)
    if (seen.size > 50_000) seen = new Set(fresh.map((item) => item.id))
    count.value += fresh.length
    waiting.value = [...fresh, ...waiting.value].sort((a, b) => b.time - a.time).slice(0, MOST_WAITING)
    if (options.mayMove()) flush(budget)
  }

  function flush(most: number): void {
    if (waiting.value.length === 0) return
    const shown = waiting.value.slice(0, most)
    notShown.value += count.value - shown.length
    budget -= shown.length
    waiting.value = []
    count.value = 0
    options.prepend(shown)
  }

  const tick = setInterval(() => {
    budget = LINES_PER_SECOND
    notShown.value = 0
  }, 1000)

  watch(
    () => [range.live, JSON.stringify({ ...options.query(), start: 0, end: 0 })] as const,
    ([on]) => {
      stop?.()
      stop = null
      waiting.value = []
      count.value = 0
      seen = new Set(options.known())
      since = Date.now() * 1000
      if (!on) return
      stop = live.followLogs((items, skipped) => {
        notShown.value += skipped
        const judged = judge(items)
        if (judged === null) void askAgain()
        else take(judged)
      })
    },
    { immediate: true },
  )
  onBeforeUnmount(() => {
    stopped = true
    clearInterval(tick)
    stop?.()
  })

  return { waiting: count, notShown, showWaiting: () => flush(MOST_WAITING) }
}
