import { createI18n, useI18n } from 'vue-i18n'
import { en, type Messages } from './en.ts'

const LANGUAGES = ['en', 'zh-CN'] as const
export type Language = (typeof LANGUAGES)[number]

export const i18n = createI18n<[Messages], Language, false>({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en } as Record<Language, Messages>,
})

/** What the browser asks for, among the languages we have. */
export function suggestedLanguage(): Language {
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith('zh')) ? 'zh-CN' : 'en'
}

/** Loads the language when needed and switches to it. */
export async function setLanguage(language: Language): Promise<void> {
  if (language === 'zh-CN' && !i18n.global.availableLocales.includes('zh-CN')) {
    const { zhCN } = await import('./zh-CN.ts')
    i18n.global.setLocaleMessage('zh-CN', zhCN)
  }
  i18n.global.locale.value = language
  document.documentElement.lang = language
}

/** Translation in components. Keys are checked against both languages by a test. */
export function useText(): {
  t: (key: string, named?: Record<string, unknown>) => string
  /** By number: forms are divided by `|`. */
  tn: (key: string, n: number, named?: Record<string, unknown>) => string
  /** Things one after the other, with what the language puts between them. */
  list: (items: readonly string[]) => string
  locale: Readonly<{ value: string }>
} {
  const { t, locale } = useI18n({ useScope: 'global' })
  return {
    t: (key, named) => t(key, named ?? {}),
    tn: (key, n, named) => t(key, named ?? {}, { plural: n }),
    list: (items) => items.join(t('shell.listSeparator')),
    locale,
  }
}
