import { AttrType, type SpanBatch } from '../../model/columns.ts'
import { AttrHasher, attrHash, type BloomHash, bloomAdd, newBloom, PROBES } from '../sqlite/blocks/bloom.ts'
import type { PartRange, Session } from './session.ts'
import type { TraceExtents } from './trace-extents.ts'

/**
 * What a part that is not indexed yet may hold: of each stretch of rows, as they lie on disk, a Bloom filter over
 * `key=value` of their attributes. A search for an equal value then reads the stretches that may have it instead of all. A
 * part's filters go when its index is there. Of schemas made before there were any, too: an earlier version passes over them.
 */
export const VALUE_FILTERS = (unlogged: string): string => `
  CREATE ${unlogged} TABLE IF NOT EXISTS SCHEMA._value_filters (part int4 NOT NULL, first int4 NOT NULL, rows int4 NOT NULL,
    seq int8 NOT NULL, bits bytea NOT NULL);
  ALTER TABLE SCHEMA._value_filters ALTER bits SET STORAGE EXTERNAL;`

/** Rows of a stretch; as many as one entry of the BRIN index stands for. */
const STRETCH = 400
/** Key and text pairs of one batch are told apart in so many bytes; a write with more has no filters. */
const MOST_PAIRS = 4_000_000

/** A stretch of rows of one write and part: ordinals from `first`. */
export interface ValueFilter {
  part: number
  first: number
  rows: number
  bits: Uint8Array
}

/** The filters of one write; none where it has too many kinds of attributes to be worth it. */
export function valueFilters(
  batches: readonly SpanBatch[],
  { order, batchOf, rowOf }: TraceExtents,
  partOf: (receivedUs: number) => number,
): ValueFilter[] {
  const parts = batches.map(({ receivedUs }) => partOf(receivedUs))
  const values = batches.map((batch) => new BatchValues(batch))
  const filters: ValueFilter[] = []
  let first = 0
  let hashes: BloomHash[] = []
  for (let ordinal = 0; ordinal < order.length; ordinal++) {
    const batch = batchOf[order[ordinal]]
    const next = ordinal + 1
    if (!values[batch].add(rowOf[order[ordinal]], first, hashes)) return []
    const goesOn = next < order.length && next - first < STRETCH && parts[batchOf[order[next]]] === parts[batch]
    if (goesOn) continue
    const bits = newBloom(hashes.length)
    for (const { hi, lo } of hashes) bloomAdd(bits, hi, lo)
    filters.push({ part: parts[batch], first, rows: next - first, bits })
    first = next
    hashes = []
  }
  return filters
}

/** Of a key of a batch: its hash so far, and in which stretch each of its values was seen last. */
interface Key {
  hasher: AttrHasher
  texts: Int32Array
  numbers: Map<number, number>
  bools: [number, number]
}

class BatchValues {
  readonly #batch: SpanBatch
  readonly #keys = new Map<number, Key>()

  constructor(batch: SpanBatch) {
    this.#batch = batch
  }

  /** Adds what the row has and its stretch has not yet. False when the batch has too many kinds of attributes. */
  add(row: number, stretch: number, hashes: BloomHash[]): boolean {
    const { attributes, dictionary } = this.#batch
    const { bytes, offsets } = dictionary
    const { keys, types, values } = attributes
    for (let at = attributes.offsets[row]; at < attributes.offsets[row + 1]; at++) {
      const type = types[at]
      if (type === AttrType.empty || type === AttrType.json) continue
      const key = this.#keys.get(keys[at]) ?? this.#newKey(keys[at])
      if (key === null) return false
      const value = values[at]
      if (type === AttrType.bool) {
        if (key.bools[value] === stretch) continue
        key.bools[value] = stretch
        hashes.push(hashOf(key.hasher, String(value === 1)))
      } else if (type === AttrType.int || type === AttrType.double) {
        if (key.numbers.get(value) === stretch) continue
        key.numbers.set(value, stretch)
        hashes.push(hashOf(key.hasher, String(value)))
      } else if (key.texts[value] !== stretch) {
        key.texts[value] = stretch
        hashes.push(key.hasher.hash(bytes, offsets[value], offsets[value + 1]))
      }
    }
    return true
  }

  #newKey(index: number): Key | null {
    const { bytes, offsets, size } = this.#batch.dictionary
    if ((this.#keys.size + 1) * size > MOST_PAIRS) return null
    const hasher = new AttrHasher(bytes.subarray(offsets[index], offsets[index + 1]))
    const key: Key = { hasher, texts: new Int32Array(size).fill(-1), numbers: new Map(), bools: [-1, -1] }
    this.#keys.set(index, key)
    return key
  }
}

function hashOf(hasher: AttrHasher, text: string): BloomHash {
  const bytes = Buffer.from(text)
  return hasher.hash(bytes, 0, bytes.length)
}

/** An attribute that rows must have themselves, as one of these texts. */
export interface NeededValue {
  key: string
  texts: readonly string[]
}

/**
 * By part, a condition for the rows that may have the values that are asked for, or null where none can. A part that is not
 * in it must be passed whole.
 */
export type PossibleRows = ReadonlyMap<number, string | null>

/** More stretches than this are not worth a condition for each. */
const MOST_STRETCHES = 300

/** Looks at the filters of those of `parts` that have no index. */
export async function possibleRows(
  session: Session,
  parts: readonly PartRange[],
  needed: readonly NeededValue[],
): Promise<PossibleRows> {
  const indexed = await session.indexed()
  const open = parts.filter(({ part }) => !indexed.has(part))
  if (needed.length === 0 || open.length === 0) return new Map()
  const may = needed.map(mayHave).join(' AND ')
  const rows = await session.rows<{ part: number; rows: number; stretches: string | null; n: number }>(
    `SELECT part, sum(rows) AS rows,
       string_agg('(seq = ' || seq || ' AND ordinal BETWEEN ' || first || ' AND ' || first + rows - 1 || ')', ' OR ') FILTER (WHERE ${may}) AS stretches,
       count(*) FILTER (WHERE ${may}) AS n
     FROM ${session.schema}._value_filters WHERE part IN (${open.map(({ part }) => part).join(',')}) GROUP BY part`,
  )
  // Where a host of an earlier version wrote as well, not all of the part's rows are told of.
  const whole = rows.filter(
    (one) => one.n <= MOST_STRETCHES && open.some(({ part, rows: held }) => part === one.part && held === one.rows),
  )
  return new Map(whole.map(({ part, stretches }) => [part, stretches]))
}

/** As `bloomHas`, in SQL. */
function mayHave({ key, texts }: NeededValue): string {
  const size = 'octet_length(bits)::int8 * 8'
  const bit = ({ hi, lo }: BloomHash, probe: number): number => (hi + Math.imul(probe, lo)) >>> 0
  const has = (hash: BloomHash): string =>
    Array.from({ length: PROBES }, (_, probe) => `get_bit(bits, ${bit(hash, probe)} % (${size})) = 1`).join(' AND ')
  return `(${texts.map((text) => `(${has(attrHash(key, text))})`).join(' OR ')})`
}
