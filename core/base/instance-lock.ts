import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { GlassboxError } from './errors.ts'

/** Who uses a data directory. */
export interface Instance {
  pid: number
  /** Address of the api, empty while it starts. */
  api: string
  /** ISO time. */
  startedAt: string
}

/**
 * Keeps a data directory to one process. The lock is the operating system's on `instance.lock`, so it ends with its
 * process however that dies and cannot go stale, not even when the pid is used again; `instance.json` only says who.
 */
export class InstanceLock {
  readonly #dataDir: string
  readonly #db: Database.Database
  readonly #startedAt = new Date().toISOString()

  private constructor(dataDir: string, db: Database.Database) {
    this.#dataDir = dataDir
    this.#db = db
  }

  /** @throws GlassboxError `already_running` naming pid and address; `storage_unavailable` when the folder is not writable. */
  static async acquire(dataDir: string): Promise<InstanceLock> {
    makeDataDir(dataDir)
    const db = new Database(join(dataDir, 'instance.lock'), { timeout: 0 })
    try {
      db.exec('begin exclusive')
    } catch (error) {
      db.close()
      if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw await alreadyRunning(dataDir)
      throw new GlassboxError('storage_unavailable', `${dataDir} cannot be locked: ${(error as Error).message}`)
    }
    const lock = new InstanceLock(dataDir, db)
    lock.announce('')
    return lock
  }

  /** Says where the api listens. */
  announce(api: string): void {
    const instance: Instance = { pid: process.pid, api, startedAt: this.#startedAt }
    writePrivateFile(join(this.#dataDir, 'instance.json'), JSON.stringify(instance))
  }

  release(): void {
    rmSync(join(this.#dataDir, 'instance.json'), { force: true })
    this.#db.close()
  }
}

/** What `instance.json` says, or null. After a crash it may speak of a process that is gone. */
export function readInstance(dataDir: string): Instance | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as Instance
  } catch {
    return null
  }
}

/** Replaces a file that only its owner may read, whole or not at all. */
export function writePrivateFile(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.new`
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
  try {
    writeSync(fd, text)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, file)
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const probe = join(dataDir, `.writable-${process.pid}`)
    writeFileSync(probe, '')
    rmSync(probe)
  } catch (error) {
    const what = existsSync(dataDir) ? 'cannot be written' : 'cannot be made'
    throw new GlassboxError(
      'storage_unavailable',
      `the data directory ${dataDir} ${what}: ${(error as Error).message}`,
      'Choose another one with --data-dir, or correct its permissions.',
    )
  }
}

async function alreadyRunning(dataDir: string): Promise<GlassboxError> {
  // The other one may have taken the lock a moment ago and not have said who it is yet.
  for (let attempt = 0; attempt < 20 && !readInstance(dataDir); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  const other = readInstance(dataDir)
  const who = other ? ` (process ${other.pid}${other.api ? `, ${other.api}` : ', still starting'})` : ''
  return new GlassboxError('already_running', `another Glassbox${who} already uses the data directory ${dataDir}`)
}
