import { app, type BrowserWindow, clipboard, dialog } from 'electron'
import type { Texts } from './texts.ts'

/** Says why the program cannot go on, lets the details be copied, and leaves with 1. */
export async function sayFatal(error: Error & { hint?: string }, texts: Texts): Promise<void> {
  const detail = [error.message, error.hint ?? ''].filter(Boolean).join('\n\n')
  process.stderr.write(`${error.stack ?? error.message}\n`)
  if (!app.isReady()) dialog.showErrorBox(texts.cannotStart, detail)
  else if (await asksForDetails(texts.cannotStart, detail, texts)) clipboard.writeText(report(error))
  app.exit(1)
}

async function asksForDetails(message: string, detail: string, texts: Texts): Promise<boolean> {
  const { response } = await dialog.showMessageBox({
    type: 'error',
    title: 'Glassbox',
    message,
    detail,
    buttons: [texts.copyDetails, texts.close],
    defaultId: 1,
    cancelId: 1,
    noLink: true,
  })
  return response === 0
}

function report(error: Error): string {
  const { electron, chrome, node } = process.versions
  return [`Glassbox ${app.getVersion()}`, `Electron ${electron}, Chrome ${chrome}, Node ${node}`, error.stack ?? '']
    .join('\n')
    .trim()
}

/** When the page's process dies the core goes on: the person is told and may open the page again. */
export function watchPage(window: BrowserWindow, texts: Texts): void {
  window.webContents.on('render-process-gone', async (_event, { reason, exitCode }) => {
    if (reason === 'clean-exit' || window.isDestroyed()) return
    const { response } = await dialog.showMessageBox(window, {
      type: 'error',
      title: 'Glassbox',
      message: texts.pageDied,
      detail: `${texts.pageDiedDetail}\n\n${reason} (${exitCode})`,
      buttons: [texts.reload, texts.close],
      defaultId: 0,
      cancelId: 1,
      noLink: true,
    })
    if (window.isDestroyed()) return
    if (response === 0) window.webContents.reload()
    else window.destroy()
  })
}
