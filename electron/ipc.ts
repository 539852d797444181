import { ipcMain } from 'electron'

/** Where the page finds the core: its loopback address and this launch's token. */
export interface Connection {
  api: string
  token: string
}

/** The one channel between page and shell. Answers only the main frame of our own page. */
export function handOverConnection(connection: Connection): void {
  const own = new URL(connection.api).origin
  ipcMain.removeAllListeners('glassbox:connection')
  ipcMain.on('glassbox:connection', (event) => {
    const frame = event.senderFrame
    const trusted = frame !== null && frame.parent === null && URL.parse(frame.url)?.origin === own
    event.returnValue = trusted ? connection : null
  })
}
