import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { type OpenedBundle, pageOfBundle } from '../../../core/model/bundle.ts'
import { bundles } from '../../api/bundles.ts'
import { leaveBundle } from '../viewed-bundle.ts'
import { useRange } from './range.ts'

/** Debug bundles that are open, and the one that the page shows now: `bundle=ID` in the address. */
export const useBundles = defineStore('bundles', () => {
  const route = useRoute()
  const router = useRouter()
  const range = useRange()
  const items = shallowRef<OpenedBundle[]>([])
  const loaded = ref(false)
  /** A file that waits for its password. */
  const locked = shallowRef<OpenedBundle | null>(null)

  const viewed = computed(() => (typeof route.query.bundle === 'string' ? route.query.bundle : null))
  const current = computed(() => items.value.find(({ id }) => id === viewed.value) ?? null)

  async function load(): Promise<void> {
    items.value = await bundles.list()
    loaded.value = true
    if (current.value?.state === 'locked') locked.value = current.value
  }

  async function show(bundle: OpenedBundle): Promise<void> {
    items.value = [bundle, ...items.value.filter(({ id }) => id !== bundle.id)]
    locked.value = bundle.state === 'locked' ? bundle : null
    if (bundle.state === 'open') await router.push(pageOfBundle(bundle))
  }

  async function open(file: File): Promise<void> {
    await show(await bundles.open(file))
  }

  async function unlock(password: string): Promise<void> {
    if (locked.value) await show(await bundles.unlock(locked.value.id, password))
  }

  /** Back to what is stored here, up to now; the bundle stays open. */
  async function leave(): Promise<void> {
    range.refresh()
    await leaveBundle(router, '/traces')
  }

  async function close(id: string): Promise<void> {
    await bundles.close(id)
    items.value = items.value.filter((one) => one.id !== id)
    if (viewed.value === id) await leave()
  }

  return { items, loaded, locked, viewed, current, load, show, open, unlock, leave, close }
})
