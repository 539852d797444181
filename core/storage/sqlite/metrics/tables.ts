/** `kind` of a block that is damaged: it is left out, and stays until retention. */
export const DAMAGED = 2

/** Tables of metrics in auxiliary.db. `kind` of a block: 0 samples, 1 five-minute aggregates, 2 damaged. Times are ms. */
export const METRIC_TABLES = `
CREATE TABLE IF NOT EXISTS metric_series (id INTEGER PRIMARY KEY, labels TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS metric_block (
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, kind INTEGER NOT NULL, start REAL NOT NULL, end REAL NOT NULL, samples INTEGER NOT NULL,
  received REAL NOT NULL, bytes INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS metric_block_range ON metric_block (grp, start, end, kind);
CREATE TABLE IF NOT EXISTS metric_log (id INTEGER PRIMARY KEY AUTOINCREMENT, samples INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS metric_metadata (metric TEXT PRIMARY KEY, type TEXT NOT NULL, unit TEXT NOT NULL, help TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metric_exemplar (
  id INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, time REAL NOT NULL, value REAL NOT NULL, labels TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS metric_exemplar_series ON metric_exemplar (series, time);
`

/** Series whose ids share all but the lowest 5 bits lie in the same blocks. */
export const GROUP_BITS = 5
