import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { PinnedTrace } from '../../../core/model/pins.ts'
import { toProblem } from '../../api/client.ts'
import { pinApi } from '../../api/pins.ts'
import { useText } from '../../i18n/index.ts'
import { showToast } from '../toasts.ts'

/** Traces that retention leaves alone, kept by the core for everyone who opens it. */
export const usePins = defineStore('pins', () => {
  const { t } = useText()
  const items = shallowRef<PinnedTrace[]>([])
  const ids = computed(() => new Set(items.value.map(({ summary }) => summary.traceId)))

  const said = (error: unknown): void => {
    const { title, detail } = toProblem(error)
    showToast([title, detail].filter(Boolean).join(': '), { kind: 'error' })
  }

  /** @throws ApiError, AbortError */
  async function fetch(signal: AbortSignal): Promise<void> {
    items.value = await pinApi.list(signal)
  }
  async function load(): Promise<void> {
    try {
      items.value = await pinApi.list()
    } catch {
      // The list keeps what it last knew; the screens say what is wrong with the core.
    }
  }

  async function change(traceId: string, pinned: boolean): Promise<boolean> {
    try {
      items.value = pinned ? await pinApi.pin(traceId) : await pinApi.unpin(traceId)
      return true
    } catch (error) {
      said(error)
      return false
    }
  }

  /** Pins or unpins, and says so with a way back. */
  async function toggle(traceId: string): Promise<void> {
    const pinned = !ids.value.has(traceId)
    if (!(await change(traceId, pinned))) return
    showToast(t(pinned ? 'inspector.pinned' : 'inspector.unpinned'), {
      action: { label: t('shell.undo'), run: () => void change(traceId, !pinned) },
    })
  }

  return { items, ids, load, fetch, change, toggle }
})
