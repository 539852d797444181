import { type IpcMainEvent, type IpcMainInvokeEvent, ipcMain } from 'electron'
import type { DesktopFacts } from '../core/api/contract/desktop.ts'

/** Where the page finds the core: its loopback address and this launch's token. */
export interface Connection {
  api: string
  token: string
}

/**
 * Every channel from the page to the shell. None takes an argument, and only the main frame of our own page gets an
 * answer: Electron's security list, point 17.
 */
export function answerPage(
  connection: Connection,
  handlers: { facts(): DesktopFacts; listening(): void },
): { dispose(): void } {
  const own = new URL(connection.api).origin
  const trusted = (event: IpcMainEvent | IpcMainInvokeEvent, args: unknown[]): boolean => {
    const frame = event.senderFrame
    return args.length === 0 && frame !== null && frame.parent === null && URL.parse(frame.url)?.origin === own
  }
  ipcMain.on('glassbox:connection', (event, ...args) => {
    event.returnValue = trusted(event, args) ? connection : null
  })
  ipcMain.on('glassbox:listening', (event, ...args) => {
    if (trusted(event, args)) handlers.listening()
  })
  ipcMain.handle('glassbox:facts', (event, ...args) => (trusted(event, args) ? handlers.facts() : null))
  return {
    dispose() {
      ipcMain.removeAllListeners('glassbox:connection')
      ipcMain.removeAllListeners('glassbox:listening')
      ipcMain.removeHandler('glassbox:facts')
    },
  }
}
