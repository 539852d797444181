import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { app } from 'electron'
import { defaultDataDir } from '../core/cli/data-dir.ts'
import { createDesktop, type Desktop } from './desktop.ts'
import { type Opening, openingsOf, parseLink } from './opening.ts'
import { startCore } from './start-core.ts'
import { textsFor } from './texts.ts'
import { sayFatal } from './trouble.ts'

/** Flags as `glassbox serve` knows them (`--otlp-port 0` is otlpPort); what Chromium adds is passed over. */
function flags(args: string[]): Record<string, string> {
  const { values } = parseArgs({ args, strict: false, allowPositionals: true })
  const known = ['data-dir', 'api-port', 'otlp-port', 'otlp-grpc-port', 'log-level']
  const given = known.flatMap((name) => {
    const value = values[name] === true ? args[args.lastIndexOf(`--${name}`) + 1] : values[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return Object.fromEntries(given.map(([name, value]) => [name.replace(/-./g, (pair) => pair[1].toUpperCase()), value]))
}

/** What the system asked to open before there was a window: macOS says it by events, the others on the command line. */
const early: Opening[] = openingsOf(process.argv.slice(1), process.cwd())
let desktop: Desktop | null = null
function open(openings: Opening[]): void {
  if (desktop) desktop.open(openings)
  else early.push(...openings)
}

/** The shell: starts the core in this process, puts the desktop around it, and stops it before leaving. */
async function run(): Promise<void> {
  const texts = textsFor(app.getLocale())
  const { dataDir: named, ...rest } = flags(process.argv.slice(1))
  // The same place as the command's, so that `glassbox import` finds the desktop app.
  const dataDir = resolve(named ?? defaultDataDir())
  process.on('uncaughtException', (error) => void sayFatal(error, texts.hasToStop, dataDir, texts))
  const rendererDir = fileURLToPath(new URL('../renderer', import.meta.url))
  const core = await startCore({ dataDir, rendererDir, flags: rest }, texts)
  if (!core) return app.exit(0)

  let stopping = false
  let stopped = false
  app.on('before-quit', (event) => {
    if (stopped) return
    // Asked again while the queue is still being written: that comes first.
    event.preventDefault()
    if (stopping) return
    stopping = true
    desktop?.dispose()
    core.host.stop().finally(() => {
      stopped = true
      app.quit()
    })
  })
  const preload = fileURLToPath(new URL('../preload/preload.cjs', import.meta.url))
  desktop = createDesktop(core, { dataDir, preload, hidden: process.argv.includes('--hidden') }, texts)
  app.on('activate', () => desktop?.open([]))
  if (early.length > 0) desktop.open(early)
}

if (!app.requestSingleInstanceLock()) app.quit()
else {
  app.setAppUserModelId('dev.glassbox.app')
  // From a checkout the link would start Electron without us.
  if (app.isPackaged) app.setAsDefaultProtocolClient('glassbox')
  app.on('second-instance', (_event, args, directory) => open(openingsOf(args.slice(1), directory)))
  app.on('open-url', (event, url) => {
    event.preventDefault()
    const opening = parseLink(url)
    open(opening ? [opening] : [])
  })
  app.on('open-file', (event, file) => {
    event.preventDefault()
    open([{ kind: 'file', file }])
  })
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit()
  })
  app
    .whenReady()
    .then(run)
    .catch((error: Error) => {
      const texts = textsFor(app.getLocale())
      return sayFatal(error, texts.cannotStart, null, texts)
    })
}
