import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { PartialNote } from '../../../model/answers.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import { DamagedBlock } from '../blocks/damaged-block.ts'
import { decodeStats } from '../blocks/stats.ts'
import type { BlockCache } from './block-cache.ts'

const HINT = 'The damaged blocks stay in auxiliary.db until retention; glassbox doctor lists them. Look at the disk.'

/** What an answer over the range lacks for blocks that are damaged, or null when nothing. Times are µs. */
export function missingOf(
  cache: BlockCache,
  signal: 'span' | 'log',
  range: { start: number; end: number },
): PartialNote {
  const missing = cache
    .setAside(signal)
    .filter(
      ({ minTime, maxTime }) => minTime === null || maxTime === null || (maxTime >= range.start && minTime < range.end),
    )
  if (missing.length === 0) return null
  const rows = missing.reduce((sum, block) => sum + block.rows, 0)
  const what = signal === 'span' ? 'spans' : 'log records'
  return { reason: `${missing.length} damaged blocks with ${rows} ${what} of this time range are left out`, hint: HINT }
}

/** What a trace may lack for blocks that are damaged, or null. */
export function missingOfTrace(db: Database.Database, cache: BlockCache, id: Uint8Array): PartialNote {
  const { hi, lo } = traceHash(id, 0)
  const read = db.prepare('SELECT stats FROM span_block WHERE id = ?').pluck()
  const holds = cache.setAside('span').filter((block) => {
    try {
      return bloomHas(decodeStats(read.get(block.id) as Uint8Array, null).traceBloom, hi, lo)
    } catch {
      // Its list of traces is what is damaged: it says nothing of this one.
      return false
    }
  })
  if (holds.length === 0) return null
  return { reason: `Spans of this trace are missing: ${holds.length} damaged blocks had some`, hint: HINT }
}

/** @throws GlassboxError `data_damaged` when a trace of which nothing is left was in a damaged block */
export function throwIfDamaged(db: Database.Database, cache: BlockCache, traceId: string, id: Uint8Array): void {
  if (missingOfTrace(db, cache, id))
    throw new GlassboxError('data_damaged', `Trace ${traceId} was in a block that is damaged.`, HINT)
}

/** Does the work again without each damaged block that it meets; every block is met once. */
export function withoutDamaged<T>(cache: BlockCache, work: () => T): T {
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof DamagedBlock)) throw error
      cache.leaveOut(error)
    }
  }
}
