import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import { type Job, jobEnded } from '../../../core/model/job.ts'
import { api, toProblem } from '../../api/client.ts'
import { useLive } from './live.ts'

/** Long work of the host, newest first; kept current by the live socket. */
export const useJobs = defineStore('jobs', () => {
  const items = shallowRef<Job[] | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const live = useLive()
  const following = ref(false)

  const running = computed(() => (items.value ?? []).filter((job) => !jobEnded(job)))

  /** Without those that it knows already, `found` is laid over the list. */
  function take(found: Job[]): void {
    const ids = new Set(found.map(({ id }) => id))
    const others = (items.value ?? []).filter(({ id }) => !ids.has(id))
    items.value = [...found, ...others].sort((a, b) => b.createdAt - a.createdAt)
  }

  async function load(): Promise<void> {
    try {
      items.value = (await api.jobs()).items
      problem.value = null
    } catch (error) {
      problem.value = toProblem(error)
    }
  }

  /** Loads the list and follows it from then on. */
  function start(): void {
    if (following.value) return
    following.value = true
    live.followJobs(take)
    void load()
  }

  return { items, problem, running, start, load, take }
})
