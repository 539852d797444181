import { createWriteStream, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { finished } from 'node:stream/promises'
import { GlassboxError } from '../base/errors.ts'
import { defaultSettings, type Settings } from '../config/settings.ts'
import type { BackupContentChoice } from '../model/backup.ts'
import type { JobProgress } from '../model/job.ts'
import { openSqliteStore } from '../storage/sqlite/store.ts'
import type { ArchiveSecret } from './archive/archive-key.ts'
import type { ArchiveReader } from './archive/archive-reader.ts'
import { readLines } from './archive/archive-reader.ts'
import type { BackupKind, Manifest } from './archive/manifest.ts'
import { type ArchivePlace, openPlaces } from './archive-place.ts'
import type { ConfigTable } from './config-tables.ts'
import { sumsOf } from './day-totals.ts'
import { keepRowsOutside, keepSamplesOutside } from './keep-outside.ts'
import { openBackupSource } from './open-source.ts'
import type { StoredBefore } from './replace-scope.ts'
import {
  type RestoreCounts,
  type RestoreTarget,
  restoreTelemetry,
  type Selection,
  wantsPart,
} from './restore-telemetry.ts'
import { storeTarget } from './store-target.ts'
import { archiveName } from './targets/archive-name.ts'
import { fileTrouble, freeBytesOf, makeFolder, PARTIAL, syncPath } from './targets/local-folder.ts'
import { differingTotals, verifyByChecksum, verifyByRestore } from './verify-archive.ts'
import { writeBackup } from './write-backup.ts'

/** What the work of this folder is told from outside and tells. Everything crosses threads as it is. */
export interface Hooks {
  signal: AbortSignal
  progress(progress: JobProgress): void
}

export interface BackupOrder {
  dataDir: string
  storage: Settings['storage']
  kind: BackupKind
  base: Manifest | null
  /** What of the store; absent or null = all. */
  content?: BackupContentChoice | null
  config: ConfigTable[]
  warnings: string[]
  secret: ArchiveSecret | null
  product: string
  nowUs: number
  /** Folder of the archive, which gets a name of its own; or its file. */
  to: { folder: string } | { file: string }
}

/** Bytes an archive is taken to need before it is made: a twelfth of the most that rows are known to take. */
const LEAST_FREE = 16 * 1024 * 1024

/**
 * Writes an archive to a local file. The file has its name only when it is whole and on disk.
 * @throws GlassboxError `backup_no_space`, `backup_target`, and what `writeBackup` throws; nothing is left then
 */
export async function backupToFile(
  order: BackupOrder,
  { signal, progress }: Hooks,
): Promise<{ file: string; bytes: number; manifest: Manifest }> {
  const folder = 'file' in order.to ? dirname(order.to.file) : order.to.folder
  const partial =
    'file' in order.to ? order.to.file + PARTIAL : join(folder, `.backup-${process.pid}-${order.nowUs}${PARTIAL}`)
  try {
    await makeFolder(folder)
    const free = await freeBytesOf(folder)
    if (free < LEAST_FREE) throw new GlassboxError('backup_no_space', `${folder} has only ${free} bytes free`)
  } catch (error) {
    throw fileTrouble(error, folder)
  }
  const source = await openBackupSource(order.dataDir, order.storage)
  const out = createWriteStream(partial, { mode: 0o600, flags: 'w', flush: true })
  let failed: Error | null = null
  out.on('error', (error) => {
    failed = error
  })
  try {
    const manifest = await writeBackup(
      source,
      {
        ...order,
        signal,
        progress: ({ rawBytes }) => progress({ phase: 'write', done: rawBytes, total: null, unit: 'bytes' }),
      },
      (bytes) =>
        new Promise((resolve, reject) => {
          if (failed) reject(failed)
          else out.write(bytes, (error) => (error ? reject(error) : resolve()))
        }),
    )
    out.end()
    await finished(out)
    const file = 'file' in order.to ? order.to.file : join(folder, archiveName({ ...manifest, kind: order.kind }))
    await rename(partial, file)
    await syncPath(folder)
    return { file, bytes: out.bytesWritten, manifest }
  } catch (error) {
    out.destroy()
    await rm(partial, { force: true })
    if (signal.aborted) throw signal.reason
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? fileTrouble(error, folder) : error
  } finally {
    await source.close()
  }
}

export interface VerifyOrder {
  /** The chain, oldest first; the last one is verified, the others only have to fit. */
  places: ArchivePlace[]
  secret: ArchiveSecret | null
  /** Folder for a test restore; null = by checksum only. */
  scratch: string | null
}

/** A manifest, and whether a password or key file was needed to read it. */
export type OpenedManifest = Manifest & { encrypted: boolean }

export async function verifyPlaces(order: VerifyOrder, { signal, progress }: Hooks): Promise<OpenedManifest> {
  const chain = await openPlaces(order.places, order.secret)
  try {
    const reader = chain.readers[chain.readers.length - 1]
    const options = {
      signal,
      progress: ({ phase, bytes, total }: { phase: string; bytes: number; total: number }) =>
        progress({ phase, done: bytes, total, unit: 'bytes' }),
    }
    await verifyByChecksum(reader, options)
    if (order.scratch !== null) await verifyByRestore(reader, order.scratch, options)
    return { ...reader.manifest, encrypted: reader.encrypted }
  } finally {
    await chain.close()
  }
}

export interface InspectOrder {
  places: ArchivePlace[]
  secret: ArchiveSecret | null
}

/** The manifests of a chain, oldest first; nothing but them is read. */
export async function inspectPlaces({ places, secret }: InspectOrder): Promise<OpenedManifest[]> {
  const chain = await openPlaces(places, secret)
  try {
    return chain.readers.map(({ manifest, encrypted }) => ({ ...manifest, encrypted }))
  } finally {
    await chain.close()
  }
}

/** The configuration in the newest archive of a chain; every archive has all of it. */
async function configOf(readers: readonly ArchiveReader[]): Promise<ConfigTable[]> {
  const reader = readers[readers.length - 1]
  const tables: ConfigTable[] = []
  for (const entry of reader.manifest.parts) {
    if (entry.kind !== 'config') continue
    const rows = readLines(await reader.part(entry)) as Record<string, unknown>[]
    tables.push({ name: String(entry.table), rows })
  }
  return tables
}

export async function configOfPlaces({ places, secret }: InspectOrder): Promise<ConfigTable[]> {
  const chain = await openPlaces(places, secret)
  try {
    return await configOf(chain.readers)
  } finally {
    await chain.close()
  }
}

export interface RestoreOrder {
  places: ArchivePlace[]
  secret: ArchiveSecret | null
  selection: Selection
}

export interface Restored {
  counts: RestoreCounts
  /** What was written was read again, and is day by day what the archive says; only the whole can be compared. */
  verified: boolean
  config: ConfigTable[]
}

export interface StageOrder extends RestoreOrder {
  folder: string
  /** What lies outside the part that is replaced comes along; null = all is replaced. */
  before: StoredBefore | null
}

/**
 * Makes a new `auxiliary.db` in `folder` from a chain of archives, and checks it against them.
 * @throws GlassboxError `archive_damaged`, `backup_no_space`; the folder is the caller's to remove
 */
export async function stageTelemetry(order: StageOrder, hooks: Hooks): Promise<Restored> {
  const { selection, folder, before } = order
  const chain = await openPlaces(order.places, order.secret)
  try {
    const total = bytesOf(chain.readers, selection)
    const free = await freeBytesOf(folder)
    // Blocks of the store are larger than parts of an archive.
    const needed = total * 3 + (before ? fileBytes(join(before.dataDir, 'auxiliary.db')) : 0)
    if (free < needed + LEAST_FREE)
      throw new GlassboxError(
        'backup_no_space',
        `the restore needs about ${needed} bytes in ${folder}, ${free} are free`,
      )
    const settings = structuredClone(defaultSettings)
    settings.storage.reserveBytes = 0
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
    const store = await openSqliteStore({ dataDir: folder, settings, log: quiet })
    try {
      const target = storeTarget(store, 'restore')
      const kept = before ? await keepRowsOutside(before, target, hooks) : []
      if (before) await keepSamplesOutside(before, 'before', target, hooks)
      const counts = await run(chain.readers, target, { ...order, after: null, total }, hooks)
      if (before) await keepSamplesOutside(before, 'after', target, hooks)
      await store.writer.endMove('restore', false)
      if (isWhole(selection)) {
        hooks.progress({ phase: 'verify', done: total, total, unit: 'bytes' })
        const expected = addDays([...chain.readers.flatMap(({ manifest }) => manifest.days), ...kept])
        const differs = differingTotals(expected, await sumsOf(store.reader, hooks.signal))
        if (differs !== null)
          throw new GlassboxError('archive_damaged', `what was restored is not what the archive says: ${differs}`)
      }
      const config = selection.config ? await configOf(chain.readers) : []
      return { counts, verified: isWhole(selection), config }
    } finally {
      await store.stop()
    }
  } finally {
    await chain.close()
  }
}

/** Adds the rows of a chain to a store that is in use, whose writer answers at the other end of `target`. */
export async function mergeTelemetry(
  order: RestoreOrder & { after: string | null },
  target: RestoreTarget,
  hooks: Hooks,
  fresh?: Parameters<typeof restoreTelemetry>[2]['fresh'],
): Promise<RestoreCounts> {
  const chain = await openPlaces(order.places, order.secret)
  try {
    const total = bytesOf(chain.readers, order.selection)
    // Nothing is written before every byte was checked.
    for (const reader of chain.readers)
      await verifyByChecksum(reader, {
        signal: hooks.signal,
        progress: ({ bytes, total: of }) => hooks.progress({ phase: 'check', done: bytes, total: of, unit: 'bytes' }),
      })
    return await run(chain.readers, target, { ...order, total, fresh }, hooks)
  } finally {
    await chain.close()
  }
}

async function run(
  readers: readonly ArchiveReader[],
  target: RestoreTarget,
  order: {
    selection: Selection
    after: string | null
    total: number
    fresh?: Parameters<typeof restoreTelemetry>[2]['fresh']
  },
  { signal, progress }: Hooks,
): Promise<RestoreCounts> {
  return restoreTelemetry(readers, target, {
    selection: order.selection,
    after: order.after,
    fresh: order.fresh,
    signal,
    progress: ({ bytes }) =>
      progress({ phase: 'restore', done: Math.min(bytes, order.total), total: order.total, unit: 'bytes' }),
  })
}

function bytesOf(readers: readonly ArchiveReader[], selection: Selection): number {
  const parts = readers.flatMap(({ manifest }) => manifest.parts)
  return parts.filter((part) => wantsPart(part, selection)).reduce((sum, { stored }) => sum + stored, 0)
}

const fileBytes = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

const isWhole = ({ telemetry, start, end, service }: Selection): boolean =>
  telemetry && start === null && end === null && service === null

/** The same days of several added up. */
function addDays(all: Manifest['days']): Manifest['days'] {
  const days = new Map<string, Manifest['days'][number]>()
  for (const day of all) {
    const key = `${day.signal} ${day.day}`
    const known = days.get(key)
    days.set(
      key,
      known && day.sum !== '' ? { ...day, rows: known.rows + day.rows, sum: addSums(known.sum, day.sum) } : day,
    )
  }
  return [...days.values()]
}

/** Content sums add up half by half. */
function addSums(a: string, b: string): string {
  const half = (at: number): string =>
    ((Number.parseInt(a.slice(at, at + 8), 16) + Number.parseInt(b.slice(at, at + 8), 16)) >>> 0)
      .toString(16)
      .padStart(8, '0')
  return half(0) + half(8)
}
