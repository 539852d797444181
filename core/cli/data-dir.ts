import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where data lies when `--data-dir` and GLASSBOX_DATA_DIR say nothing: the platform's own place for it. */
export function defaultDataDir(environment: Record<string, string | undefined> = process.env): string {
  if (environment.GLASSBOX_DATA_DIR) return environment.GLASSBOX_DATA_DIR
  if (process.platform === 'win32') {
    return join(environment.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Glassbox')
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Glassbox')
  return join(environment.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'glassbox')
}
