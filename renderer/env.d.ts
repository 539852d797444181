declare module '*.css'
declare module '@fontsource-variable/inter'
declare module '@fontsource-variable/jetbrains-mono'

interface Window {
  /** Given by the desktop app's preload. */
  glassbox?: { connection: { api: string; token: string } | null }
  /** True while no request is on its way and what arrived has been painted. For tests. */
  glassboxIdle?: () => boolean
}
