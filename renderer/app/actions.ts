import { useRouter } from 'vue-router'
import { api, toProblem } from '../api/client.ts'
import { useText } from '../i18n/index.ts'
import { copyText } from '../ui/clipboard.ts'
import { usePreferences } from './stores/preferences.ts'
import { useRange } from './stores/range.ts'
import { showToast } from './toasts.ts'

/** What both the keys and the palette can do. */
export function useActions(): {
  copyLink: () => Promise<void>
  copyId: (id: string) => Promise<void>
  sendTestTrace: () => Promise<boolean>
  switchTheme: () => void
  switchLanguage: () => void
} {
  const { t } = useText()
  const router = useRouter()
  const range = useRange()
  const preferences = usePreferences()

  return {
    /** The link carries absolute times, so that it shows the same tomorrow. */
    async copyLink() {
      const { start, end } = range.bounds
      const query = { ...router.currentRoute.value.query, start: String(start), end: String(end) }
      delete (query as Record<string, unknown>)['range']
      delete (query as Record<string, unknown>)['live']
      const { href } = router.resolve({ path: router.currentRoute.value.path, query })
      if (await copyText(window.location.origin + href)) showToast(t('shell.linkCopied'))
    },
    async copyId(id) {
      if (await copyText(id)) showToast(`${t('shell.idCopied')}: ${id}`)
    },
    async sendTestTrace() {
      try {
        await api.sendTestTrace()
        showToast(t('shell.testSent'))
        return true
      } catch (error) {
        const problem = toProblem(error)
        showToast([problem.title, problem.detail, problem.hint].filter(Boolean).join(' · '), { kind: 'error' })
        return false
      }
    },
    switchTheme() {
      preferences.theme = preferences.shownTheme === 'dark' ? 'light' : 'dark'
    },
    switchLanguage() {
      preferences.language = preferences.language === 'en' ? 'zh-CN' : 'en'
    },
  }
}
