import { useLocalStorage, usePreferredDark } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, watchEffect } from 'vue'
import { type Language, setLanguage, suggestedLanguage } from '../../i18n/index.ts'
import { localZone } from '../../ui/format-time.ts'

export type Theme = 'system' | 'light' | 'dark'
export type Density = 'dense' | 'default' | 'comfortable'

const ROW_HEIGHT: Record<Density, number> = { dense: 24, default: 28, comfortable: 32 }

/** How this person likes the page: kept in this browser, applied to the document at once. */
export const usePreferences = defineStore('preferences', () => {
  const theme = useLocalStorage<Theme>('glassbox.theme', 'system')
  const language = useLocalStorage<Language>('glassbox.language', suggestedLanguage())
  const density = useLocalStorage<Density>('glassbox.density', 'default')
  const zoneChoice = useLocalStorage<string>('glassbox.zone', 'local')
  const singleKeys = useLocalStorage('glassbox.singleKeys', true)
  /** Keys given to others: by the key that we chose, the person's own, or empty when it is off. */
  const keys = useLocalStorage<Record<string, string>>('glassbox.keys', {})
  const systemDark = usePreferredDark()

  const shownTheme = computed<'light' | 'dark'>(() => {
    if (theme.value !== 'system') return theme.value
    return systemDark.value ? 'dark' : 'light'
  })
  const zone = computed(() => (isZone(zoneChoice.value) ? zoneChoice.value : localZone()))
  const rowHeight = computed(() => ROW_HEIGHT[density.value])

  watchEffect(() => {
    document.documentElement.dataset.theme = shownTheme.value
  })
  watchEffect(() => {
    void setLanguage(language.value)
  })

  return { theme, language, density, zoneChoice, singleKeys, keys, shownTheme, zone, rowHeight }
})

function isZone(name: string): boolean {
  if (name === 'local') return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
