import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { type LocationQuery, useRoute, useRouter } from 'vue-router'
import { parseTime } from '../../ui/format-time.ts'
import { relativeLength } from '../../ui/parse-range.ts'

export const PRESETS = ['15m', '1h', '6h', '24h', '7d', '30d'] as const
const DEFAULT = '1h'

/** The chosen range as µs, from the address: `range=1h`, or `start` and `end` (µs or RFC 3339). */
export const useRange = defineStore('range', () => {
  const route = useRoute()
  const router = useRouter()
  /** µs; moves at each refresh, so that all parts of a screen show the same moment. */
  const now = ref(Date.now() * 1000)

  const fixed = computed(() => {
    const start = readTime(route.query.start)
    const end = readTime(route.query.end)
    return start !== null && end !== null && end > start ? { start, end } : null
  })
  /** The relative range, such as `1h` or `45m`; null while the range stands still. */
  const preset = computed<string | null>(() => {
    if (fixed.value) return null
    const asked = String(route.query.range ?? DEFAULT)
    return relativeLength(asked) === null ? DEFAULT : asked
  })
  const bounds = computed(() => {
    if (fixed.value) return fixed.value
    // One second ahead, so that what arrives this very moment is inside.
    const end = now.value + 1e6
    return { start: end - (relativeLength(preset.value ?? DEFAULT) ?? 3600e6), end }
  })
  /** Nothing arrives in a bundle that somebody sent. */
  const live = computed(() => route.query.live === '1' && !route.query.bundle)

  function refresh(): void {
    now.value = Date.now() * 1000
  }

  function change(query: LocationQuery | Record<string, string | undefined>, replace = false): void {
    const next = { ...route.query, ...query }
    for (const key of Object.keys(next)) if (next[key] === undefined) delete next[key]
    void router[replace ? 'replace' : 'push']({ query: next })
  }

  function setPreset(value: string): void {
    refresh()
    change({ range: value, start: undefined, end: undefined })
  }

  function setAbsolute(start: number, end: number, replace = false): void {
    change(
      { start: String(Math.round(start)), end: String(Math.round(end)), range: undefined, live: undefined },
      replace,
    )
  }

  /** Earlier (negative) or later by a share of the range. */
  function shift(share: number): void {
    const { start, end } = bounds.value
    const by = Math.min((end - start) * share, Math.max(0, Date.now() * 1000 + 1e6 - end) + (share < 0 ? Infinity : 0))
    setAbsolute(start + by, end + by)
  }

  /** Factor above 1 shows more time, below 1 less. */
  function zoom(factor: number): void {
    const { start, end } = bounds.value
    const middle = (start + end) / 2
    const half = Math.max(((end - start) * factor) / 2, 500)
    setAbsolute(middle - half, middle + half)
  }

  function setLive(on: boolean): void {
    refresh()
    const query: Record<string, string | undefined> = { live: on ? '1' : undefined }
    if (on && fixed.value) Object.assign(query, { start: undefined, end: undefined, range: '15m' })
    change(query, true)
  }

  return { now, preset, bounds, fixed, live, refresh, change, setPreset, setAbsolute, shift, zoom, setLive }
})

function readTime(value: unknown): number | null {
  return typeof value === 'string' && value !== '' ? parseTime(value, 'UTC', Date.now() * 1000) : null
}
