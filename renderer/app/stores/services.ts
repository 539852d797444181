import { useLocalStorage } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { ServiceInfo } from '../../../core/api/contract/shapes.ts'
import { api, isAbort } from '../../api/client.ts'
import { useRange } from './range.ts'

const SLOTS = 12

/** The services of the range, and the colour of each: a slot by the order in which they were first seen, kept. */
export const useServices = defineStore('services', () => {
  const range = useRange()
  const order = useLocalStorage<string[]>('glassbox.serviceOrder', [])
  const items = shallowRef<ServiceInfo[]>([])
  const loaded = ref(false)
  let running: AbortController | null = null

  const places = computed(() => new Map(order.value.map((service, index) => [service, index])))
  const sorted = computed(() =>
    [...items.value].sort((a, b) => (places.value.get(a.service) ?? 1e9) - (places.value.get(b.service) ?? 1e9)),
  )

  /** 1 to 12; the slots start over beyond 12 services. */
  function slot(service: string): number {
    const place = places.value.get(service)
    return place === undefined ? SLOTS : (place % SLOTS) + 1
  }

  /** CSS value of the service's colour. */
  function colour(service: string): string {
    return `var(--svc-${slot(service)})`
  }

  function remember(services: string[]): void {
    const known = new Set(order.value)
    const added = [...new Set(services)].filter((service) => !known.has(service))
    if (added.length > 0) order.value = [...order.value, ...added]
  }

  async function load(): Promise<void> {
    running?.abort()
    running = new AbortController()
    try {
      const { start } = range.bounds
      // A relative range goes on while the page stays open.
      const end = range.fixed ? range.bounds.end : Date.now() * 1000 + 1e6
      const found = await api.services({ start, end }, running.signal)
      items.value = found
      remember([...found].sort((a, b) => a.firstSeen - b.firstSeen).map((info) => info.service))
      loaded.value = true
    } catch (error) {
      // The legend keeps what it last knew; the screen itself says what is wrong.
      if (!isAbort(error)) loaded.value = true
    }
  }

  return { items, sorted, loaded, slot, colour, remember, load }
})
