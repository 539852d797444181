import { onBeforeUnmount, type Ref, shallowRef, watch } from 'vue'
import type { MapLayout } from './derive/layout.ts'
import type { ShownGraph } from './derive/view.ts'

/** Positions of what is shown, computed off the page's thread and kept while the same nodes and edges are shown. */
export function useLayout(shown: Ref<ShownGraph>): Readonly<Ref<MapLayout | null>> {
  const result = shallowRef<MapLayout | null>(null)
  const worker = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' })
  let asked = 0
  let drawn = ''
  worker.onmessage = ({ data }: MessageEvent<{ id: number; layout: MapLayout }>) => {
    if (data.id === asked) result.value = data.layout
  }
  watch(
    shown,
    ({ nodes, edges }) => {
      // By name, so that a refresh that only changes counts (and thereby their order) moves nothing.
      const ids = nodes.map(({ id }) => id).sort()
      const lines = edges.map(({ from, to }) => ({ from, to }))
      const key = JSON.stringify([ids, lines])
      if (key === drawn) return
      drawn = key
      result.value = null
      worker.postMessage({ id: ++asked, request: { nodes: ids, edges: lines } })
    },
    { immediate: true },
  )
  onBeforeUnmount(() => worker.terminate())
  return result
}
