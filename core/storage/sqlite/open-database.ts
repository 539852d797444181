import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { prepareSchema } from './schema.ts'
import { troubleOf } from './storage-trouble.ts'

export interface OpenedDatabase {
  db: Database.Database
  /** Where a damaged file was moved, if one was found. */
  quarantined: string | null
}

/** Opens an SQLite file; tests put one in that fails. */
export type OpenFile = (path: string) => Database.Database

/** Telemetry tells much of its people: nobody else of the machine reads it. SQLite gives WAL and SHM the file's own mode. */
const openFile: OpenFile = (path) => {
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  return new Database(path)
}

/** Opens auxiliary.db for writing. A damaged file is moved aside with its WAL, never deleted, and a new one is made. */
export function openDatabase(dataDir: string, nowUs: number, open: OpenFile = openFile): OpenedDatabase {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'auxiliary.db')
  const existed = existsSync(path)
  try {
    const db = open(path)
    try {
      prepareSchema(db)
      if (existed) checkStructure(db)
      return { db, quarantined: null }
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    if (troubleOf(error) !== 'damaged') throw error
  }
  const aside = `${path}.corrupt-${new Date(nowUs / 1000).toISOString().replaceAll(':', '-')}`
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  const db = open(path)
  prepareSchema(db)
  return { db, quarantined: aside }
}

/** Only after an unclean stop, as reading the whole file costs time: a clean stop leaves `clean` in meta. */
function checkStructure(db: Database.Database): void {
  const clean = db.prepare("SELECT value FROM meta WHERE key = 'clean'").pluck().get()
  if (clean === 1) return
  const result = db.pragma('quick_check(1)', { simple: true })
  if (result !== 'ok') throw Object.assign(new Error(String(result)), { code: 'SQLITE_CORRUPT' })
}

/**
 * Whether an error says that the file of `dataDir` can only be read though it may be written. All connections of a process
 * share one view of the -shm file: the first that opened it while it could only be read (a reader's, mostly) makes it so for
 * those after it, until all of them are closed.
 */
export function heldReadOnly(error: unknown, dataDir: string): boolean {
  if (!String((error as { code?: unknown }).code).startsWith('SQLITE_READONLY')) return false
  try {
    accessSync(dataDir, constants.W_OK)
    for (const suffix of ['', '-wal', '-shm']) {
      const path = join(dataDir, `auxiliary.db${suffix}`)
      if (existsSync(path)) accessSync(path, constants.W_OK)
    }
    return true
  } catch {
    return false
  }
}
