import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { app, dialog } from 'electron'
import { loadSettings } from '../core/config/load-settings.ts'
import { createHost } from '../core/host.ts'
import { handOverConnection } from './ipc.ts'
import { openWindow } from './window.ts'

/** The shell: starts the core in this process, opens one window on it, and stops it before leaving. */
async function run(): Promise<void> {
  const dataDir = join(app.getPath('userData'), 'data')
  const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: process.env })
  const rendererDir = fileURLToPath(new URL('../renderer', import.meta.url))
  const host = createHost({ dataDir, settings, sources, rendererDir })
  const { api, token } = await host.start()

  const preload = fileURLToPath(new URL('../preload/preload.cjs', import.meta.url))
  handOverConnection({ api, token })
  let window = openWindow(api, preload)
  app.on('second-instance', () => {
    if (window.isDestroyed()) window = openWindow(api, preload)
    if (window.isMinimized()) window.restore()
    window.focus()
  })
  app.on('activate', () => {
    if (window.isDestroyed()) window = openWindow(api, preload)
  })

  let stopping = false
  app.on('before-quit', (event) => {
    if (stopping) return
    stopping = true
    event.preventDefault()
    host.stop().finally(() => app.quit())
  })
}

if (!app.requestSingleInstanceLock()) app.quit()
else {
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit()
  })
  app
    .whenReady()
    .then(run)
    .catch((error: Error & { hint?: string }) => {
      dialog.showErrorBox('Glassbox cannot start', [error.message, error.hint ?? ''].join('\n'))
      app.exit(1)
    })
}
