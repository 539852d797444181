import type { MenuItemConstructorOptions } from 'electron'
import type { DesktopCommand } from '../core/api/contract/desktop.ts'
import type { Texts } from './texts.ts'

export interface MenuActions {
  /** To the page, which is opened when its window was closed. */
  send(command: DesktopCommand): void
  importFile(): void
  openFolder(which: 'logs' | 'data'): void
}

/** The application's menu as each platform expects it: its own menu on macOS, Settings and Quit under File elsewhere. */
export function menuTemplate(platform: string, texts: Texts, actions: MenuActions): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin'
  const screen = (label: string, path: string, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    ...(accelerator ? { accelerator } : {}),
    click: () => actions.send({ type: 'navigate', path }),
  })
  const settings = screen(texts.settings, '/settings/general', 'CmdOrCtrl+,')
  const separator: MenuItemConstructorOptions = { type: 'separator' }
  const application: MenuItemConstructorOptions = {
    role: 'appMenu',
    submenu: [
      { role: 'about' },
      separator,
      settings,
      separator,
      { role: 'services' },
      separator,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      separator,
      { role: 'quit' },
    ],
  }
  return [
    ...(mac ? [application] : []),
    {
      label: texts.file,
      submenu: [
        { label: texts.importFile, accelerator: 'CmdOrCtrl+O', click: () => actions.importFile() },
        ...(mac
          ? [{ role: 'close' as const }]
          : [settings, separator, { role: 'quit' as const, label: texts.quit, accelerator: 'CmdOrCtrl+Q' }]),
      ],
    },
    { role: 'editMenu', label: texts.edit },
    {
      label: texts.view,
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        separator,
        { role: 'togglefullscreen' },
        separator,
        { role: 'reload' },
        { role: 'toggleDevTools' },
      ],
    },
    {
      label: texts.go,
      submenu: [
        { label: texts.palette, accelerator: 'CmdOrCtrl+K', click: () => actions.send({ type: 'palette' }) },
        separator,
        screen(texts.system, '/system', 'CmdOrCtrl+1'),
        screen(texts.traces, '/traces', 'CmdOrCtrl+2'),
        screen(texts.logs, '/logs', 'CmdOrCtrl+3'),
        screen(texts.metrics, '/metrics', 'CmdOrCtrl+4'),
        screen(texts.map, '/map', 'CmdOrCtrl+5'),
      ],
    },
    { role: 'windowMenu', label: texts.window },
    {
      role: 'help',
      label: texts.help,
      submenu: [
        screen(texts.connect, '/connect'),
        separator,
        { label: texts.logFolder, click: () => actions.openFolder('logs') },
        { label: texts.dataFolder, click: () => actions.openFolder('data') },
      ],
    },
  ]
}
