import type { BackupItem } from '../../../core/api/contract/shapes.ts'
import { usePreferences } from '../../app/stores/preferences.ts'
import { useText } from '../../i18n/index.ts'
import { count, duration } from '../../ui/format.ts'
import { day, listTime, timeOfDayShort } from '../../ui/format-time.ts'
import { cronWords, weekdayText } from './derive/cron-words.ts'

/** How backups are put into words, the same wherever one is shown. */
export function useBackupWords() {
  const { t, tn, list, locale } = useText()
  const preferences = usePreferences()

  /** Days are those of a calendar: tomorrow is tomorrow also five minutes before midnight. */
  function dayWord(us: number): string {
    const shown = day(us, preferences.zone, locale.value)
    const now = Date.now() * 1000
    for (const [word, at] of [
      ['today', now],
      ['tomorrow', now + 86_400e6],
      ['yesterday', now - 86_400e6],
    ] as const)
      if (shown === day(at, preferences.zone, locale.value)) return t(`backups.${word}`)
    return shown
  }

  return {
    kind: (kind: string): string => t(`backups.kind_${kind}`),
    place: (name: string): string => (name === 'local' ? t('backups.local') : name),
    /** `02:00:14` today, else with its day. */
    time: (us: number): string => listTime(us, preferences.zone, locale.value, Date.now() * 1000).slice(0, -4),
    dayWord,
    clock: (us: number): string => timeOfDayShort(us, preferences.zone),
    ago(us: number): string {
      const passed = Math.max(0, Date.now() * 1000 - us)
      return passed < 60e6 ? t('backups.justNow') : t('backups.ago', { time: duration(passed) })
    },
    /** What a backup holds, as far as it was ever looked into. */
    holds({ kind, content }: BackupItem): string {
      if (kind === 'config') return t('backups.holdsConfig')
      if (!content) return t('backups.holdsUnknown')
      const rows = (signal: string): number =>
        content.days.filter((one) => one.signal === signal).reduce((sum, one) => sum + one.rows, 0)
      const parts = (['traces', 'logs', 'metrics'] as const)
        .filter((signal) => rows(signal) > 0)
        .map((signal) => tn(`backups.rows_${signal}`, rows(signal), { n: count(rows(signal)) }))
      if (kind === 'part') return list(parts) || t('backups.holdsConfig')
      return list([t('backups.settingsAnd'), ...parts])
    },
    /** A schedule in words; its five fields where words would be longer than they are. */
    schedule({ cron, zone }: { cron: string; zone: string }): string {
      const words = cronWords(cron)
      const named: Record<string, unknown> = { ...words }
      if (words?.key === 'weekly') named['days'] = weekdayText(words.days, locale.value)
      if (words?.key === 'hourly') named['minute'] = String(words.minute).padStart(2, '0')
      const every = words?.key === 'hourly' || words?.key === 'minutes' ? words.every : 1
      const text = words
        ? tn(`backups.cron_${words.key}`, every, { ...named, n: every })
        : t('backups.cron_other', { cron })
      return zone === '' ? text : `${text} (${zone})`
    },
  }
}
