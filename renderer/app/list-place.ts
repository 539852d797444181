import { onBeforeUnmount } from 'vue'
import { useRouter } from 'vue-router'

/**
 * Where one was in a list: the row at its top, its time, µs, and how far it was scrolled out of sight, px, and the row that
 * was chosen.
 */
export interface ListPlace {
  top: string
  time: number
  offset: number
  selected: string | null
}

const MOST = 100
/** By entry of the browser's history: a list that is opened anew begins at its top. */
const kept = new Map<string, ListPlace>()
const entry = (): string => {
  const state = history.state as { position?: number } | null
  return `${state?.position ?? 0} ${location.pathname}${location.search}`
}

/**
 * Remembers `read()` for the page that is left, and gives it back once when Back or Forward leads there again. Rows are
 * named by id, as others may have come above them since.
 */
export function useListPlace(read: () => ListPlace | null): { take(): ListPlace | null } {
  const router = useRouter()
  let here = entry()
  const ends = [
    router.beforeEach(() => {
      const place = read()
      if (place) kept.set(here, place)
      for (const old of [...kept.keys()].slice(0, kept.size - MOST)) kept.delete(old)
    }),
    router.afterEach(() => {
      here = entry()
    }),
  ]
  onBeforeUnmount(() => {
    for (const end of ends) end()
  })
  return {
    take() {
      const place = kept.get(here) ?? null
      kept.delete(here)
      return place
    },
  }
}
