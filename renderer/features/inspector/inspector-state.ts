import { useLocalStorage } from '@vueuse/core'
import { computed, onBeforeUnmount, reactive, watch } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { INSPECTOR_PARAMS, type InspectorParam } from './inspector-params.ts'

const VIEWS = ['waterfall', 'flame', 'operations', 'logs', 'services', 'compare', 'json'] as const
export type View = (typeof VIEWS)[number]

const ADDRESS_MS = 120

/** What the person chose for all traces; kept in this browser. */
const choices = {
  critical: useLocalStorage('glassbox.inspector.critical', true),
  logs: useLocalStorage('glassbox.inspector.logs', true),
  events: useLocalStorage('glassbox.inspector.events', false),
  group: useLocalStorage('glassbox.inspector.group', true),
  figures: useLocalStorage('glassbox.inspector.figures', true),
  correct: useLocalStorage('glassbox.inspector.correctClocks', true),
  /** px; 0 = as designed. */
  width: useLocalStorage('glassbox.inspector.width', 0),
  tree: useLocalStorage('glassbox.inspector.tree', 0),
}

/**
 * State of the inspector: what belongs to the trace is in the address, what belongs to the person in the browser.
 * Changes show at once and reach the address together a moment later, so that holding a key down stays cheap.
 */
export function useInspectorState() {
  const route = useRoute()
  const router = useRouter()
  const shown = reactive({} as Record<InspectorParam, string>)
  let waiting: Partial<Record<InspectorParam, string>> = {}
  let timer: ReturnType<typeof setTimeout> | undefined

  watch(
    () => route.query,
    (query) => {
      for (const key of INSPECTOR_PARAMS) {
        if (key in waiting) continue
        const value = query[key]
        shown[key] = typeof value === 'string' ? value : ''
      }
    },
    { immediate: true },
  )

  function write(): Promise<unknown> | undefined {
    clearTimeout(timer)
    if (Object.keys(waiting).length === 0) return undefined
    const query: Record<string, unknown> = { ...route.query, ...waiting }
    waiting = {}
    for (const key of Object.keys(query)) if (query[key] === undefined || query[key] === '') delete query[key]
    return router.replace({ path: route.path, query: query as typeof route.query })
  }

  /** Replaces the entry of the history: moving about in one trace is not a journey. */
  function set(changes: Partial<Record<InspectorParam, string | undefined>>): void {
    for (const [key, value] of Object.entries(changes)) {
      shown[key as InspectorParam] = value ?? ''
      waiting[key as InspectorParam] = value ?? ''
    }
    clearTimeout(timer)
    timer = setTimeout(write, ADDRESS_MS)
  }

  onBeforeUnmount(() => clearTimeout(timer))

  const view = computed<View | null>(() => VIEWS.find((one) => one === shown.view) ?? null)
  return {
    choices,
    shown,
    set,
    view,
    /** Writes what waits at once: Back must lead to the span that was left. */
    flush: write,
  }
}
export type InspectorState = ReturnType<typeof useInspectorState>
