import { computed, ref, shallowRef } from 'vue'
import type { Problem, SettingInfo, SettingsAnswer } from '../../../core/api/contract/shapes.ts'
import { api, toProblem } from '../../api/client.ts'
import { problemText } from '../../app/problem-text.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'
import { isChanged, isLocked } from './derive/setting-field.ts'

/** All settings with what is known of each. Changes apply at once; a toast takes them back. */
export function useSettings() {
  const { t, tn } = useText()
  const settings = shallowRef<SettingsAnswer | null>(null)
  const infos = shallowRef<SettingInfo[]>([])
  const problem = shallowRef<Problem | null>(null)
  /** What the core refused, by key. */
  const refused = ref<Record<string, string>>({})

  /** Keys that "reset all" resets: passwords stay, as they could not come back. */
  const resettable = computed(() =>
    infos.value
      .filter(({ key, secret, managed }) => {
        const setting = settings.value?.[key]
        return setting && !secret && !managed && isChanged(setting) && !isLocked(setting)
      })
      .map(({ key }) => key),
  )

  async function load(): Promise<void> {
    try {
      const [all, known] = await Promise.all([
        api.settings(),
        infos.value.length > 0 ? infos.value : api.settingCatalogue(),
      ])
      settings.value = all
      infos.value = known
      problem.value = null
    } catch (error) {
      problem.value = toProblem(error)
    }
  }

  /** Saves; what the core refuses stays in its field with the reason. */
  async function save(
    changes: Record<string, unknown>,
    told: string,
    undo: Record<string, unknown> | null,
  ): Promise<void> {
    const keys = Object.keys(changes)
    try {
      settings.value = await api.changeSettings(changes)
      const action = undo === null ? null : { label: t('shell.undo'), run: () => void save(undo, undone(keys), null) }
      for (const key of keys) delete refused.value[key]
      showToast(told, { action })
    } catch (error) {
      const found = toProblem(error)
      const text = problemText(found)
      if (keys.length === 1) refused.value = { ...refused.value, [keys[0]]: text }
      else showToast(text, { kind: 'error' })
    }
  }

  const undone = (keys: string[]): string =>
    keys.length === 1
      ? t('settings.undone', { key: keys[0] })
      : tn('settings.undoneMany', keys.length, { n: keys.length })

  /** What brings back the present values; null in place of those that are the default. */
  function before(keys: string[]): Record<string, unknown> {
    return Object.fromEntries(
      keys.map((key) => {
        const setting = settings.value?.[key]
        return [key, setting?.source === 'saved' ? setting.value : null]
      }),
    )
  }

  const change = (key: string, value: unknown): Promise<void> =>
    save({ [key]: value }, t('settings.changed', { key }), before([key]))

  function reset(keys: string[]): Promise<void> {
    const told =
      keys.length === 1
        ? t('settings.wasReset', { key: keys[0] })
        : tn('settings.wereReset', keys.length, { n: keys.length })
    const secret = keys.some((key) => infos.value.find((info) => info.key === key)?.secret)
    return save(Object.fromEntries(keys.map((key) => [key, null])), told, secret ? null : before(keys))
  }

  return { settings, infos, problem, refused, resettable, load, change, reset }
}
