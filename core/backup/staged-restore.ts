import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SecretBox } from '../config/secret-box.ts'
import { replaceTelemetryFile, syncFolder } from '../storage/sqlite/replace-file.ts'
import { applyConfigTables, type ConfigTable } from './config-tables.ts'

/**
 * A restore that replaces what is there. Everything new is made and checked beside the old in `restore/ID/`; then the
 * journal is written, which is the point of no return, and the files change places. Whatever kills the process, the next
 * start either finishes (journal there) or clears away (none): old or new as a whole, never between.
 */
export interface RestoreJournal {
  id: string
  /** What is restored, in words. */
  what: string
  /** Whether `auxiliary.db` is replaced. */
  telemetry: boolean
  /** Whether `config.json` is applied, and whether rows that it does not have go. */
  config: 'no' | 'replace'
  /** What was written to the old file after this mark is brought over once the new one is in use; null = nothing is. */
  carry: Carry | null
  /** Where telemetry is rows of a database: the move whose rows take the place of all up to the mark. */
  replace: { move: string; mark: string } | null
}

/** Where the rows begin that came while a restore ran. */
export interface Carry {
  mark: string
  /** Samples from this time on, ms. */
  sinceMs: number
}

const FOLDER = 'restore'
const JOURNAL = 'journal.json'
const CONFIG = 'config.json'
const CARRY = 'carry.json'
const REPLACE = 'replace.json'

export const restoreFolder = (dataDir: string, id: string): string => join(dataDir, FOLDER, id)

/** Makes the folder of a restore and answers it. */
export function makeRestoreFolder(dataDir: string, id: string): string {
  const folder = restoreFolder(dataDir, id)
  mkdirSync(join(folder, 'old'), { recursive: true, mode: 0o700 })
  return folder
}

export function stageConfig(dataDir: string, id: string, tables: readonly ConfigTable[]): void {
  writeDurable(join(restoreFolder(dataDir, id), CONFIG), JSON.stringify(tables))
}

/** Writes a file that is there whole, also after a power cut, or not at all. */
function writeDurable(file: string, text: string): void {
  const temporary = `${file}.new`
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, file)
  syncFolder(join(file, '..'))
}

/** From here on the restore happens, come what may. The store must be closed before `finishRestore`. */
export function commitRestore(dataDir: string, journal: RestoreJournal): void {
  writeDurable(join(dataDir, FOLDER, JOURNAL), JSON.stringify(journal))
}

/** Does what the journal says; every step may have been done before. The old file stays while rows of it are to be carried over. */
export function finishRestore(dataDir: string, journal: RestoreJournal, secrets: SecretBox): string[] {
  const folder = restoreFolder(dataDir, journal.id)
  if (journal.telemetry) replaceTelemetryFile(dataDir, folder)
  let warnings: string[] = []
  const config = join(folder, CONFIG)
  if (journal.config === 'replace' && existsSync(config)) {
    const tables = JSON.parse(readFileSync(config, 'utf8')) as ConfigTable[]
    warnings = applyConfigTables(dataDir, tables, secrets, { replace: true, dryRun: false }).warnings
  }
  if (journal.carry) writeDurable(join(folder, CARRY), JSON.stringify(journal.carry))
  if (journal.replace) writeDurable(join(folder, REPLACE), JSON.stringify(journal.replace))
  // The journal goes last: as long as it is there, a start says that the restore was finished.
  if (!journal.carry && !journal.replace) rmSync(folder, { recursive: true, force: true })
  rmSync(join(dataDir, FOLDER, JOURNAL), { force: true })
  syncFolder(join(dataDir, FOLDER))
  return warnings
}

/** Restores of which rows are still to be carried over. */
export function openCarries(dataDir: string): ({ id: string } & Carry)[] {
  return left<Carry>(dataDir, CARRY)
}

/** Restores whose rows are still to take the place of others. */
export function openReplaces(dataDir: string): { id: string; move: string; mark: string }[] {
  return left<{ move: string; mark: string }>(dataDir, REPLACE)
}

function left<T>(dataDir: string, name: string): ({ id: string } & T)[] {
  const parent = join(dataDir, FOLDER)
  if (!existsSync(parent)) return []
  return readdirSync(parent).flatMap((id) => {
    const file = join(parent, id, name)
    return existsSync(file) ? [{ id, ...(JSON.parse(readFileSync(file, 'utf8')) as T) }] : []
  })
}

/** What a start found of a restore that was cut off. */
export interface RecoveredRestore {
  what: string
  /** `after`: it was finished now; `before`: nothing of it had happened. */
  state: 'before' | 'after'
  warnings: string[]
}

/** Before anything of the data directory is opened: finishes or clears away what a kill left. */
export function recoverRestore(dataDir: string, secrets: SecretBox): RecoveredRestore | null {
  const parent = join(dataDir, FOLDER)
  if (!existsSync(parent)) return null
  const file = join(parent, JOURNAL)
  let recovered: RecoveredRestore | null = null
  if (existsSync(file)) {
    const journal = JSON.parse(readFileSync(file, 'utf8')) as RestoreJournal
    recovered = { what: journal.what, state: 'after', warnings: finishRestore(dataDir, journal, secrets) }
  }
  const open = new Set([...openCarries(dataDir), ...openReplaces(dataDir)].map(({ id }) => id))
  for (const name of readdirSync(parent)) {
    if (open.has(name)) continue
    rmSync(join(parent, name), { recursive: true, force: true })
    recovered ??= { what: 'a restore', state: 'before', warnings: [] }
  }
  return recovered
}
