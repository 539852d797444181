import { join } from 'node:path'
import { app, type BrowserWindow, dialog, Menu, Notification, shell } from 'electron'
import type { DesktopCommand } from '../core/api/contract/desktop.ts'
import type { LiveMessage } from '../core/api/contract/shapes.ts'
import type { Job } from '../core/model/job.ts'
import { guardContents } from './guards.ts'
import { droppedOf, type Health, healthOf } from './health.ts'
import appIcon from './icons/app.png?asset'
import trayError from './icons/tray-error.png?asset'
import trayOk from './icons/tray-ok.png?asset'
import trayPaused from './icons/tray-paused.png?asset'
import trayWarn from './icons/tray-warn.png?asset'
import { importFile } from './import-file.ts'
import { answerPage } from './ipc.ts'
import { menuTemplate } from './menu.ts'
import { type Notice, noticeOfHealth, noticeOfJob } from './notices.ts'
import { setOpenAtLogin } from './open-at-login.ts'
import type { Opening } from './opening.ts'
import type { Core } from './start-core.ts'
import type { Texts } from './texts.ts'
import { createTray } from './tray.ts'
import { watchPage } from './trouble.ts'
import { watchUpdates } from './updates.ts'
import { watchHost } from './watch-host.ts'
import { openWindow } from './window.ts'

export interface Desktop {
  open(openings: Opening[]): void
  /** Lets go of everything but the core. */
  dispose(): void
}

/** Everything around a running core: window, menu, tray, notifications, files and links. */
export function createDesktop(
  core: Core,
  place: { dataDir: string; preload: string; hidden: boolean },
  texts: Texts,
): Desktop {
  const { connection } = core
  const settings = core.host.settings()
  const warn = (sentence: string): void => void process.stderr.write(`${sentence}\n`)
  let window: BrowserWindow | null = null
  let listening = false
  let drawn = false
  let quitting = false
  const waiting: DesktopCommand[] = []

  app.on('web-contents-created', (_event, contents) => guardContents(contents, connection.api))
  app.on('before-quit', () => {
    quitting = true
  })
  const ipc = answerPage(connection, {
    facts: () => ({
      platform: process.platform,
      versions: {
        glassbox: app.getVersion(),
        electron: process.versions.electron ?? '',
        chrome: process.versions.chrome ?? '',
      },
      secrets: core.secrets,
    }),
    listening() {
      listening = true
      for (const command of waiting.splice(0)) window?.webContents.send('glassbox:command', command)
    },
  })

  function show(): BrowserWindow {
    if (window && !window.isDestroyed()) {
      // Its page is on its way: it shows itself once there is something to see.
      if (!drawn) return window
      if (window.isMinimized()) window.restore()
      window.show()
      window.focus()
      return window
    }
    listening = false
    drawn = false
    const opened = openWindow({
      url: connection.api,
      preload: place.preload,
      icon: appIcon,
      stateFile: join(place.dataDir, 'window.json'),
      onProblem: warn,
    })
    window = opened
    opened.once('ready-to-show', () => {
      drawn = true
    })
    watchPage(opened, place.dataDir, texts)
    opened.webContents.on('did-start-loading', () => {
      listening = false
    })
    opened.on('close', (event) => {
      if (quitting || !settings.now().desktop.keepInTray) return
      event.preventDefault()
      opened.hide()
    })
    opened.on('closed', () => {
      window = null
    })
    return opened
  }

  /** To the page; kept until one listens. */
  function send(command: DesktopCommand): void {
    const target = show()
    if (listening) target.webContents.send('glassbox:command', command)
    else waiting.push(command)
  }

  async function takeIn(file: string): Promise<void> {
    send(await importFile(connection, file))
  }

  async function chooseFile(): Promise<void> {
    const { filePaths } = await dialog.showOpenDialog(show(), {
      title: texts.importing,
      properties: ['openFile', 'multiSelections'],
      filters: [
        {
          name: texts.telemetryFiles,
          extensions: ['json', 'jsonl', 'pb', 'gz', 'zst', 'zip', 'txt', 'prom', 'glassbox'],
        },
        { name: texts.allFiles, extensions: ['*'] },
      ],
    })
    for (const file of filePaths) await takeIn(file)
  }

  Menu.setApplicationMenu(
    Menu.buildFromTemplate(
      menuTemplate(process.platform, texts, {
        send,
        importFile: () => void chooseFile(),
        openFolder: (which) => void shell.openPath(which === 'logs' ? join(place.dataDir, 'logs') : place.dataDir),
      }),
    ),
  )

  const setPaused = (paused: boolean): void => {
    settings.patch({ 'pipeline.paused': paused }).catch((error: Error) => {
      send({ type: 'failed', what: paused ? texts.pause : texts.resume, detail: error.message })
    })
  }
  const tray = createTray({ ok: trayOk, warn: trayWarn, error: trayError, paused: trayPaused }, texts, {
    open: show,
    setPaused,
    quit: () => app.quit(),
  })

  function notify(notice: Notice | null): void {
    if (!notice || !settings.now().desktop.notifications || !Notification.isSupported()) return
    if (window && !window.isDestroyed() && window.isFocused()) return
    const notification = new Notification({ title: notice.title, body: notice.body, icon: appIcon })
    notification.on('click', () => send({ type: 'navigate', path: notice.path }))
    notification.show()
  }

  let health: Health | null = null
  let dropped: number | null = null
  const jobs = new Map<string, Job['state']>()
  const watching = watchHost(connection, (message: LiveMessage) => {
    if (message.type === 'status') {
      const paused = settings.now().pipeline.paused
      const now = healthOf(message.data, paused, dropped)
      notify(noticeOfHealth(health, now, texts))
      tray.show(now, paused)
      health = now
      dropped = droppedOf(message.data)
    } else if (message.type === 'jobs') {
      for (const job of message.data.items) {
        notify(noticeOfJob(jobs.get(job.id), job, texts))
        jobs.set(job.id, job.state)
      }
    }
  })

  const updates = watchUpdates(() => settings.now().desktop, {
    found: (version, ready) =>
      notify({
        title: `${ready ? texts.updateReady : texts.updateFound}: ${version}`,
        body: ready ? texts.updateReadyDetail : '',
        path: '/settings/about',
      }),
    failed: warn,
  })

  let desktop = settings.now().desktop
  const unsubscribe = settings.subscribe((changed) => {
    const before = desktop
    desktop = changed.desktop
    if (before.updates !== desktop.updates || before.updateUrl !== desktop.updateUrl) void updates.check()
    if (before.openAtLogin !== desktop.openAtLogin) applyOpenAtLogin(desktop.openAtLogin)
  })
  function applyOpenAtLogin(open: boolean): void {
    try {
      setOpenAtLogin(open)
    } catch (error) {
      send({ type: 'failed', what: 'desktop.openAtLogin', detail: (error as Error).message })
    }
  }

  if (!place.hidden) show()

  return {
    open(openings) {
      show()
      for (const opening of openings) {
        if (opening.kind === 'page') send({ type: 'navigate', path: opening.path })
        else void takeIn(opening.file)
      }
    },
    dispose() {
      unsubscribe()
      updates.dispose()
      watching.dispose()
      tray.dispose()
      ipc.dispose()
    },
  }
}
