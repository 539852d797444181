import { BrowserWindow, type Session, shell } from 'electron'

/** Opens the one window on the core's own page. Nothing else may load in it, and nothing may be granted to it. */
export function openWindow(api: string, preload: string): BrowserWindow {
  const window = new BrowserWindow({
    width: 1440,
    height: 900,
    minWidth: 900,
    minHeight: 600,
    show: false,
    backgroundColor: '#161a21',
    title: 'Glassbox',
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      webSecurity: true,
    },
  })
  denyPermissions(window.webContents.session)
  const own = new URL(api).origin
  const stay = (event: { preventDefault(): void }, url: string): void => {
    if (URL.parse(url)?.origin !== own) event.preventDefault()
  }
  window.webContents.on('will-navigate', (event) => stay(event, event.url))
  window.webContents.on('will-redirect', (event) => stay(event, event.url))
  window.webContents.on('will-attach-webview', (event) => event.preventDefault())
  window.webContents.setWindowOpenHandler(({ url }) => {
    const target = URL.parse(url)
    if (target && ['https:', 'http:', 'mailto:'].includes(target.protocol) && target.origin !== own)
      void shell.openExternal(target.href)
    return { action: 'deny' }
  })
  window.once('ready-to-show', () => window.show())
  void window.loadURL(api)
  return window
}

/** The check handler matters as much as the request handler: Electron's default grants. */
function denyPermissions(session: Session): void {
  const allowed = new Set(['clipboard-sanitized-write'])
  session.setPermissionRequestHandler((_contents, permission, answer) => answer(allowed.has(permission)))
  session.setPermissionCheckHandler((_contents, permission) => allowed.has(permission))
}
