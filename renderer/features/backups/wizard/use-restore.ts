import { computed, ref, shallowRef } from 'vue'
import { type LocationQuery, useRoute, useRouter } from 'vue-router'
import type { BackupContent, Problem, RestorePlan } from '../../../../core/api/contract/shapes.ts'
import { type ArchiveSecret, backups, type RestoreOrder } from '../../../api/backups.ts'
import { isAbort, toProblem } from '../../../api/client.ts'
import { useJobs } from '../../../app/stores/jobs.ts'

export const RESTORE_STEPS = ['choose', 'inspect', 'what', 'plan', 'run'] as const
export type RestoreStep = (typeof RESTORE_STEPS)[number]

export interface Choice {
  telemetry: boolean
  config: boolean
  /** RFC 3339; empty = open. */
  start: string
  end: string
  service: string
  mode: 'replace' | 'merge'
}

function choiceOf(query: LocationQuery): Choice {
  const text = (name: string): string => (typeof query[name] === 'string' ? query[name] : '')
  return {
    telemetry: query['telemetry'] !== '0',
    config: query['config'] !== '0',
    start: text('start'),
    end: text('end'),
    service: text('service'),
    mode: query['mode'] === 'replace' ? 'replace' : 'merge',
  }
}

function queryOf({ telemetry, config, start, end, service, mode }: Choice): Record<string, string> {
  return {
    ...(telemetry ? {} : { telemetry: '0' }),
    ...(config ? {} : { config: '0' }),
    ...(start ? { start } : {}),
    ...(end ? { end } : {}),
    ...(service ? { service } : {}),
    ...(mode === 'replace' ? { mode } : {}),
  }
}

/** The state of the restore wizard. All answers are in the address but the password, which lies nowhere but in this page. */
export function useRestore() {
  const route = useRoute()
  const router = useRouter()
  const jobs = useJobs()
  const secret = ref<ArchiveSecret>({})
  const content = shallowRef<BackupContent | null>(null)
  const plan = shallowRef<RestorePlan | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const busy = ref(false)
  let control: AbortController | null = null

  const target = computed(() => String(route.query['target'] ?? ''))
  const name = computed(() => String(route.query['name'] ?? ''))
  const choice = computed<Choice>(() => choiceOf(route.query))
  const step = computed<RestoreStep>(() => {
    const asked = RESTORE_STEPS.find((one) => one === route.query['step']) ?? 'choose'
    if (asked === 'run') return route.query['job'] ? 'run' : name.value ? 'plan' : 'choose'
    return name.value === '' ? 'choose' : asked
  })
  const order = computed<RestoreOrder>(() => {
    const { telemetry, config, start, end, service, mode } = choice.value
    return {
      target: target.value,
      name: name.value,
      ...secret.value,
      mode,
      select: {
        telemetry,
        config,
        ...(start ? { start } : {}),
        ...(end ? { end } : {}),
        ...(service ? { service } : {}),
      },
    }
  })

  const go = async (next: RestoreStep, more: Record<string, string> = {}): Promise<void> => {
    const kept = { target: target.value, name: name.value, ...queryOf(choice.value) }
    await router.push({ path: '/backups/restore', query: { step: next, ...kept, ...more } })
  }
  const choose = async (changed: Partial<Choice>): Promise<void> => {
    const query = {
      step: step.value,
      target: target.value,
      name: name.value,
      ...queryOf({ ...choice.value, ...changed }),
    }
    await router.replace({ path: '/backups/restore', query })
  }

  /** One request at a time; the newest counts. */
  async function ask<T>(work: (signal: AbortSignal) => Promise<T>, take: (found: T) => void): Promise<boolean> {
    control?.abort()
    const own = new AbortController()
    control = own
    busy.value = true
    problem.value = null
    try {
      const found = await work(own.signal)
      if (control === own) take(found)
      return control === own
    } catch (error) {
      if (control === own && !isAbort(error)) problem.value = toProblem(error)
      return false
    } finally {
      if (control === own) busy.value = false
    }
  }
  const inspect = (): Promise<boolean> => {
    content.value = null
    return ask(
      (signal) => backups.inspect({ target: target.value, name: name.value, ...secret.value }, signal),
      (found) => {
        content.value = found
      },
    )
  }
  const makePlan = (): Promise<boolean> => {
    plan.value = null
    return ask(
      (signal) => backups.plan(order.value, signal),
      (found) => {
        plan.value = found
      },
    )
  }
  const start = (): Promise<boolean> =>
    ask(
      () => backups.restore(order.value),
      (job) => {
        jobs.take([job])
        void go('run', { job: job.id })
      },
    )
  function stop(): void {
    control?.abort()
    control = null
    busy.value = false
  }

  return {
    step,
    target,
    name,
    choice,
    secret,
    content,
    plan,
    problem,
    busy,
    go,
    choose,
    inspect,
    makePlan,
    start,
    stop,
  }
}

export type Restore = ReturnType<typeof useRestore>
