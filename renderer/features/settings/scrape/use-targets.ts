import { onBeforeUnmount, onMounted, shallowRef } from 'vue'
import type { Problem } from '../../../../core/api/contract/shapes.ts'
import { toProblem } from '../../../api/client.ts'
import { prometheus } from '../../../api/prometheus.ts'
import type { ScrapeTarget } from '../../../api/prometheus-shapes.ts'

const EVERY_MS = 5000
const SOON_MS = 1000
const CLOSELY_MS = 10_000

/** What is scraped now, asked every 5 s while it is shown. */
export function useTargets() {
  const targets = shallowRef<ScrapeTarget[]>([])
  const problem = shallowRef<Problem | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = false
  let closelyUntil = 0

  /** @param changed jobs have just been changed: looked at closely until each target has been asked, for 10 s at most */
  async function load(changed = false): Promise<void> {
    clearTimeout(timer)
    if (changed) closelyUntil = performance.now() + CLOSELY_MS
    try {
      targets.value = (await prometheus.targets()).data.activeTargets
      problem.value = null
    } catch (error) {
      problem.value = toProblem(error)
    }
    const closely = performance.now() < closelyUntil || targets.value.some(({ health }) => health === 'unknown')
    if (!gone) timer = setTimeout(() => void load(), closely ? SOON_MS : EVERY_MS)
  }
  onMounted(() => load())
  onBeforeUnmount(() => {
    gone = true
    clearTimeout(timer)
  })
  return { targets, problem, load }
}
