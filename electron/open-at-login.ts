import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { app } from 'electron'

/** Starts Glassbox with the session, its window closed, or no longer. @throws the system's error */
export function setOpenAtLogin(open: boolean): void {
  if (process.platform !== 'linux') app.setLoginItemSettings({ openAtLogin: open, args: ['--hidden'] })
  else if (open) writeAutostart(autostartFile(process.env))
  else rmSync(autostartFile(process.env), { force: true })
}

/** Where a Linux desktop looks for what starts with the session (XDG autostart). */
function autostartFile(environment: Record<string, string | undefined>): string {
  return join(environment.XDG_CONFIG_HOME || join(homedir(), '.config'), 'autostart', 'glassbox.desktop')
}

function writeAutostart(file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  // An AppImage is started by its own file, not by what it unpacked for this run.
  writeFileSync(file, autostartEntry(process.env.APPIMAGE ?? process.execPath))
}

function autostartEntry(program: string): string {
  // Desktop entries quote with a backslash before these four, a backslash twice, and % stands for itself when doubled.
  const quoted = program
    .replace(/["`$\\]/g, '\\$&')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')
  const entry = { Type: 'Application', Name: 'Glassbox', Exec: `"${quoted}" --hidden`, Terminal: 'false' }
  return `[Desktop Entry]\n${Object.entries(entry)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')}`
}
