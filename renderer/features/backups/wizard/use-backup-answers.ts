import { useSessionStorage } from '@vueuse/core'
import { computed, ref } from 'vue'
import { cronAt } from '../derive/cron-words.ts'
import type { ScheduleEntry } from '../use-backup-settings.ts'

export const BACKUP_STEPS = ['what', 'where', 'when', 'protect', 'run'] as const
export type BackupStep = (typeof BACKUP_STEPS)[number]

export const PART_NAMES = ['traces', 'logs', 'metrics', 'settings'] as const
export type PartName = (typeof PART_NAMES)[number]

export interface BackupAnswers {
  /** `part` holds what is chosen below. */
  kind: 'full' | 'incremental' | 'config' | 'part'
  parts: Record<PartName, boolean>
  /** Of a part: telemetry of all times, of the last day or week, or between two times as they were typed. */
  range: 'all' | 'day' | 'week' | 'own'
  from: string
  to: string
  target: string
  /** `keep` leaves the schedules as they are. */
  when: 'daily' | 'weekly' | 'never' | 'keep'
  time: string
  zone: string
  keep: Record<'full' | 'incremental' | 'config', number>
  /** `keep` leaves what is set. */
  protect: 'none' | 'password' | 'keyFile' | 'keep'
}

/** Survives a reload, but for the password and the key, which lie nowhere but in this page. */
const answers = useSessionStorage<BackupAnswers | null>('glassbox.backup', null)
const password = ref('')
const keyFile = ref('')
/** Whether somebody showed that the password or the key file was kept. */
const proven = ref(false)

/** The schedules after the answers: those of the wizard by their ids, others as they are. */
export function schedulesOf(
  before: readonly ScheduleEntry[],
  { when, time, zone, target }: BackupAnswers,
): ScheduleEntry[] {
  if (when === 'keep' || when === 'never') return [...before]
  const own: ScheduleEntry[] = [
    { id: 'full', kind: 'full', cron: cronAt(time, '0'), zone, targets: [target], enabled: true },
    {
      id: 'incremental',
      kind: 'incremental',
      cron: cronAt(time, '1-6'),
      zone,
      targets: [target],
      enabled: when === 'daily',
    },
    { id: 'config', kind: 'config', cron: '0 */4 * * *', zone, targets: [target], enabled: true },
  ]
  return [...own, ...before.filter(({ id }) => !own.some((one) => one.id === id))]
}

/** The answers of the backup wizard, one set for the page. */
export function useBackupAnswers(start: () => BackupAnswers) {
  answers.value ??= start()
  const given = computed<BackupAnswers>({
    // Answers of an older page lack what is new.
    get: () => ({ ...start(), ...answers.value }),
    set: (now) => {
      answers.value = now
    },
  })
  function forget(): void {
    answers.value = null
    password.value = ''
    keyFile.value = ''
    proven.value = false
  }
  return { answers: given, password, keyFile, proven, forget }
}
