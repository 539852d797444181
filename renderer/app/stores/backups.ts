import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { BackupsAnswer, Problem } from '../../../core/api/contract/shapes.ts'
import { type Job, jobEnded } from '../../../core/model/job.ts'
import { backups } from '../../api/backups.ts'
import { toProblem } from '../../api/client.ts'
import { useJobs } from './jobs.ts'

const KINDS = new Set(['backup', 'verify', 'restore', 'restore-undo'])
/** Always there: the folder of the data directory. Asking for it alone does not wait for a server far away. */
const LOCAL = 'local'

/** Backups as the whole page knows them: the sign in the navigation and the Backups screen. */
export const useBackups = defineStore('backups', () => {
  const answer = shallowRef<BackupsAnswer | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  const needsLook = ref(false)
  const jobs = useJobs()
  let asked = 0
  /** Whether the screen is open and wants every target. */
  let whole = false

  /** Jobs of backups that run now, newest first. */
  const running = computed<Job[]>(() => jobs.running.filter(({ kind }) => KINDS.has(kind)))
  const ended = computed(() => (jobs.items ?? []).filter((job) => KINDS.has(job.kind) && jobEnded(job)).length)

  function take(found: BackupsAnswer): void {
    needsLook.value = found.attention !== null || found.notice !== null
  }

  async function load(): Promise<void> {
    const own = ++asked
    loading.value = true
    try {
      const found = await backups.list()
      if (own !== asked) return
      answer.value = found
      problem.value = null
      take(found)
    } catch (error) {
      if (own === asked) problem.value = toProblem(error)
    } finally {
      if (own === asked) loading.value = false
    }
  }

  async function look(): Promise<void> {
    try {
      take(await backups.list(LOCAL))
    } catch {
      // The sign in the navigation stays as it was; the screen itself says what is wrong.
    }
  }

  /** While the screen is open, all targets are listed again whenever a job of backups ended. */
  function open(): () => void {
    whole = true
    jobs.start()
    void load()
    return () => {
      whole = false
    }
  }

  watch(ended, () => void (whole ? load() : look()))

  return { answer, problem, loading, running, needsLook, load, look, open }
})
