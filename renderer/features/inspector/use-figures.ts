import { computed, onBeforeUnmount, shallowRef, watch } from 'vue'
import type { MachineFigures } from '../../../core/model/answers.ts'
import type { KeyValue } from '../../../core/model/records.ts'
import { valueText } from '../../../core/model/value-text.ts'
import { api, isAbort, toProblem } from '../../api/client.ts'
import type { SpanDetails } from './use-span.ts'
import type { LoadedTrace } from './use-trace.ts'

/** Samples of what has just happened are still on their way: looked for again so often and for so long. */
const AGAIN_MS = 10_000
const FRESH_US = 150e6

/** Whose figures are asked for: machine and process of the selected span, over the time of its trace. */
export interface FigureSubject {
  host: string
  service: string
  instance: string
  /** As the api takes the service: with its namespace. */
  job: string
}

/**
 * CPU, memory, event loop and garbage collection around a trace, for the machine and process of the selected span. Asked
 * for when the page has nothing else to do; another span of the same process asks nothing.
 */
export function useFigures(loaded: () => LoadedTrace | null, detail: () => SpanDetails | null, wanted: () => boolean) {
  const figures = shallowRef<MachineFigures | null>(null)
  const failed = shallowRef('')
  let running: AbortController | null = null
  let idle = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const subject = computed<FigureSubject | null>((before) => {
    const one = detail()
    if (!one) return before ?? null
    const text = (key: string): string => textOf(one.resource.attributes, key)
    const namespace = text('service.namespace')
    const next = {
      host: text('host.name'),
      service: one.span.service,
      instance: text('service.instance.id'),
      job: namespace ? `${namespace}/${one.span.service}` : one.span.service,
    }
    return before && JSON.stringify(before) === JSON.stringify(next) ? before : next
  })
  const range = computed(() => {
    const one = loaded()
    if (!one) return null
    const { start } = one.trace.summary
    return { start: Math.floor(start + one.layout.from), end: Math.ceil(start + one.layout.to) }
  })

  async function load(): Promise<void> {
    const asked = range.value
    const whose = subject.value
    if (!asked || !whose) return
    const own = new AbortController()
    running = own
    try {
      const { host, job, instance } = whose
      const found = await api.machineFigures({ ...asked, host, service: job, instance }, own.signal)
      if (running !== own) return
      figures.value = found
      failed.value = ''
      const late = found.series.some(({ points }) => (points.at(-1)?.[0] ?? 0) < asked.end)
      const fresh = Date.now() * 1000 - asked.end < FRESH_US
      if (fresh && (late || found.series.length === 0)) timer = setTimeout(load, AGAIN_MS)
    } catch (error) {
      if (isAbort(error) || running !== own) return
      const { title, detail: said } = toProblem(error)
      failed.value = [title, said].filter(Boolean).join(': ')
    }
  }
  function stop(): void {
    running?.abort()
    cancelIdleCallback(idle)
    clearTimeout(timer)
  }
  watch(
    [() => range.value?.start, () => range.value?.end, subject, wanted],
    ([, , , on]) => {
      stop()
      if (!on || !subject.value || !range.value) return
      figures.value = null
      idle = requestIdleCallback(() => void load(), { timeout: 1000 })
    },
    { immediate: true },
  )
  onBeforeUnmount(stop)
  return { figures, failed, subject }
}
export type Figures = ReturnType<typeof useFigures>

function textOf(attributes: readonly KeyValue[], key: string): string {
  const pair = attributes.find((one) => one.key === key)
  return pair ? valueText(pair.value) : ''
}
