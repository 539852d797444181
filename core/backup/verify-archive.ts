import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GlassboxError } from '../base/errors.ts'
import { release } from '../base/release.ts'
import { defaultSettings } from '../config/settings.ts'
import { openSqliteStore } from '../storage/sqlite/store.ts'
import type { ArchiveReader } from './archive/archive-reader.ts'
import { decodePart } from './archive/decode-part.ts'
import type { DayTotal } from './archive/manifest.ts'
import { sumsOf } from './day-totals.ts'
import { everything, restoreTelemetry } from './restore-telemetry.ts'
import { storeTarget } from './store-target.ts'
import { freeBytesOf } from './targets/local-folder.ts'

export interface VerifyOptions {
  signal: AbortSignal
  progress(done: { phase: 'read' | 'restore' | 'compare'; bytes: number; total: number }): void
}

/** Reads every byte and checks every tag, hash and total. @throws GlassboxError `archive_damaged` */
export async function verifyByChecksum(reader: ArchiveReader, { signal, progress }: VerifyOptions): Promise<void> {
  const total = reader.manifest.parts.reduce((sum, { stored }) => sum + stored, 0)
  let bytes = 0
  const rows = { spans: 0, logs: 0, samples: 0 }
  for await (const { entry, body } of reader.all()) {
    signal.throwIfAborted()
    release(body)
    bytes += entry.stored
    if (entry.kind in rows) rows[entry.kind as keyof typeof rows] += entry.rows
    progress({ phase: 'read', bytes, total })
  }
  const told = (signal: DayTotal['signal']): number =>
    reader.manifest.days.filter((day) => day.signal === signal).reduce((sum, day) => sum + day.rows, 0)
  if (told('traces') !== rows.spans || told('logs') !== rows.logs || told('metrics') !== rows.samples)
    throw new GlassboxError('archive_damaged', 'the totals of the archive do not fit its parts')
}

/**
 * Proves that an archive restores: into a scratch store, whose content is then compared day by day with what the archive
 * says was stored. Call after `verifyByChecksum`.
 * @param scratch a folder in which a folder of its own is made, and removed at the end
 * @throws GlassboxError `archive_damaged`, `backup_no_space`
 */
export async function verifyByRestore(reader: ArchiveReader, scratch: string, options: VerifyOptions): Promise<void> {
  const { parts, days } = reader.manifest
  const total = parts.reduce((sum, { stored }) => sum + stored, 0)
  const free = await freeBytesOf(scratch)
  const needed = total * 3 + 64 * 1024 * 1024
  if (free < needed)
    throw new GlassboxError(
      'backup_no_space',
      `a test restore needs about ${needed} bytes in ${scratch}, ${free} are free`,
    )
  const dataDir = await mkdtemp(join(scratch, 'verify-'))
  try {
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
    const settings = structuredClone(defaultSettings)
    settings.storage.reserveBytes = 0
    const store = await openSqliteStore({ dataDir, settings, log: quiet })
    try {
      const counts = await restoreTelemetry([reader], storeTarget(store, 'verify'), {
        selection: everything,
        after: null,
        signal: options.signal,
        progress: ({ bytes }) => options.progress({ phase: 'restore', bytes, total }),
      })
      options.progress({ phase: 'compare', bytes: total, total })
      const restored = await sumsOf(store.reader, options.signal)
      const differs = differingTotals(days, restored)
      if (differs !== null) throw new GlassboxError('archive_damaged', `a test restore gave other content: ${differs}`)
      const samples = days.filter(({ signal }) => signal === 'metrics').reduce((sum, { rows }) => sum + rows, 0)
      if (counts.samples !== samples)
        throw new GlassboxError('archive_damaged', `a test restore gave ${counts.samples} samples of ${samples}`)
    } finally {
      await store.stop()
    }
    for (const entry of parts) if (entry.kind === 'config') decodePart(entry, await reader.part(entry))
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** The first day of which the two differ, in words; null when there is none. */
export function differingTotals(expected: readonly DayTotal[], found: readonly DayTotal[]): string | null {
  const key = ({ signal, day }: DayTotal): string => `${signal} of ${day}`
  const others = new Map(found.map((one) => [key(one), one]))
  for (const one of expected) {
    if (one.signal === 'metrics') continue
    const other = others.get(key(one))
    if (other?.rows !== one.rows || other.sum !== one.sum)
      return `${key(one)}: ${other?.rows ?? 0} rows instead of ${one.rows}${other?.rows === one.rows ? ', with other values' : ''}`
    others.delete(key(one))
  }
  const [more] = others.keys()
  return more === undefined ? null : `${more} is not in the archive`
}
