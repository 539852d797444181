import type { SpanBatch } from '../../model/columns.ts'

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array

function pick<C extends Column>(column: C, rows: Uint32Array, width: number): C {
  const out = new (column.constructor as new (length: number) => C)(rows.length * width)
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < width; j++) out[i * width + j] = column[rows[i] * width + j]
  return out
}

/** The batch with only `rows` of it; text and resources stay shared. */
export function selectRows(batch: SpanBatch, rows: Uint32Array): SpanBatch {
  const { offsets, keys, types, values } = batch.attributes
  const starts = new Uint32Array(rows.length + 1)
  for (let i = 0; i < rows.length; i++) starts[i + 1] = starts[i] + offsets[rows[i] + 1] - offsets[rows[i]]
  const entries = new Uint32Array(starts[rows.length])
  for (let i = 0; i < rows.length; i++)
    for (let j = starts[i]; j < starts[i + 1]; j++) entries[j] = offsets[rows[i]] + j - starts[i]
  const one = <C extends Column>(column: C): C => pick(column, rows, 1)
  return {
    ...batch,
    n: rows.length,
    traceId: pick(batch.traceId, rows, 16),
    spanId: pick(batch.spanId, rows, 8),
    parentId: pick(batch.parentId, rows, 8),
    startUs: one(batch.startUs),
    startNs: one(batch.startNs),
    durUs: one(batch.durUs),
    durNs: one(batch.durNs),
    name: one(batch.name),
    kind: one(batch.kind),
    status: one(batch.status),
    statusMessage: one(batch.statusMessage),
    traceState: one(batch.traceState),
    flags: one(batch.flags),
    resource: one(batch.resource),
    scope: one(batch.scope),
    droppedAttributes: one(batch.droppedAttributes),
    droppedEvents: one(batch.droppedEvents),
    droppedLinks: one(batch.droppedLinks),
    events: one(batch.events),
    links: one(batch.links),
    marks: one(batch.marks),
    sampleRate: one(batch.sampleRate),
    attributes: {
      offsets: starts,
      keys: pick(keys, entries, 1),
      types: pick(types, entries, 1),
      values: pick(values, entries, 1),
    },
  }
}
