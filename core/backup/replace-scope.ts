import { GlassboxError } from '../base/errors.ts'
import type { Settings } from '../config/settings.ts'
import { scanAll } from '../storage/scan.ts'
import type { Manifest } from './archive/manifest.ts'
import { openBackupSource } from './open-source.ts'
import { isOfService, type Selection } from './restore-telemetry.ts'
import { rowsWithin } from './rows-within.ts'

/** What of the stored telemetry a restore takes the place of; all that lies outside stays. Times as in `Selection`. */
export interface ReplaceScope {
  traces: boolean
  logs: boolean
  metrics: boolean
  start: number | null
  end: number | null
  service: string | null
}

/** The store that is restored into, as it is before. */
export interface StoredBefore {
  dataDir: string
  storage: Settings['storage']
  scope: ReplaceScope
  /** A mark: rows after it are not looked at; null = all. */
  upTo: string | null
  /** The same for samples, ms, exclusive. */
  beforeMs: number | null
}

/**
 * What a restore that replaces may touch: what is wanted of what the archive says of. Of an archive of everything, of which
 * everything is wanted, it is null: all that is stored.
 * @param newest manifest of the newest archive of a chain
 * @throws GlassboxError `archive_part_unknown` when it holds a part and does not say which
 */
export function replaceScope(newest: Manifest, { start, end, service }: Selection): ReplaceScope | null {
  if (newest.kind === 'part' && !newest.content)
    throw new GlassboxError(
      'archive_part_unknown',
      'this archive holds a part of what was stored and was made before archives said which part: it cannot take the place of anything',
    )
  const { traces, logs, metrics, ...range } = newest.content ?? {
    traces: true,
    logs: true,
    metrics: true,
    start: null,
    end: null,
  }
  const scope = { traces, logs, metrics, start: later(start, range.start), end: earlier(end, range.end), service }
  const all = traces && logs && metrics && scope.start === null && scope.end === null && service === null
  return all ? null : scope
}

const later = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b))
const earlier = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b)

/** Whether an archive has telemetry that could take the place of other: one of settings has none. */
export const holdsTelemetry = ({ kind, content }: Manifest): boolean =>
  kind !== 'config' && (!content || content.traces || content.logs || content.metrics)

export type InsideOrder = Pick<StoredBefore, 'dataDir' | 'storage' | 'scope'>

/** How many spans, log records and samples lie inside the scope: a restore would take their place. */
export async function countInside(
  { dataDir, storage, scope }: InsideOrder,
  signal: AbortSignal,
): Promise<{ traces: number; logs: number; metrics: number }> {
  const source = await openBackupSource(dataDir, storage)
  try {
    const upTo = await source.scanner.scanMark()
    const inside = { traces: 0, logs: 0, metrics: 0 }
    for await (const { spans, logs } of scanAll(source.scanner, { after: null, upTo, since: scope.start }, signal)) {
      signal.throwIfAborted()
      for (const batch of scope.traces ? spans : []) inside.traces += rowsWithin(batch, scope).n
      for (const batch of scope.logs ? logs : []) inside.logs += rowsWithin(batch, scope).n
    }
    const from = Math.ceil((scope.start ?? 0) / 1000)
    const to = scope.end === null ? Number.MAX_SAFE_INTEGER : Math.ceil(scope.end / 1000) - 1
    for await (const { labels, times } of (scope.metrics && source.metrics?.samples(from, to)) || [])
      if (scope.service === null || isOfService(labels, scope.service)) inside.metrics += times.length
    return inside
  } finally {
    await source.close()
  }
}
