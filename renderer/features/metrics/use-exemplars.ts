import { onBeforeUnmount, type Ref, shallowRef, watch } from 'vue'
import { isAbort } from '../../api/client.ts'
import { prometheus } from '../../api/prometheus.ts'
import type { ChartExemplar } from '../../ui/chart/series.ts'
import { readNumber } from './derive/matrix.ts'

const MOST = 300

/** Exemplars of the expressions in the range that have a trace, the highest values first when there are many. */
export function useExemplars(asked: Readonly<Ref<{ exprs: string[]; start: number; end: number } | null>>) {
  const items = shallowRef<ChartExemplar[]>([])
  const failed = shallowRef('')
  let running: AbortController | null = null
  watch(
    asked,
    async (now) => {
      running?.abort()
      if (!now) {
        items.value = []
        return
      }
      const own = new AbortController()
      running = own
      try {
        const answers = await Promise.all(now.exprs.map((expr) => prometheus.exemplars(expr, now, own.signal)))
        const found = answers.flatMap(({ data }) => data.flatMap(({ exemplars }) => exemplars))
        items.value = found
          .flatMap(({ labels, value, timestamp }): ChartExemplar[] => {
            const traceId = labels['trace_id'] ?? labels['traceID'] ?? labels['traceId']
            if (!traceId) return []
            const spanId = labels['span_id'] ?? labels['spanID']
            return [
              { time: Math.round(timestamp * 1e6), value: readNumber(value), traceId, ...(spanId ? { spanId } : {}) },
            ]
          })
          .sort((a, b) => b.value - a.value)
          .slice(0, MOST)
        failed.value = ''
      } catch (error) {
        if (isAbort(error)) return
        items.value = []
        failed.value = error instanceof Error ? error.message : String(error)
      }
    },
    { immediate: true },
  )
  onBeforeUnmount(() => running?.abort())
  return { items, failed }
}
