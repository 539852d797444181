import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'

const FILES = ['auxiliary.db', 'auxiliary.db-wal', 'auxiliary.db-shm']

/**
 * Puts `folder/auxiliary.db` in place of the one of the data directory, which goes to `folder/old`. Both must be closed.
 * May be called again after a kill at any point: the new file is moved last, so as long as it waits, what lies in the
 * data directory is the old.
 */
export function replaceTelemetryFile(dataDir: string, folder: string): void {
  const staged = join(folder, FILES[0])
  if (!existsSync(staged)) return
  const old = join(folder, 'old')
  mkdirSync(old, { recursive: true, mode: 0o700 })
  for (const file of [...FILES].reverse())
    if (existsSync(join(dataDir, file))) renameSync(join(dataDir, file), join(old, file))
  renameSync(staged, join(dataDir, FILES[0]))
  for (const changed of [old, folder, dataDir]) syncFolder(changed)
}

/** Makes names in a folder last through a power cut. */
export function syncFolder(folder: string): void {
  // A folder cannot be opened on Windows.
  if (process.platform === 'win32') return
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
