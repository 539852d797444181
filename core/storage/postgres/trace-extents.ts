import type { SpanBatch } from '../../model/columns.ts'
import { IdTable } from '../sqlite/blocks/id-table.ts'

/** The traces of one write: what is known of each, and the spans in an order in which those of a trace lie together. */
export interface TraceExtents {
  /** How many traces. */
  size: number
  /** 16 bytes a trace. */
  ids: Uint8Array
  /** µs */
  start: Float64Array
  end: Float64Array
  failed: Uint8Array
  /** Place of each trace's last span to arrive. */
  last: Uint32Array
  /** Places of all spans, by trace. A place is the number of a span within the write. */
  order: Uint32Array
  batchOf: Uint32Array
  rowOf: Uint32Array
}

export function traceExtents(batches: SpanBatch[]): TraceExtents {
  const rows = batches.reduce((sum, batch) => sum + batch.n, 0)
  const table = new IdTable(16, rows)
  const traceOf = new Uint32Array(rows)
  const batchOf = new Uint32Array(rows)
  const rowOf = new Uint32Array(rows)
  const start = new Float64Array(rows).fill(Number.POSITIVE_INFINITY)
  const end = new Float64Array(rows).fill(Number.NEGATIVE_INFINITY)
  const failed = new Uint8Array(rows)
  let place = 0
  batches.forEach((batch, number) => {
    for (let row = 0; row < batch.n; row++, place++) {
      const trace = table.intern(batch.traceId, row * 16)
      traceOf[place] = trace
      batchOf[place] = number
      rowOf[place] = row
      const from = batch.startUs[row]
      const to = from + batch.durUs[row]
      if (from < start[trace]) start[trace] = from
      if (to > end[trace]) end[trace] = to
      if (batch.status[row] === 2) failed[trace] = 1
    }
  })
  const { size } = table
  const next = new Uint32Array(size + 1)
  for (let at = 0; at < rows; at++) next[traceOf[at] + 1]++
  for (let trace = 0; trace < size; trace++) next[trace + 1] += next[trace]
  const order = new Uint32Array(rows)
  for (let at = 0; at < rows; at++) order[next[traceOf[at]]++] = at
  // Each trace's counter stands at the next one's beginning now.
  const last = new Uint32Array(size)
  for (let trace = 0; trace < size; trace++) last[trace] = order[next[trace] - 1]
  return { size, ids: table.bytes, start, end, failed, last, order, batchOf, rowOf }
}
