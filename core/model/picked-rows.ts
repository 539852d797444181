import type { TelemetryBatch } from './columns.ts'

/** Which rows of which batches go together, in their new order. */
export interface PickedRows<B extends TelemetryBatch> {
  n: number
  batches: readonly B[]
  /** Batch of each row. */
  source: Uint32Array
  /** Row within its batch. */
  row: Uint32Array
}

type NumberColumn = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** A column of plain numbers in the new order, written to `out`. */
export function gather<B extends TelemetryBatch, C extends NumberColumn>(
  rows: PickedRows<B>,
  pick: (batch: B) => NumberColumn,
  out: C,
): C {
  const columns = rows.batches.map(pick)
  for (let i = 0; i < rows.n; i++) out[i] = columns[rows.source[i]][rows.row[i]]
  return out
}

/** A column of ids of `width` bytes in the new order. */
export function gatherIds<B extends TelemetryBatch>(
  rows: PickedRows<B>,
  pick: (batch: B) => Uint8Array,
  width: number,
): Uint8Array {
  const columns = rows.batches.map(pick)
  const out = new Uint8Array(rows.n * width)
  for (let i = 0; i < rows.n; i++) {
    const from = columns[rows.source[i]]
    const at = rows.row[i] * width
    for (let j = 0; j < width; j++) out[i * width + j] = from[at + j]
  }
  return out
}
