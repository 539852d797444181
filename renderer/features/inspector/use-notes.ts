import { computed, shallowRef, watch } from 'vue'
import type { SpanNote } from '../../../core/model/pins.ts'
import { isAbort, toProblem } from '../../api/client.ts'
import { pinApi } from '../../api/pins.ts'
import { usePins } from '../../app/stores/pins.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'

/** Notes on the spans of the trace that is shown. Changes are durable before they show. */
export function useNotes(traceId: () => string) {
  const { t } = useText()
  const pins = usePins()
  const notes = shallowRef<readonly SpanNote[]>([])
  let running: AbortController | null = null

  watch(
    traceId,
    async (id) => {
      running?.abort()
      notes.value = []
      const own = new AbortController()
      running = own
      try {
        notes.value = await pinApi.notes(id, own.signal)
      } catch (error) {
        if (!isAbort(error)) said(error)
      }
    },
    { immediate: true },
  )
  function said(error: unknown): void {
    const { title, detail } = toProblem(error)
    showToast([title, detail].filter(Boolean).join(': '), { kind: 'error' })
  }
  /** False when the core refuses; the person is told then. */
  async function attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      said(error)
      return false
    }
  }

  const bySpan = computed(() => {
    const map = new Map<string, SpanNote[]>()
    for (const note of notes.value) {
      const list = map.get(note.spanId)
      if (list) list.push(note)
      else map.set(note.spanId, [note])
    }
    return map
  })

  return {
    notes,
    bySpan,
    add: (spanId: string, text: string) =>
      attempt(async () => {
        const id = traceId()
        const made = await pinApi.addNote(id, spanId, text)
        if (id === traceId()) notes.value = [...notes.value, made]
        // A note on a trace that retention takes says nothing to anybody.
        const pin = pins.ids.has(id) ? null : { label: t('inspector.pin'), run: () => void pins.change(id, true) }
        showToast(t(pin ? 'inspector.noteSavedUnpinned' : 'inspector.noteSaved'), { action: pin })
      }),
    change: (note: SpanNote, text: string) =>
      attempt(async () => {
        const now = await pinApi.changeNote(note, text)
        notes.value = notes.value.map((one) => (one.id === now.id ? now : one))
      }),
    remove: (note: SpanNote) =>
      attempt(async () => {
        await pinApi.removeNote(note)
        notes.value = notes.value.filter((one) => one.id !== note.id)
        const undo = (): void =>
          void attempt(async () => {
            const back = await pinApi.restoreNote(note)
            if (note.traceId === traceId())
              notes.value = [...notes.value, back].sort((a, b) => a.createdAt - b.createdAt)
          })
        showToast(t('inspector.noteRemoved'), { action: { label: t('shell.undo'), run: undo } })
      }),
  }
}
export type Notes = ReturnType<typeof useNotes>
