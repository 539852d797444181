import type Database from 'better-sqlite3'
import { GlassboxError } from '../../base/errors.ts'
import { METRIC_TABLES } from './metrics/tables.ts'

/** Version of the tables below and of what their blobs hold. A newer file is refused; 1 had no checksums and is still read. */
const SCHEMA_VERSION = 2

/** SQLite before this one can corrupt a WAL database (checkpoint racing a commit). */
const SAFE_SQLITE = [3, 51, 3]

const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS span_block (
  id INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL, tier INTEGER NOT NULL, rows INTEGER NOT NULL, traces INTEGER NOT NULL,
  errors INTEGER NOT NULL, min_start REAL NOT NULL, max_start REAL NOT NULL, max_end REAL NOT NULL, min_dur REAL NOT NULL, max_dur REAL NOT NULL,
  first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, min_received REAL NOT NULL, max_received REAL NOT NULL, bytes INTEGER NOT NULL, stats BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS span_core (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS span_attr (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS span_rest (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_block (
  id INTEGER PRIMARY KEY AUTOINCREMENT, day INTEGER NOT NULL, tier INTEGER NOT NULL, rows INTEGER NOT NULL, min_time REAL NOT NULL, max_time REAL NOT NULL,
  max_severity INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, min_received REAL NOT NULL, max_received REAL NOT NULL,
  bytes INTEGER NOT NULL, stats BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_core (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_attr (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_body (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS damaged_block (
  signal TEXT NOT NULL, id INTEGER NOT NULL, rows INTEGER NOT NULL, min_time REAL, max_time REAL, found_at REAL NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (signal, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removed_block (
  id INTEGER PRIMARY KEY AUTOINCREMENT, signal TEXT NOT NULL, removed_at REAL NOT NULL, min_start REAL NOT NULL, max_start REAL NOT NULL, stats BLOB NOT NULL);
`

/**
 * Prepares an open connection to auxiliary.db: pragmas in the one order that works on a new file, then the tables.
 * @throws GlassboxError `data_newer` when a newer Glassbox wrote the file, `storage_unavailable` when WAL is refused
 */
export function prepareSchema(db: Database.Database): void {
  db.pragma('page_size = 16384')
  db.pragma('auto_vacuum = INCREMENTAL')
  const mode = db.pragma('journal_mode = WAL', { simple: true })
  if (mode !== 'wal') {
    throw new GlassboxError(
      'storage_unavailable',
      `SQLite refused WAL (${mode}): the data directory may lie on a network folder`,
      'Choose a local --data-dir.',
    )
  }
  db.pragma('synchronous = NORMAL')
  db.pragma('journal_size_limit = 16777216')
  db.pragma('temp_store = MEMORY')
  db.pragma('cache_size = -8192')
  checkSqliteVersion(db)
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > SCHEMA_VERSION) {
    throw new GlassboxError(
      'data_newer',
      `auxiliary.db has schema version ${version}, this Glassbox knows ${SCHEMA_VERSION}`,
      'Start the newer Glassbox that wrote it, or move auxiliary.db aside.',
    )
  }
  db.exec(TABLES)
  db.exec(METRIC_TABLES)
  const named = db.prepare("SELECT 1 FROM meta WHERE key = 'store'").get()
  // Tells this store from one that takes its place: positions of backups mean nothing there.
  if (!named) db.exec("INSERT INTO meta VALUES ('store', lower(hex(randomblob(8))))")
  // Writing the same number again would fail on a full disk.
  if (version !== SCHEMA_VERSION) db.pragma(`user_version = ${SCHEMA_VERSION}`)
}

function checkSqliteVersion(db: Database.Database): void {
  const text = db.prepare('SELECT sqlite_version()').pluck().get() as string
  const parts = text.split('.').map(Number)
  for (let i = 0; i < 3; i++) {
    if (parts[i] > SAFE_SQLITE[i]) return
    if (parts[i] < SAFE_SQLITE[i])
      throw new GlassboxError(
        'storage_unavailable',
        `SQLite ${text} can corrupt its write-ahead log`,
        'Reinstall better-sqlite3 13.2 or newer.',
      )
  }
}
