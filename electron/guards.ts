import { type Session, shell, type WebContents } from 'electron'

/** Keeps any web contents on the core's own page, whoever made it: Electron's security list, points 5, 13, 14, 15. */
export function guardContents(contents: WebContents, api: string): void {
  const own = new URL(api).origin
  const stay = (event: { preventDefault(): void }, url: string): void => {
    if (URL.parse(url)?.origin !== own) event.preventDefault()
  }
  contents.on('will-navigate', (event) => stay(event, event.url))
  contents.on('will-frame-navigate', (event) => stay(event, event.url))
  contents.on('will-redirect', (event) => stay(event, event.url))
  contents.on('will-attach-webview', (event) => event.preventDefault())
  contents.setWindowOpenHandler(({ url }) => {
    const target = URL.parse(url)
    if (target && ['https:', 'http:'].includes(target.protocol) && target.origin !== own)
      void shell.openExternal(target.href)
    return { action: 'deny' }
  })
  denyPermissions(contents.session)
}

/** The check handler matters as much as the request handler: Electron's default grants. */
function denyPermissions(session: Session): void {
  const allowed = new Set(['clipboard-sanitized-write'])
  session.setPermissionRequestHandler((_contents, permission, answer) => answer(allowed.has(permission)))
  session.setPermissionCheckHandler((_contents, permission) => allowed.has(permission))
  session.setDevicePermissionHandler(() => false)
}
