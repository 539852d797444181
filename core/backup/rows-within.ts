import type { LogBatch, SpanBatch, TelemetryBatch } from '../model/columns.ts'
import { selectRows } from '../model/select-rows.ts'

/**
 * The rows of a batch whose own time (start of the span, time of the record) lies in a range, and of one service. Times are µs,
 * start inclusive, end exclusive; null = no such bound.
 */
export function rowsWithin<B extends TelemetryBatch>(
  batch: B,
  { start, end, service = null }: { start: number | null; end: number | null; service?: string | null },
): B {
  if (start === null && end === null && service === null) return batch
  const times = batch.signal === 'traces' ? (batch as SpanBatch).startUs : (batch as LogBatch).timeUs
  const keep = new Uint8Array(batch.n)
  for (let row = 0; row < batch.n; row++) {
    const within = (start === null || times[row] >= start) && (end === null || times[row] < end)
    if (within && (service === null || batch.resources[batch.resource[row]].service === service)) keep[row] = 1
  }
  return selectRows(batch, keep)
}
