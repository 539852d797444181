import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { app, dialog } from 'electron'
import { defaultDataDir } from '../core/cli/data-dir.ts'
import { loadSettings } from '../core/config/load-settings.ts'
import { createHost } from '../core/host.ts'
import { guardContents } from './guards.ts'
import { handOverConnection } from './ipc.ts'
import { openWindow } from './window.ts'

/** Flags as `glassbox serve` knows them (`--otlp-port 0` is otlpPort); what Chromium adds is passed over. */
function flags(args: string[]): Record<string, string> {
  const { values } = parseArgs({ args, strict: false, allowPositionals: true })
  const known = ['data-dir', 'api-port', 'otlp-port', 'otlp-grpc-port', 'log-level']
  const given = known.flatMap((name) => {
    const value = values[name] === true ? args[args.indexOf(`--${name}`) + 1] : values[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return Object.fromEntries(given.map(([name, value]) => [name.replace(/-./g, (pair) => pair[1].toUpperCase()), value]))
}

/** The shell: starts the core in this process, opens one window on it, and stops it before leaving. */
async function run(): Promise<void> {
  const { dataDir: named, ...rest } = flags(process.argv.slice(1))
  // The same place as the command's, so that `glassbox import` finds the desktop app.
  const dataDir = resolve(named ?? defaultDataDir())
  const { settings, sources } = loadSettings({ dataDir, flags: rest, environment: process.env })
  const rendererDir = fileURLToPath(new URL('../renderer', import.meta.url))
  const host = createHost({ dataDir, settings, sources, rendererDir })
  const { api, token } = await host.start()

  const preload = fileURLToPath(new URL('../preload/preload.cjs', import.meta.url))
  handOverConnection({ api, token })
  app.on('web-contents-created', (_event, contents) => guardContents(contents, api))
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
