import { Menu, type MenuItemConstructorOptions, nativeImage, Tray } from 'electron'
import type { Health } from './health.ts'
import type { Texts } from './texts.ts'

export interface TrayActions {
  open(): void
  setPaused(paused: boolean): void
  quit(): void
}

/** The icon that stays while the window is closed: its colour is the host's health, its menu can pause recording. */
export function createTray(icons: Record<Health['level'], string>, texts: Texts, actions: TrayActions) {
  const tray = new Tray(nativeImage.createFromPath(icons.ok))
  tray.on('click', () => actions.open())
  let shown = ''
  return {
    show(health: Health, paused: boolean): void {
      const state = `${health.level} ${health.reason} ${paused}`
      if (state === shown) return
      shown = state
      tray.setImage(nativeImage.createFromPath(icons[health.level]))
      tray.setToolTip(`Glassbox: ${texts[health.reason]}`)
      tray.setContextMenu(Menu.buildFromTemplate(trayTemplate(health, paused, texts, actions)))
    },
    dispose: () => tray.destroy(),
  }
}

function trayTemplate(
  health: Health,
  paused: boolean,
  texts: Texts,
  actions: TrayActions,
): MenuItemConstructorOptions[] {
  return [
    { label: texts[health.reason], enabled: false },
    { type: 'separator' },
    { label: texts.open, click: () => actions.open() },
    { label: paused ? texts.resume : texts.pause, click: () => actions.setPaused(!paused) },
    { type: 'separator' },
    { label: texts.quit, click: () => actions.quit() },
  ]
}
