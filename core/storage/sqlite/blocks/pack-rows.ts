import type { LogBatch, ResourceEntry, ScopeEntry, SpanBatch } from '../../../model/columns.ts'
import { gather } from '../../../model/picked-rows.ts'
import { type BlockRows, gatherEntries, gatherShared, mergeDictionaries, partitionByDay } from './block-rows.ts'
import { packUints } from './pack.ts'
import { ArenaWriter, writeStrings, writeTextColumn } from './text-column.ts'

/** Rows a block holds at most: small enough to open in a few ms, large enough to compress well. */
export const MAX_BLOCK_ROWS = 16_384

/** A batch on its way into blocks. */
export interface NumberedBatch<B extends SpanBatch | LogBatch> {
  batch: B
  /** Number of the first row, or of each. */
  seq: number | Uint32Array
  /** µs; the batch's own receivedUs unless merged from several. */
  minReceived?: number
}

/** The rows of all batches, block by block: split by UTC day of `time`, {@link MAX_BLOCK_ROWS} at most. */
export function* rowsOfBlocks<B extends SpanBatch | LogBatch>(
  input: readonly NumberedBatch<B>[],
  time: (batch: B) => Float64Array,
): Generator<{ day: number; rows: BlockRows<B> }> {
  const batches = input.map(({ batch }) => batch)
  const { dictionary, maps } = mergeDictionaries(batches)
  for (const [day, part] of partitionByDay(batches, time)) {
    for (let from = 0; from < part.row.length; from += MAX_BLOCK_ROWS) {
      const source = part.source.subarray(from, from + MAX_BLOCK_ROWS)
      const row = part.row.subarray(from, from + MAX_BLOCK_ROWS)
      yield { day, rows: { n: row.length, batches, source, row, dictionary, maps } }
    }
  }
}

/** Packs columns of a block's rows, each as the bytes of one section. */
export class RowPacker<B extends SpanBatch | LogBatch> {
  readonly rows: BlockRows<B>
  #texts: ArenaWriter

  constructor(rows: BlockRows<B>) {
    this.rows = rows
    this.#texts = new ArenaWriter(rows.dictionary)
  }

  u8(pick: (batch: B) => Uint8Array): Uint8Array {
    return packUints(gather(this.rows, pick, new Uint8Array(this.rows.n)))
  }
  u16(pick: (batch: B) => Uint16Array): Uint8Array {
    return packUints(gather(this.rows, pick, new Uint16Array(this.rows.n)))
  }
  u32(pick: (batch: B) => Uint32Array): Uint8Array {
    return packUints(gather(this.rows, pick, new Uint32Array(this.rows.n)))
  }
  text(pick: (batch: B) => Uint32Array): Uint8Array {
    return writeTextColumn(this.#texts, gatherEntries(this.rows, pick))
  }
}

/** Each row's number. */
export function seqsOf<B extends SpanBatch | LogBatch>(
  { n, source, row }: BlockRows<B>,
  input: readonly NumberedBatch<B>[],
): Uint32Array {
  const seq = new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const own = input[source[i]].seq
    seq[i] = typeof own === 'number' ? own : own[row[i]]
  }
  return seq
}

/** When the rows came, µs. */
export function receivedOf<B extends SpanBatch | LogBatch>(
  rows: BlockRows<B>,
  input: readonly NumberedBatch<B>[],
): { minReceived: number; maxReceived: number } {
  let minReceived = Number.POSITIVE_INFINITY
  let maxReceived = Number.NEGATIVE_INFINITY
  const used = new Uint8Array(input.length)
  for (let i = 0; i < rows.n; i++) used[rows.source[i]] = 1
  for (let source = 0; source < used.length; source++) {
    if (used[source] === 0) continue
    const { batch, minReceived: earliest } = input[source]
    minReceived = Math.min(minReceived, earliest ?? batch.receivedUs)
    maxReceived = Math.max(maxReceived, batch.receivedUs)
  }
  return { minReceived, maxReceived }
}

/** What the rows say of where they come from: resources, scopes and services as sections, and what they hold. */
export function packSources<B extends SpanBatch | LogBatch>(rows: BlockRows<B>) {
  const resources = gatherShared<B, ResourceEntry>(
    rows,
    (b) => b.resources,
    (b) => b.resource,
  )
  const scopes = gatherShared<B, ScopeEntry>(
    rows,
    (b) => b.scopes,
    (b) => b.scope,
  )
  const services = [...new Set(resources.entries.map((entry) => entry.service))]
  const serviceOf = Uint32Array.from(resources.entries, (entry) => services.indexOf(entry.service))
  return {
    resources,
    services,
    sections: {
      services: writeStrings(services),
      service: packUints(resources.index.map((index) => serviceOf[index])),
      resource: packUints(resources.index),
      scope: packUints(scopes.index),
      resources: writeStrings(resources.entries.map((entry) => JSON.stringify(entry))),
      scopes: writeStrings(scopes.entries.map((entry) => JSON.stringify(entry))),
    },
  }
}
