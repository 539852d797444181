import { app } from 'electron'
import type { AppUpdater } from 'electron-updater'
import type { Settings } from '../core/config/settings.ts'

const everyMs = 6 * 3600 * 1000

export interface UpdateEvents {
  /** `ready` = it is there and is installed on quitting; else it was only found. */
  found(version: string, ready: boolean): void
  failed(sentence: string): void
}

/** Looks for new versions where `desktop.updateUrl` says, at start and every 6 hours; nothing unless that is set. */
export function watchUpdates(
  desktop: () => Settings['desktop'],
  events: UpdateEvents,
): { check(): Promise<void>; dispose(): void } {
  let updater: AppUpdater | null = null
  const timer = setInterval(() => void check(), everyMs)

  async function check(): Promise<void> {
    const { updates, updateUrl } = desktop()
    if (updates === 'off' || updateUrl === '' || !app.isPackaged) return
    try {
      updater ??= await load(events)
      updater.autoDownload = updates === 'install'
      updater.autoInstallOnAppQuit = updates === 'install'
      updater.setFeedURL({ provider: 'generic', url: updateUrl })
      await updater.checkForUpdates()
    } catch (error) {
      events.failed(`no update was found: ${(error as Error).message}`)
    }
  }

  void check()
  return {
    check,
    dispose() {
      clearInterval(timer)
      updater?.removeAllListeners()
    },
  }
}

/** The updater looks at its surroundings as soon as it is loaded, so it is only when someone wants updates. */
async function load(events: UpdateEvents): Promise<AppUpdater> {
  const { default: electronUpdater } = await import('electron-updater')
  const { autoUpdater } = electronUpdater
  autoUpdater.logger = null
  // Without a listener an error of the download would end the program.
  autoUpdater.on('error', (error) => events.failed(`no update: ${error.message}`))
  autoUpdater.on('update-available', ({ version }) => {
    if (!autoUpdater.autoDownload) events.found(version, false)
  })
  autoUpdater.on('update-downloaded', ({ version }) => events.found(version, true))
  return autoUpdater
}
