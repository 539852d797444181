import type { Clock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'

const hourUs = 3_600_000_000
/** Senders' clocks run a little ahead; what has just arrived belongs to "until now". */
const aheadUs = 60_000_000

/**
 * The range asked for, µs; the last hour when nothing is said.
 * @throws GlassboxError `bad_request` when it ends before it starts.
 */
export function timeRange(query: { start?: number; end?: number }, clock: Clock): { start: number; end: number } {
  const end = query.end ?? Math.max(clock.nowUs(), query.start ?? 0) + aheadUs
  const start = query.start ?? (query.end ?? clock.nowUs()) - hourUs
  if (start > end) throw new GlassboxError('bad_request', `start: ${start} lies after end ${end}`)
  return { start, end }
}
