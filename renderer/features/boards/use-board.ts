import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import type { Board, BoardContent } from '../../../core/model/board.ts'
import { boards } from '../../api/boards.ts'
import { isAbort, toProblem } from '../../api/client.ts'

/** Changes that are not saved yet, by board: they outlive a look at another screen. */
const drafts = new Map<string, { version: number; content: BoardContent }>()

/** One board: what is saved, and what is being changed. */
export function useBoard(id: () => string) {
  const saved = shallowRef<Board | null>(null)
  const draft = shallowRef<BoardContent | null>(null)
  /** The version that the draft began from. */
  const draftOf = ref(0)
  const problem = shallowRef<Problem | null>(null)
  const saveProblem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  const saving = ref(false)
  let running: AbortController | null = null

  const content = computed(() => draft.value ?? saved.value?.content ?? null)
  const dirty = computed(
    () => draft.value !== null && JSON.stringify(draft.value) !== JSON.stringify(saved.value?.content),
  )

  async function load(): Promise<void> {
    running?.abort()
    const own = new AbortController()
    running = own
    loading.value = true
    try {
      const found = await boards.get(id(), own.signal)
      saved.value = found
      problem.value = null
    } catch (error) {
      if (!isAbort(error)) problem.value = toProblem(error)
    } finally {
      if (running === own) loading.value = false
    }
  }

  function edit(): void {
    if (!saved.value || draft.value) return
    const kept = drafts.get(saved.value.id)
    draft.value = structuredClone(kept?.content ?? saved.value.content)
    draftOf.value = kept?.version ?? saved.value.version
  }
  function change(next: BoardContent): void {
    draft.value = next
    if (saved.value) drafts.set(saved.value.id, { version: draftOf.value, content: next })
  }
  function discard(): void {
    if (saved.value) drafts.delete(saved.value.id)
    draft.value = null
    saveProblem.value = null
  }

  /** True once the draft is the saved board. */
  async function save(): Promise<boolean> {
    if (!saved.value || !draft.value) return false
    saving.value = true
    try {
      saved.value = await boards.replace(saved.value.id, draftOf.value, draft.value)
      discard()
      return true
    } catch (error) {
      saveProblem.value = toProblem(error)
      return false
    } finally {
      saving.value = false
    }
  }

  /** The draft as a board of its own, for when the board was changed meanwhile. */
  async function saveCopy(title: string): Promise<Board | null> {
    if (!draft.value) return null
    saving.value = true
    try {
      const made = await boards.create({ ...draft.value, title })
      discard()
      return made
    } catch (error) {
      saveProblem.value = toProblem(error)
      return null
    } finally {
      saving.value = false
    }
  }

  watch(
    id,
    () => {
      saved.value = null
      draft.value = null
      saveProblem.value = null
      void load()
    },
    { immediate: true },
  )
  onBeforeUnmount(() => running?.abort())
  return {
    saved,
    draft,
    content,
    dirty,
    problem,
    saveProblem,
    loading,
    saving,
    load,
    edit,
    change,
    discard,
    save,
    saveCopy,
  }
}
