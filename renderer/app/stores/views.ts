import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { LocationQuery } from 'vue-router'
import { api } from '../../api/client.ts'

/** A named address of a screen, kept by the core for everyone who opens it. */
export interface SavedView {
  id: string
  name: string
  screen: 'traces' | 'logs' | 'metrics'
  /** The address after the question mark. */
  query: string
  /** Of what `query` means; absent = 1. A newer Glassbox may save views that this one cannot open. */
  version?: number
}

const SCREENS: readonly string[] = ['traces', 'logs', 'metrics']
const VERSION = 1
/** Whether a newer Glassbox saved this view. */
export const isNewerView = ({ version = 1, screen }: SavedView): boolean =>
  version > VERSION || !SCREENS.includes(screen)

const KEY = 'views.saved'
/** Parts of an address that belong to a moment, not to a view. */
const PASSING = ['at', 'sel', 'around', 'span', 'find', 'zoom']

export const useViews = defineStore('views', () => {
  const items = shallowRef<SavedView[]>([])
  const loaded = ref(false)

  async function load(): Promise<void> {
    try {
      const value = (await api.settings())[KEY]?.value
      items.value = Array.isArray(value) ? (value as SavedView[]) : []
      loaded.value = true
    } catch {
      // The list keeps what it last knew; the screens say what is wrong with the core.
    }
  }

  /** @throws ApiError when the core refuses. */
  async function store(next: SavedView[]): Promise<void> {
    await api.changeSettings({ [KEY]: next })
    items.value = next
  }

  /** A view of the same name and screen is replaced. */
  async function save(name: string, screen: SavedView['screen'], query: LocationQuery): Promise<SavedView> {
    await load()
    const kept = Object.entries(query).filter(([key]) => !PASSING.includes(key))
    const text = new URLSearchParams(
      kept.map(([key, value]): [string, string] => [key, String(value ?? '')]),
    ).toString()
    const others = items.value.filter((one) => one.name !== name || one.screen !== screen)
    const made: SavedView = { id: crypto.randomUUID(), name, screen, query: text, version: VERSION }
    await store([...others, made])
    return made
  }

  async function remove(id: string): Promise<SavedView | undefined> {
    await load()
    const gone = items.value.find((one) => one.id === id)
    await store(items.value.filter((one) => one.id !== id))
    return gone
  }

  async function restore(view: SavedView): Promise<void> {
    await load()
    await store([...items.value, view])
  }

  return { items, loaded, load, save, remove, restore }
})
