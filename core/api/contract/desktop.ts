/** What the desktop shell and the page say to each other, beside the HTTP api. */

/** From the shell to the page. */
export type DesktopCommand =
  /** `path` is an address of the page, as `/traces/ID`. */
  | { type: 'navigate'; path: string }
  | { type: 'palette' }
  | { type: 'imported'; name: string; spans: number; logs: number; points: number; refused: number }
  /** Something the shell was asked to do failed. */
  | { type: 'failed'; what: string; detail: string }

/** What the page may know of the shell around it. */
export interface DesktopFacts {
  platform: string
  versions: { glassbox: string; electron: string; chrome: string }
  /** Where the key of saved passwords lies; `file` where the system has no keychain. */
  secrets: 'keychain' | 'file'
}

/** `window.glassbox`, as the preload makes it. */
export interface DesktopBridge {
  connection: { api: string; token: string } | null
  /** Calls `listener` with each command, those that waited for the page included; answers how to stop that. */
  onCommand(listener: (command: DesktopCommand) => void): () => void
  facts(): Promise<DesktopFacts | null>
}
