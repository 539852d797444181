import type { BackupKind } from '../archive/manifest.ts'

/** What the name of an archive says; the manifest is what counts. */
export interface ArchiveName {
  /** µs, whole seconds. */
  createdAt: number
  kind: BackupKind
  /** First 12 hex digits of the archive's id. */
  id: string
  base: string | null
}

const PATTERN =
  /^glassbox-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(full|incremental|config|part)-([0-9a-f]{12})(?:-on-([0-9a-f]{12}))?\.glassbox$/

const ID = 12

export function archiveName(about: {
  createdAt: number
  kind: BackupKind
  archive: string
  base: { archive: string } | null
}): string {
  const time = new Date(Math.floor(about.createdAt / 1e6) * 1000).toISOString().replaceAll(/[-:]|\.000/g, '')
  const on = about.base ? `-on-${about.base.archive.slice(0, ID)}` : ''
  return `glassbox-${time}-${about.kind}-${about.archive.slice(0, ID)}${on}.glassbox`
}

/** Null for every name that we would not give ourselves: nothing else is listed, opened or removed. */
export function parseArchiveName(name: string): ArchiveName | null {
  const match = PATTERN.exec(name)
  if (!match) return null
  const [, year, month, day, hour, minute, second, kind, id, base] = match
  const createdAt = Date.UTC(+year, +month - 1, +day, +hour, +minute, +second) * 1000
  if ((kind === 'incremental') !== (base !== undefined)) return null
  return { createdAt, kind: kind as BackupKind, id, base: base ?? null }
}
