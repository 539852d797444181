import { createHash } from 'node:crypto'
import { GlassboxError } from '../../base/errors.ts'
import type { BackupContentChoice } from '../../model/backup.ts'
import { damaged } from './container-reader.ts'
import { MAX_PART_BYTES, MAX_PART_ROWS, MAX_PARTS } from './limits.ts'

/** `part` holds what was chosen of the store: nothing can be added to it, and it is kept until somebody removes it. */
export type BackupKind = 'full' | 'incremental' | 'config' | 'part'
/** A debug bundle is an archive, too, but no backup: it is opened, never restored. */
export type ArchiveKind = BackupKind | 'bundle'
/** The kind of a backup. @throws GlassboxError `is_a_bundle` */
export function backupKind(kind: ArchiveKind): BackupKind {
  if (kind !== 'bundle') return kind
  throw new GlassboxError('is_a_bundle', 'The file holds a debug bundle.')
}

/** `config` holds rows of one table of settings, the rest telemetry. */
export type PartKind = 'spans' | 'logs' | 'samples' | 'exemplars' | 'metadata' | 'config'
export type Signal = 'traces' | 'logs' | 'metrics'

/** One part as the manifest lists it. */
export interface PartEntry {
  kind: PartKind
  /** Offset of its first chunk in the file, and that chunk's number. */
  offset: number
  chunk: number
  /** Bytes compressed, and bytes of its body. */
  stored: number
  raw: number
  rows: number
  /** SHA-256 of its body, hex. */
  sha256: string
  /** Earliest and latest time in it, µs; null where it has none. */
  first: number | null
  last: number | null
  /** Services with rows in it; null where rows have none. */
  services: string[] | null
  /** Of `config`: the table. */
  table?: string
}

/** How much of a signal lies in the archive from one UTC day. */
export interface DayTotal {
  signal: Signal
  /** `2026-11-30` */
  day: string
  rows: number
  /** Engine-independent sum of their content (FORMAT.md, "Content sums"), hex. */
  sum: string
}

/** What an archive holds. The last part of the file, and what it names vouches for all others. */
export interface Manifest {
  format: number
  archive: string
  kind: ArchiveKind
  /** µs; what was stored then is in the archive, what came later is not. */
  createdAt: number
  /** Of the Glassbox that wrote it. */
  product: string
  engine: string
  /** Of a `part`: what was chosen of the store; the first ones did not say it. */
  content?: BackupContentChoice
  /** What an incremental archive adds to. */
  base: { archive: string; digest: string; createdAt: number } | null
  /** Where the next incremental archive goes on; means something to the store that wrote it only. */
  position: unknown
  days: DayTotal[]
  parts: PartEntry[]
  /** SHA-256 over the hashes of all parts, in order. */
  digest: string
  /** What is not in it and why, for a person. */
  warnings: string[]
  /** Of a bundle: what it says of itself (core/model/bundle.ts). */
  about?: unknown
}

export function digestOf(parts: readonly PartEntry[]): string {
  const hash = createHash('sha256')
  for (const { sha256 } of parts) hash.update(sha256, 'hex')
  return hash.digest('hex')
}

const kinds: readonly string[] = ['spans', 'logs', 'samples', 'exemplars', 'metadata', 'config']
const whole = (value: unknown, most = Number.MAX_SAFE_INTEGER): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most

function isChoice(content: unknown): content is BackupContentChoice {
  const { traces, logs, metrics, settings, start, end } = (content ?? {}) as Record<string, unknown>
  const times = [start, end].every((time) => time === null || Number.isSafeInteger(time))
  return times && [traces, logs, metrics, settings].every((chosen) => typeof chosen === 'boolean')
}

/** Parses and checks a manifest; parts of kinds that are not known are left out with a warning. @throws GlassboxError `archive_damaged` */
export function readManifest(json: string): Manifest {
  let manifest: Manifest
  try {
    manifest = JSON.parse(json) as Manifest
  } catch {
    throw damaged('the manifest of the archive is no JSON')
  }
  const { parts, days } = manifest ?? {}
  if (!Array.isArray(parts) || parts.length > MAX_PARTS || !Array.isArray(days))
    throw damaged('the manifest of the archive is incomplete')
  for (const part of parts) {
    const fits =
      whole(part.offset) &&
      whole(part.chunk) &&
      whole(part.stored, MAX_PART_BYTES) &&
      whole(part.raw, MAX_PART_BYTES) &&
      whole(part.rows, MAX_PART_ROWS) &&
      typeof part.kind === 'string' &&
      /^[0-9a-f]{64}$/.test(String(part.sha256))
    if (!fits) throw damaged('the manifest of the archive names a part that cannot be')
  }
  if (digestOf(parts) !== manifest.digest) throw damaged('the manifest of the archive does not fit its parts')
  if (manifest.content !== undefined && !isChoice(manifest.content))
    throw damaged('the manifest of the archive does not say which part it holds')
  const unknown = parts.filter(({ kind }) => !kinds.includes(kind)).length
  const warnings = Array.isArray(manifest.warnings) ? manifest.warnings.map(String) : []
  if (unknown > 0)
    warnings.push(`${unknown} parts are of a kind that this Glassbox does not know; they are passed over`)
  return { ...manifest, warnings }
}
