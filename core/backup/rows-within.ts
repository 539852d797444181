import type { LogBatch, SpanBatch, TelemetryBatch } from '../model/columns.ts'
import { selectRows } from '../model/select-rows.ts'

/**
 * Rows by their own time (start of the span, time of the record) and their service. Times are µs, start inclusive, end
 * exclusive; null = no such bound.
 */
interface RowBounds {
  start: number | null
  end: number | null
  service?: string | null
}

/** The rows of a batch within the bounds. */
export function rowsWithin<B extends TelemetryBatch>(batch: B, bounds: RowBounds): B {
  return unbounded(bounds) ? batch : selectRows(batch, within(batch, bounds))
}

/** All other rows. */
export function rowsOutside<B extends TelemetryBatch>(batch: B, bounds: RowBounds): B {
  const inside = unbounded(bounds) ? new Uint8Array(batch.n).fill(1) : within(batch, bounds)
  return selectRows(
    batch,
    inside.map((one) => 1 - one),
  )
}

const unbounded = ({ start, end, service = null }: RowBounds): boolean =>
  start === null && end === null && service === null

/** 1 for each row within the bounds, 0 for the others. */
function within(batch: TelemetryBatch, { start, end, service = null }: RowBounds): Uint8Array {
  const times = batch.signal === 'traces' ? (batch as SpanBatch).startUs : (batch as LogBatch).timeUs
  const keep = new Uint8Array(batch.n)
  for (let row = 0; row < batch.n; row++) {
    const inTime = (start === null || times[row] >= start) && (end === null || times[row] < end)
    if (inTime && (service === null || batch.resources[batch.resource[row]].service === service)) keep[row] = 1
  }
  return keep
}
