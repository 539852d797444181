import type Database from 'better-sqlite3'
import type { ClockWitness } from './clock-guard.ts'

/** What the writer leaves in `meta` for its next start and for readers. */

function put(db: Database.Database, key: string, value: number | string | Uint8Array): void {
  db.prepare('INSERT OR REPLACE INTO meta VALUES (?,?)').run(key, value)
}

/** The last believed time, or null in a new file. */
export function readWitness(db: Database.Database): ClockWitness | null {
  const text = db.prepare("SELECT value FROM meta WHERE key = 'clock'").pluck().get() as string | undefined
  return text === undefined ? null : (JSON.parse(text) as ClockWitness)
}

export function rememberWitness(db: Database.Database, witness: ClockWitness): void {
  put(db, 'clock', JSON.stringify(witness))
}

/** A clean stop spares the next start the look through the whole file. */
export function rememberClean(db: Database.Database): void {
  put(db, 'clean', 1)
}

export function forgetClean(db: Database.Database): void {
  put(db, 'clean', 0)
}

export function rememberSpread(db: Database.Database, packed: Uint8Array): void {
  put(db, 'spread', packed)
}
