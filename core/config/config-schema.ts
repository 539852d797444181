import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'

/** One step of the schema of glassbox.db; it runs in a transaction together with the note that it ran. */
interface SchemaStep {
  to: number
  run(db: Database.Database): void
}

/**
 * Every step since 0.1.0, in order; a step that was released never changes. Tables that are only added need none: they
 * are made where they are missing.
 */
const STEPS: readonly SchemaStep[] = [
  // Files of before versions were noted hold the same tables.
  { to: 1, run: () => undefined },
]

/** Snapshots that stay. */
const KEPT = 3

/** The version that this program writes. */
export const CONFIG_VERSION = STEPS[STEPS.length - 1].to

const versionOf = (db: Database.Database): number => db.pragma('user_version', { simple: true }) as number

/** @throws GlassboxError `data_newer` when a newer Glassbox wrote the file; it is left as it is */
export function refuseNewer(db: Database.Database, file: string, known = CONFIG_VERSION): void {
  const version = versionOf(db)
  if (version > known)
    throw new GlassboxError(
      'data_newer',
      `${file} has schema version ${version}, and this Glassbox knows ${known}`,
      `Start the newer Glassbox that wrote it, or put back the copy of before the upgrade: ${snapshotFolder(file)}`,
    )
}

/**
 * Brings glassbox.db to the version of this program. A copy of the file as it was is made first, whole or not at all;
 * each step is one transaction. A kill anywhere leaves the file at a step's end, and the next start goes on.
 * @param atStep told before each thing that is done; for tests that end the process there
 * @throws GlassboxError `data_newer`; whatever a step throws, which is rolled back
 */
export function upgradeConfig(
  db: Database.Database,
  file: string,
  steps: readonly SchemaStep[] = STEPS,
  atStep: (what: string) => void = () => undefined,
): void {
  refuseNewer(db, file, steps[steps.length - 1].to)
  const version = versionOf(db)
  const due = steps.filter(({ to }) => to > version)
  if (due.length === 0) return
  if (db.prepare('select 1 from sqlite_master limit 1').get()) keepSnapshot(db, file, version, atStep)
  for (const step of due) {
    atStep(`step ${step.to}`)
    db.transaction(() => {
      step.run(db)
      atStep(`end of step ${step.to}`)
      db.pragma(`user_version = ${step.to}`)
    }).immediate()
  }
  atStep('done')
}

export const snapshotFolder = (file: string): string => join(dirname(file), 'backups', 'before-upgrade')

/** A copy as of this version; one that a start before has finished stays. */
function keepSnapshot(db: Database.Database, file: string, version: number, atStep: (what: string) => void): void {
  const folder = snapshotFolder(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const copy = join(folder, `glassbox-schema-${version}.db`)
  if (existsSync(copy)) return
  const partial = `${copy}.part`
  rmSync(partial, { force: true })
  atStep('snapshot')
  db.prepare('vacuum into ?').run(partial)
  atStep('snapshot written')
  renameSync(partial, copy)
  const older = readdirSync(folder)
    .filter((name) => /^glassbox-schema-\d+\.db$/.test(name))
    .sort((a, b) => Number(/\d+/.exec(b)) - Number(/\d+/.exec(a)))
  for (const name of older.slice(KEPT)) rmSync(join(folder, name), { force: true })
}
