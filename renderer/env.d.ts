declare module '*.css'
declare module '@fontsource-variable/inter'
declare module '@fontsource-variable/jetbrains-mono'

interface Window {
  /** Given by the desktop app's preload. */
  glassbox?: import('../core/api/contract/desktop.ts').DesktopBridge
  /** True while no request is on its way and what arrived has been painted. For tests. */
  glassboxIdle?: () => boolean
}
