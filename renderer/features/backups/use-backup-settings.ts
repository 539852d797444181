import { computed, ref } from 'vue'
import type { SettingsAnswer } from '../../../core/api/contract/shapes.ts'
import { api, toProblem } from '../../api/client.ts'
import { problemText } from '../../app/problem-text.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'

export interface ScheduleEntry {
  id: string
  kind: 'full' | 'incremental' | 'config'
  cron: string
  /** IANA name; empty = that of the machine that Glassbox runs on. */
  zone: string
  targets: string[]
  enabled: boolean
}

export interface TargetEntry {
  name: string
  /** Without its password, which is saved. */
  address: string
  privateKey: string
}

export interface VerifyEntry {
  enabled: boolean
  cron: string
  zone: string
}

/** The settings of backups as this screen reads and changes them: at once, with a toast that takes it back. */
export function useBackupSettings(settings: () => SettingsAnswer, changed: () => void) {
  const { t } = useText()
  const refused = ref('')
  const value = (key: string): unknown => settings()[`backup.${key}`]?.value

  async function change(changes: Record<string, unknown>, text: string, undoing = false): Promise<boolean> {
    const keys = Object.keys(changes)
    const before = Object.fromEntries(keys.map((key) => [key, settings()[key]?.value]))
    try {
      await api.changeSettings(changes)
      refused.value = ''
      changed()
      // A secret is shown as ***, so what was there before it cannot be put back.
      const known = !JSON.stringify(before).includes('***')
      const action =
        undoing || !known ? null : { label: t('shell.undo'), run: () => void change(before, t('backups.undone'), true) }
      showToast(text, { action })
      return true
    } catch (error) {
      refused.value = problemText(toProblem(error))
      return false
    }
  }

  return {
    change,
    refused,
    enabled: computed(() => value('enabled') === true),
    schedules: computed(() => (value('schedules') ?? []) as ScheduleEntry[]),
    targets: computed(() => (value('targets') ?? []) as TargetEntry[]),
    verify: computed<VerifyEntry>(() => ({
      enabled: value('verify.enabled') === true,
      cron: String(value('verify.cron') ?? ''),
      zone: String(value('verify.zone') ?? ''),
    })),
    keep: computed(() => ({
      full: Number(value('keep.full')),
      incremental: Number(value('keep.incremental')),
      config: Number(value('keep.config')),
    })),
    encrypted: computed(() => value('password') !== '' || value('keyFile') !== ''),
  }
}
