import type { AttributeColumns, LogBatch, SpanBatch, TelemetryBatch } from './columns.ts'

const rowBytes: Record<string, number> = { traceId: 16, spanId: 8, parentId: 8 }

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

/**
 * The rows of `batch` whose byte in `keep` is not 0, in their order. Dictionary, resources and scopes are shared with
 * the batch given; every column is a copy.
 */
export function selectRows<B extends TelemetryBatch>(batch: B, keep: Uint8Array): B {
  const rows = keptRows(keep, batch.n)
  const selected: Record<string, unknown> = { ...batch, n: rows.length }
  for (const [name, value] of Object.entries(batch)) {
    if (ArrayBuffer.isView(value)) selected[name] = selectColumn(value as Column, rows, rowBytes[name] ?? 1)
  }
  selected.attributes = selectAttributes(batch.attributes, rows)
  return selected as unknown as B
}

function keptRows(keep: Uint8Array, n: number): Uint32Array {
  let count = 0
  for (let row = 0; row < n; row++) if (keep[row]) count++
  const rows = new Uint32Array(count)
  let at = 0
  for (let row = 0; row < n; row++) if (keep[row]) rows[at++] = row
  return rows
}

function selectColumn(column: Column, rows: Uint32Array, width: number): Column {
  // A column that came from a database or file may be a Buffer, whose constructor is another thing.
  const Made = (column instanceof Uint8Array ? Uint8Array : column.constructor) as new (length: number) => Column
  const selected = new Made(rows.length * width)
  if (width === 1) {
    for (let i = 0; i < rows.length; i++) selected[i] = column[rows[i]]
    return selected
  }
  for (let i = 0; i < rows.length; i++) {
    const from = rows[i] * width
    for (let byte = 0; byte < width; byte++) selected[i * width + byte] = column[from + byte]
  }
  return selected
}

function selectAttributes(attributes: AttributeColumns, rows: Uint32Array): AttributeColumns {
  const offsets = new Uint32Array(rows.length + 1)
  for (let i = 0; i < rows.length; i++) {
    offsets[i + 1] = offsets[i] + attributes.offsets[rows[i] + 1] - attributes.offsets[rows[i]]
  }
  const total = offsets[rows.length]
  const keys = new Uint32Array(total)
  const types = new Uint8Array(total)
  const values = new Float64Array(total)
  for (let i = 0; i < rows.length; i++) {
    let at = offsets[i]
    for (let from = attributes.offsets[rows[i]]; from < attributes.offsets[rows[i] + 1]; from++, at++) {
      keys[at] = attributes.keys[from]
      types[at] = attributes.types[from]
      values[at] = attributes.values[from]
    }
  }
  return { offsets, keys, types, values }
}

/** 1 for each row that overload may drop last: failed spans, and log records of severity ERROR (17) and above. */
export function errorRows(batch: TelemetryBatch): Uint8Array {
  const errors = new Uint8Array(batch.n)
  const column = batch.signal === 'traces' ? (batch as SpanBatch).status : (batch as LogBatch).severity
  const least = batch.signal === 'traces' ? 2 : 17
  for (let row = 0; row < batch.n; row++) if (column[row] >= least) errors[row] = 1
  return errors
}
