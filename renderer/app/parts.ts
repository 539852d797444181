import { requestEnded, requestStarted } from '../api/idle.ts'
import { i18n } from '../i18n/index.ts'
import { showToast } from './toasts.ts'

const RELOADED_AT = 'glassbox.reloadedAt '
const AGAIN_MS = 10_000

/**
 * A part of the page that is loaded when it is first asked for; the page does not count as idle meanwhile.
 * @param address where the page is or goes, should all of it have to be loaded anew
 */
export function loadPart<T>(load: () => Promise<T>, address = (): string => location.href): () => Promise<T> {
  return async () => {
    requestStarted()
    try {
      return await load()
    } catch (error) {
      await reloadOnce(address())
      throw error
    } finally {
      requestEnded()
    }
  }
}

/**
 * A part that cannot be loaded was mostly replaced: Glassbox was updated while its page was open. The page as a whole is
 * loaded anew at `href`, once in a while at most for each; when nobody answers, that is said and the page stays.
 */
async function reloadOnce(href: string): Promise<void> {
  const answers = await fetch('/healthz').then(
    ({ ok }) => ok,
    () => false,
  )
  if (!answers) return showToast(i18n.global.t('shell.partNotLoaded'), { kind: 'error' })
  if (Date.now() - Number(sessionStorage.getItem(RELOADED_AT + href)) < AGAIN_MS) return
  sessionStorage.setItem(RELOADED_AT + href, String(Date.now()))
  location.assign(href)
  // What is asked for comes with the new page: until then there is nothing to show.
  await new Promise(() => undefined)
}
