import type { LogRecord } from '../../../core/model/records.ts'
import { api } from '../../api/client.ts'
import { timeOfId } from './derive/attribute-text.ts'

const EACH_SIDE = 50
const DAY = 86_400e6
/** A search that finds more than it may answer is tried again with a tenth of the time. */
const MOST = 1000

/** The lines of one service before and after a line, newest first, filters off. */
export async function readAround(
  id: string,
  service: string,
  signal: AbortSignal,
): Promise<{ items: LogRecord[]; bounds: { start: number; end: number } }> {
  const time = timeOfId(id) ?? Date.now() * 1000
  const before = await api.logs({ start: time - DAY, end: time + 1, service, limit: EACH_SIDE + 1 }, signal)
  const after = await readAfter(time + 1, service, signal)
  const items = [...after, ...before.items]
  const bounds = { start: items.at(-1)?.time ?? time - 1e6, end: (items[0]?.time ?? time) + 1 }
  return { items, bounds }
}

/** The first 50 after `time`. Searches answer the newest first, so the window is fitted around as many. */
async function readAfter(time: number, service: string, signal: AbortSignal): Promise<LogRecord[]> {
  let length = 10e6
  let enough = 0
  let best: LogRecord[] = []
  for (let attempt = 0; attempt < 10; attempt++) {
    const page = await api.logs({ start: time, end: time + length, service, limit: MOST }, signal)
    if (page.nextCursor !== null) {
      enough = length
      length = Math.max(1, length / 10)
      continue
    }
    best = page.items.slice(-EACH_SIDE)
    if (best.length === EACH_SIDE || length >= DAY || length * 10 === enough) break
    length *= 10
  }
  return best
}
