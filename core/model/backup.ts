/** Shapes of /api/backups. Times are µs since 1970. */

export type BackupKindName = 'full' | 'incremental' | 'config' | 'part'

/** What of the store a backup of kind `part` holds. Times are µs by each row's own time, start inclusive, end exclusive. */
export interface BackupContentChoice {
  traces: boolean
  logs: boolean
  metrics: boolean
  settings: boolean
  start: number | null
  end: number | null
}

export interface BackupDay {
  signal: 'traces' | 'logs' | 'metrics'
  /** UTC, `2026-11-30`. */
  day: string
  rows: number
}

/** One archive of a target. */
export interface BackupItem {
  target: string
  name: string
  kind: BackupKindName
  createdAt: number
  bytes: number
  /** First 12 digits of its id, and of the one that it adds to. */
  id: string
  base: string | null
  /** Names of all that a restore needs, oldest first, itself last. */
  chain: string[]
  /** The id (first digits) of an archive that it needs and that is not there. */
  missing: string | null
  /** Last check by checksum, and last test restore; null = never. */
  verifiedAt: number | null
  provenAt: number | null
  /** What the last check found wrong. */
  problem: string | null
  /** Null while it was never looked into (a file that somebody put there). */
  content: { encrypted: boolean; product: string; engine: string; days: BackupDay[]; warnings: string[] } | null
}

export interface BackupTargetState {
  name: string
  kind: 'folder' | 's3' | 'sftp'
  /** Without its password. */
  address: string
  freeBytes: number | null
  /** Why it could not be listed. */
  error: string | null
}

export interface RestoreItem {
  id: string
  at: number
  what: string
  mode: 'replace' | 'merge'
  /** Null when it cannot be undone (any more). */
  undoUntil: number | null
  undone: boolean
}

export interface BackupRun {
  at: number
  schedule: string | null
  kind: BackupKindName | 'verify'
  target: string
  ok: boolean
  name: string | null
  error: string | null
  seconds: number | null
  /** The oldest time of the schedule at which Glassbox was not running, where this run makes up for it. */
  missed: number | null
}

/** `GET /api/backups` */
export interface BackupsAnswer {
  /** Newest first. */
  items: BackupItem[]
  targets: BackupTargetState[]
  /** The newest whole full or incremental backup of any target. */
  lastGood: BackupItem | null
  /** By schedule, soonest first; empty while backups are off. */
  next: { schedule: string; kind: BackupKindName | 'verify'; at: number }[]
  /** Failed at its last run, or overdue; until a run is good again. */
  attention: string | null
  /** Newest first, 30 days. */
  runs: BackupRun[]
  restores: RestoreItem[]
  /** What the last start found of a restore that was cut off: `before` = nothing of it had happened, `after` = it was finished. */
  notice: { at: number; text: string; state: 'before' | 'after' } | null
}

/** `GET /api/backups/estimate` */
export interface BackupEstimate {
  spans: number
  logs: number
  /** About what a full archive would take. */
  bytes: number
  freeBytes: number | null
}

/** `POST /api/backups/inspect` */
export interface BackupContent {
  archive: string
  kind: BackupKindName
  createdAt: number
  encrypted: boolean
  product: string
  engine: string
  /** Oldest first, itself last. */
  chain: { name: string; kind: BackupKindName; createdAt: number }[]
  /** Of the whole chain. */
  days: BackupDay[]
  services: string[]
  first: number | null
  last: number | null
  hasConfig: boolean
  warnings: string[]
}

/** `POST /api/backups/targets/test`: what a place for archives is tried for, up to the first that fails. */
export interface TargetTest {
  ok: boolean
  steps: { name: 'connect' | 'write' | 'read' | 'delete'; ok: boolean; ms: number; error: string | null }[]
}

export interface ConfigDifference {
  table: string
  added: number
  changed: number
  removed: number
}

/** `POST /api/backups/plan` */
export interface RestorePlan {
  mode: 'replace' | 'merge'
  /** By signal and day: rows there now, and rows that the archive brings. Of a time range or one service they are bounds. */
  days: (BackupDay & { now: number })[]
  /** Rows that would go. */
  removed: { traces: number; logs: number; metrics: number }
  config: ConfigDifference[]
  /** Settings that would change, with both values; passwords hidden. */
  settings: { key: string; now: unknown; restored: unknown }[]
  /** Free space that it needs, and what is free. */
  neededBytes: number
  freeBytes: number
  engine: { archive: string; here: string }
  /** Must be typed by the person when stored data would go. */
  destructive: boolean
  warnings: string[]
}
