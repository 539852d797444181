import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { app, type BrowserWindow, clipboard, dialog } from 'electron'
import type { Texts } from './texts.ts'

/** So much of the own log goes with what is copied. */
const LOG_BYTES = 32 * 1024
/** Chromium's code for a page that was left while it was being loaded. */
const ABORTED = -3

/**
 * Says why the program cannot go on, lets that and the end of its log be copied, and leaves with 1.
 * @param dataDir whose log it is; null while it is not known
 */
export async function sayFatal(
  error: Error & { hint?: string },
  message: string,
  dataDir: string | null,
  texts: Texts,
): Promise<void> {
  const detail = [error.message, error.hint ?? ''].filter(Boolean).join('\n\n')
  process.stderr.write(`${error.stack ?? error.message}\n`)
  if (!app.isReady()) dialog.showErrorBox(message, detail)
  else {
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
    if (response === 0) clipboard.writeText(await report(error.stack ?? error.message, dataDir))
  }
  app.exit(1)
}

/** When the page's process dies or the page does not come the core goes on: the person is told and may open it again. */
export function watchPage(window: BrowserWindow, dataDir: string, texts: Texts): void {
  async function ask(message: string, why: string): Promise<void> {
    if (window.isDestroyed()) return
    const { response } = await dialog.showMessageBox(window, {
      type: 'error',
      title: 'Glassbox',
      message,
      detail: `${texts.pageDiedDetail}\n\n${why}`,
      buttons: [texts.reload, texts.copyDetails, texts.close],
      defaultId: 0,
      cancelId: 2,
      noLink: true,
    })
    if (window.isDestroyed()) return
    if (response === 0) window.webContents.reload()
    else if (response === 2) window.destroy()
    else {
      clipboard.writeText(await report(`${message}: ${why}`, dataDir))
      await ask(message, why)
    }
  }
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    if (reason !== 'clean-exit') void ask(texts.pageDied, `${reason} (${exitCode})`)
  })
  window.webContents.on('did-fail-load', (_event, code, description, _url, isMainFrame) => {
    if (isMainFrame && code !== ABORTED) void ask(texts.pageMissing, `${description} (${code})`)
  })
}

/** What a person sends along when they ask for help. */
async function report(what: string, dataDir: string | null): Promise<string> {
  const { electron, chrome, node } = process.versions
  return [
    `Glassbox ${app.getVersion()} on ${process.platform} ${process.arch}`,
    `Electron ${electron}, Chrome ${chrome}, Node ${node}`,
    '',
    what,
    '',
    dataDir === null ? '' : await endOfLog(join(dataDir, 'logs', 'glassbox.log')),
  ]
    .join('\n')
    .trim()
}

/** The newest lines; secrets were masked when they were written. */
async function endOfLog(file: string): Promise<string> {
  try {
    const log = await open(file)
    try {
      const { size } = await log.stat()
      const start = Math.max(0, size - LOG_BYTES)
      const { buffer, bytesRead } = await log.read(Buffer.alloc(size - start), 0, size - start, start)
      const text = buffer.subarray(0, bytesRead).toString('utf8')
      return start === 0 ? text : text.slice(text.indexOf('\n') + 1)
    } finally {
      await log.close()
    }
  } catch (error) {
    return `no log: ${(error as Error).message}`
  }
}
