import type { Dictionary, ResourceEntry, ScopeEntry, TelemetryBatch } from '../../../model/columns.ts'
import { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import type { PickedRows } from '../../../model/picked-rows.ts'

/** Rows of a block, in block order, with all text in one dictionary. */
export interface BlockRows<B extends TelemetryBatch> extends PickedRows<B> {
  dictionary: Dictionary
  /** Per batch: its dictionary entries in the block's dictionary; null = the same. */
  maps: (Uint32Array | null)[]
}

/** Several dictionaries as one. A lone batch keeps its own. */
export function mergeDictionaries(batches: readonly TelemetryBatch[]): {
  dictionary: Dictionary
  maps: (Uint32Array | null)[]
} {
  if (batches.length === 1) return { dictionary: batches[0].dictionary, maps: [null] }
  const builder = new DictionaryBuilder()
  const maps = batches.map(({ dictionary: { bytes, offsets, size } }) => {
    const map = new Uint32Array(size)
    for (let i = 1; i < size; i++) map[i] = builder.intern(bytes, offsets[i], offsets[i + 1])
    return map
  })
  return { dictionary: builder.finish(), maps }
}

/** A column of dictionary entries, in block order. */
export function gatherEntries<B extends TelemetryBatch>(
  rows: BlockRows<B>,
  pick: (batch: B) => Uint32Array,
): Uint32Array {
  const columns = rows.batches.map(pick)
  const out = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) {
    const batch = rows.source[i]
    const entry = columns[batch][rows.row[i]]
    const map = rows.maps[batch]
    out[i] = map ? map[entry] : entry
  }
  return out
}

/** The distinct resources (or scopes) that the rows name, and each row's index among them. */
export function gatherShared<B extends TelemetryBatch, T extends ResourceEntry | ScopeEntry>(
  rows: BlockRows<B>,
  list: (batch: B) => T[],
  index: (batch: B) => Uint32Array,
): { entries: T[]; index: Uint32Array } {
  const entries: T[] = []
  const known = new Map<string, number>()
  const maps = rows.batches.map((batch) => new Int32Array(list(batch).length).fill(-1))
  const columns = rows.batches.map(index)
  const out = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) {
    const batch = rows.source[i]
    const local = columns[batch][rows.row[i]]
    if (maps[batch][local] === -1) {
      const entry = list(rows.batches[batch])[local]
      const key = JSON.stringify(entry)
      const at = known.get(key) ?? entries.push(entry) - 1
      known.set(key, at)
      maps[batch][local] = at
    }
    out[i] = maps[batch][local]
  }
  return { entries, index: out }
}

const DAY_US = 86_400_000_000

/** Rows of all batches by UTC day of `timeUs`; hostile times beyond 16 days share one partition, day -1. */
export function partitionByDay<B extends TelemetryBatch>(
  batches: readonly B[],
  time: (batch: B) => Float64Array,
): Map<number, { source: Uint32Array; row: Uint32Array }> {
  const days = new Map<number, { count: number; source: Uint32Array; row: Uint32Array }>()
  let left = batches.reduce((sum, batch) => sum + batch.n, 0)
  batches.forEach((batch, source) => {
    const times = time(batch)
    let from = Number.POSITIVE_INFINITY
    let part: { count: number; source: Uint32Array; row: Uint32Array } | undefined
    for (let row = 0; row < batch.n; row++, left--) {
      if (part === undefined || !(times[row] >= from && times[row] < from + DAY_US)) {
        let day = Math.floor(times[row] / DAY_US)
        if (!days.has(day) && days.size >= 16) day = -1
        from = day === -1 ? Number.POSITIVE_INFINITY : day * DAY_US
        part = days.get(day)
        if (!part) {
          // Room for all rows that are left, which almost always are of the same day.
          part = { count: 0, source: new Uint32Array(left), row: new Uint32Array(left) }
          days.set(day, part)
        }
      }
      part.source[part.count] = source
      part.row[part.count++] = row
    }
  })
  return new Map(
    [...days].map(([day, { count, source, row }]) => [
      day,
      { source: source.subarray(0, count), row: row.subarray(0, count) },
    ]),
  )
}
