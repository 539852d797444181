import { BrowserWindow, nativeTheme, screen } from 'electron'
import { boundsFor, readWindowState, SMALLEST, writeWindowState } from './window-state.ts'

export interface WindowOptions {
  /** The page's address. */
  url: string
  preload: string
  icon: string
  /** Where the window's place is kept. */
  stateFile: string
  onProblem(sentence: string): void
}

/** Opens the one window on the core's own page. What it may do is set in guards.ts, for every web contents. */
export function openWindow(options: WindowOptions): BrowserWindow {
  const saved = readWindowState(options.stateFile)
  const window = new BrowserWindow({
    ...boundsFor(
      saved,
      screen.getAllDisplays().map((display) => display.workArea),
    ),
    minWidth: SMALLEST.width,
    minHeight: SMALLEST.height,
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0f1217' : '#f5f6f8',
    title: 'Glassbox',
    icon: options.icon,
    webPreferences: {
      preload: options.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webviewTag: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      spellcheck: false,
    },
  })
  if (saved?.maximized) window.maximize()
  window.once('ready-to-show', () => {
    if (saved) window.webContents.setZoomFactor(saved.zoom)
    window.show()
  })
  window.on('close', () => {
    try {
      const { x, y, width, height } = window.getNormalBounds()
      const zoom = window.webContents.getZoomFactor()
      writeWindowState(options.stateFile, { x, y, width, height, maximized: window.isMaximized(), zoom })
    } catch (error) {
      options.onProblem(`the window's place was not saved: ${(error as Error).message}`)
    }
  })
  void window.loadURL(options.url)
  return window
}
