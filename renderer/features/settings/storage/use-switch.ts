import { useSessionStorage } from '@vueuse/core'
import { computed, reactive, ref, shallowRef, watch } from 'vue'
import type { Problem, StorageTest, StorageTestStep, SwitchRequest } from '../../../../core/api/contract/shapes.ts'
import { api, isAbort, toProblem } from '../../../api/client.ts'
import { useJobs } from '../../../app/stores/jobs.ts'
import {
  emptyFields,
  missingFields,
  type PostgresFields,
  postgresUrl,
  readPostgresUrl,
  withoutPassword,
} from '../derive/postgres-url.ts'

export const STEPS = ['connect', 'test', 'what', 'move', 'done'] as const
export type Step = (typeof STEPS)[number]

const TEST_LIMIT_S = 10

/** What the person has answered so far. It survives a reload, but for the password, which lies nowhere but in this page. */
const answers = useSessionStorage('glassbox.switch', {
  fields: { ...emptyFields },
  move: 'all' as 'all' | 'since' | 'settings',
  since: '',
  existing: 'refuse' as SwitchRequest['existing'],
})
const password = ref('')
/** Whether the saved password is meant: the api shows addresses with `***` in its place. */
const test = shallowRef<StorageTest | null>(null)
const testing = ref(false)
const secondsLeft = ref(TEST_LIMIT_S)
const testProblem = shallowRef<Problem | null>(null)
const startProblem = shallowRef<Problem | null>(null)
let control: AbortController | null = null

const fields = reactive({
  ...answers.value.fields,
  get password() {
    return password.value
  },
  set password(value: string) {
    password.value = value
  },
}) as PostgresFields

watch(fields, ({ password: _, ...rest }) => {
  answers.value = { ...answers.value, fields: { ...emptyFields, ...rest, password: '' } }
  // An error belongs to the address that it was found with.
  if (!testing.value) forgetTest()
})

function forgetTest(): void {
  test.value = null
  testProblem.value = null
}

/** The state of the switch wizard, one for the page. */
export function useSwitch() {
  const jobs = useJobs()
  const url = computed(() => postgresUrl(fields))

  /** Takes an address apart into the fields; false when it is none. */
  function fill(text: string): boolean {
    const read = readPostgresUrl(text)
    if (!read) return false
    Object.assign(fields, read)
    return true
  }

  function cancelTest(): void {
    control?.abort()
  }

  /** Tries the connection, ten seconds at most. */
  async function runTest(): Promise<void> {
    cancelTest()
    const own = new AbortController()
    control = own
    forgetTest()
    testing.value = true
    secondsLeft.value = TEST_LIMIT_S
    const tick = setInterval(() => {
      secondsLeft.value--
      if (secondsLeft.value <= 0) own.abort()
    }, 1000)
    try {
      const steps: StorageTestStep[] = []
      const ok = await api.testStorage(url.value, own.signal, (step) => {
        if (control !== own) return
        steps.push(step)
        test.value = { ok: false, steps: [...steps] }
      })
      if (control === own) test.value = { ok, steps }
    } catch (error) {
      if (control !== own) return
      testProblem.value = isAbort(error)
        ? { ...toProblem(new Error('')), code: secondsLeft.value <= 0 ? 'test_late' : 'test_cancelled' }
        : toProblem(error)
    } finally {
      clearInterval(tick)
      if (control === own) {
        control = null
        testing.value = false
      }
    }
  }

  /** Starts the move. @returns the job's id, or null with `startProblem` set */
  async function start(to: 'sqlite' | 'postgres'): Promise<string | null> {
    startProblem.value = null
    const { move, since, existing } = answers.value
    try {
      const job = await api.switchStorage({
        url: to === 'sqlite' ? 'sqlite:' : url.value,
        move: move === 'since' ? { since: Date.parse(`${since}T00:00:00Z`) * 1000 } : move,
        existing,
      })
      jobs.take([job])
      // What deletes is asked for anew each time.
      answers.value = { ...answers.value, existing: 'refuse' }
      return job.id
    } catch (error) {
      startProblem.value = toProblem(error)
      return null
    }
  }

  return {
    answers,
    fields,
    url,
    shownUrl: computed(() => withoutPassword(url.value)),
    missing: computed(() => missingFields(fields)),
    fill,
    test,
    testing,
    secondsLeft,
    testProblem,
    startProblem,
    runTest,
    cancelTest,
    start,
  }
}
