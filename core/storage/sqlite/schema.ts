import Database from 'better-sqlite3'
import { GlassboxError } from '../../base/errors.ts'

/** Version of the tables and of the block format. */
export const SCHEMA_VERSION = 1
export const DATABASE_FILE = 'auxiliary.db'

const minimumSqlite = [3, 51, 3]

const tables = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS span_block (
  id INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL, tier INTEGER NOT NULL, rows INTEGER NOT NULL,
  traces INTEGER NOT NULL, errors INTEGER NOT NULL, min_start, max_start, max_end, min_dur, max_dur,
  first_seq INTEGER, last_seq INTEGER, min_received, max_received, bytes INTEGER NOT NULL, stats BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS span_block_start ON span_block (max_start);
CREATE INDEX IF NOT EXISTS span_block_received ON span_block (max_received);
CREATE TABLE IF NOT EXISTS span_core (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS span_attr (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS span_rest (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_block (
  id INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL, tier INTEGER NOT NULL, rows INTEGER NOT NULL,
  min_time, max_time, max_severity INTEGER, first_seq INTEGER, last_seq INTEGER, min_received, max_received,
  bytes INTEGER NOT NULL, stats BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS log_block_time ON log_block (max_time);
CREATE INDEX IF NOT EXISTS log_block_received ON log_block (max_received);
CREATE TABLE IF NOT EXISTS log_core (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_attr (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_body (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS removed_block (
  id INTEGER NOT NULL, signal TEXT NOT NULL, removed_at, min_start, max_start, stats BLOB NOT NULL,
  PRIMARY KEY (signal, id));
`

/**
 * Opens the telemetry file for writing and lays its tables when it is new.
 * @throws GlassboxError `storage_unavailable` for an SQLite that is too old or a file of a newer Glassbox
 */
export function openDatabase(file: string): Database.Database {
  const db = new Database(file)
  try {
    refuseOldSqlite(db)
    // In this order: once WAL is on, the two others silently do nothing.
    db.pragma('page_size = 16384')
    db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = NORMAL')
    db.pragma('journal_size_limit = 67108864')
    db.pragma('mmap_size = 268435456')
    db.pragma('temp_store = MEMORY')
    const version = db.pragma('user_version', { simple: true }) as number
    if (version > SCHEMA_VERSION)
      throw new GlassboxError(
        'storage_unavailable',
        `${DATABASE_FILE} was written by a newer Glassbox (schema ${version}, this one knows ${SCHEMA_VERSION})`,
        'Start the newer Glassbox, or choose another --data-dir.',
      )
    if (version < SCHEMA_VERSION) {
      db.exec(tables)
      db.pragma(`user_version = ${SCHEMA_VERSION}`)
    }
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function refuseOldSqlite(db: Database.Database): void {
  const version = db.prepare('SELECT sqlite_version()').pluck().get() as string
  const parts = version.split('.').map(Number)
  const at = parts.findIndex((part, i) => part !== minimumSqlite[i])
  if (at !== -1 && parts[at] < minimumSqlite[at])
    throw new GlassboxError('storage_unavailable', `SQLite ${version} is too old; ${minimumSqlite.join('.')} is needed`)
}
