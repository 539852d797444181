import { ref, shallowRef } from 'vue'
import { useRouter } from 'vue-router'
import type { Problem } from '../../../../core/api/contract/shapes.ts'
import { backups } from '../../../api/backups.ts'
import { isAbort, toProblem } from '../../../api/client.ts'
import { useBackups } from '../../../app/stores/backups.ts'

/** The file that is being taken in, one for the page. */
const sending = shallowRef<File | null>(null)
const problem = shallowRef<Problem | null>(null)
const refusedName = ref('')
let control: AbortController | null = null

/** Takes an archive file that somebody chose or dropped, and leads on to what is in it. */
export function useDroppedArchive() {
  const router = useRouter()
  const store = useBackups()

  async function take(files: ArrayLike<File> | null | undefined): Promise<void> {
    const file = files?.[0]
    if (!file) return
    control?.abort()
    const own = new AbortController()
    control = own
    sending.value = file
    problem.value = null
    await router.push({ path: '/backups/restore', query: { step: 'choose' } })
    try {
      const { target, name } = await backups.upload(file, own.signal)
      await store.load()
      await router.push({ path: '/backups/restore', query: { step: 'inspect', target, name } })
    } catch (error) {
      if (control === own && !isAbort(error)) {
        problem.value = toProblem(error)
        refusedName.value = file.name
      }
    } finally {
      if (control === own) sending.value = null
    }
  }
  function cancel(): void {
    control?.abort()
    control = null
    sending.value = null
  }
  function forget(): void {
    cancel()
    problem.value = null
  }

  return { sending, problem, refusedName, take, cancel, forget }
}
