import { type Ref, shallowRef, watch } from 'vue'
import type { SettingInfo } from '../../../core/api/contract/shapes.ts'
import { useText } from '../../i18n/index.ts'

/** The help of a setting in the page's language; the core speaks English. */
export function useSettingHelp(): { helpOf: (info: SettingInfo) => string } {
  const { locale } = useText()
  const translated: Ref<Record<string, string>> = shallowRef({})
  watch(
    () => locale.value,
    async (language) => {
      translated.value = language === 'zh-CN' ? (await import('../../i18n/zh-CN/setting-help.ts')).settingHelp : {}
    },
    { immediate: true },
  )
  return { helpOf: ({ key, help }) => translated.value[key] ?? help }
}
