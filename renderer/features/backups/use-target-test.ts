import { onScopeDispose, ref, shallowRef } from 'vue'
import type { Problem, TargetTest } from '../../../core/api/contract/shapes.ts'
import { backups } from '../../api/backups.ts'
import { isAbort, toProblem } from '../../api/client.ts'

/** A run of the test of a place, which can be cancelled. What it found stands until the next. */
export function useTargetTest() {
  const result = shallowRef<TargetTest | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const testing = ref(false)
  let control: AbortController | null = null

  async function run(place: { name?: string; address?: string; privateKey?: string }): Promise<boolean> {
    control?.abort()
    const own = new AbortController()
    control = own
    clear()
    testing.value = true
    try {
      result.value = await backups.test(place, own.signal)
      return result.value.ok
    } catch (error) {
      if (control === own && !isAbort(error)) problem.value = toProblem(error)
      return false
    } finally {
      if (control === own) testing.value = false
    }
  }
  function clear(): void {
    result.value = null
    problem.value = null
  }
  function cancel(): void {
    control?.abort()
    control = null
    testing.value = false
  }
  onScopeDispose(cancel)
  return { result, problem, testing, run, cancel, clear }
}

export type TargetTestRun = ReturnType<typeof useTargetTest>
