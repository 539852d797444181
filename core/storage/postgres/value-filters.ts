import { AttrType, type SpanBatch } from '../../model/columns.ts'
import { AttrHasher, attrHash, type BloomHash, bloomAdd, newBloom, PROBES } from '../sqlite/bloom.ts'
import type { PartRange, Session } from './session.ts'

/**
 * What a part that is not indexed yet may hold: of each write a Bloom filter over `key=value` of its spans' attributes. A
 * search for an equal value then passes the rows of the writes that may have it instead of all. A part's filters go when
 * its index is there. Of schemas made before there were any, too: an earlier version passes over them.
 */
export const VALUE_FILTERS = (unlogged: string): string => `
  CREATE ${unlogged} TABLE IF NOT EXISTS SCHEMA._value_filters (part int4 NOT NULL, seq int8 NOT NULL, rows int8 NOT NULL,
    bits bytea NOT NULL);
  ALTER TABLE SCHEMA._value_filters ALTER bits SET STORAGE EXTERNAL;`

/** Key and text pairs of one batch are told apart in so many bytes; a write with more has no filter. */
const MOST_PAIRS = 4_000_000

/** The filter of one write; null where it has too many kinds of attributes to be worth one. */
export function valueFilter(batches: readonly SpanBatch[]): Uint8Array | null {
  const hashes: BloomHash[] = []
  for (const batch of batches) if (!addHashes(batch, hashes)) return null
  const filter = newBloom(hashes.length)
  for (const { hi, lo } of hashes) bloomAdd(filter, hi, lo)
  return filter
}

/** Of a key of a batch: its hash so far, and which of its values are in. */
interface Key {
  hasher: AttrHasher
  texts: Uint8Array
  numbers: Set<number>
}

function addHashes({ dictionary, attributes }: SpanBatch, hashes: BloomHash[]): boolean {
  const { bytes, offsets, size } = dictionary
  const known = new Map<number, Key>()
  const { keys, types, values } = attributes
  for (let at = 0; at < keys.length; at++) {
    const type = types[at]
    if (type === AttrType.empty || type === AttrType.json) continue
    let key = known.get(keys[at])
    if (!key) {
      if ((known.size + 1) * size > MOST_PAIRS) return false
      const hasher = new AttrHasher(bytes.subarray(offsets[keys[at]], offsets[keys[at] + 1]))
      key = { hasher, texts: new Uint8Array(size), numbers: new Set() }
      known.set(keys[at], key)
    }
    const value = values[at]
    if (type === AttrType.bool || type === AttrType.int || type === AttrType.double) {
      // Of booleans there are no more than of two numbers: they may be taken for these.
      if (key.numbers.has(value)) continue
      key.numbers.add(value)
      hashes.push(hashOf(key.hasher, String(value)))
      if (type === AttrType.bool) hashes.push(hashOf(key.hasher, value === 1 ? 'true' : 'false'))
    } else if (key.texts[value] === 0) {
      key.texts[value] = 1
      hashes.push(key.hasher.hash(bytes, offsets[value], offsets[value + 1]))
    }
  }
  return true
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

/** By part, the writes that may have the values that are asked for; a part that is not in it must be passed whole. */
export type PossibleWrites = ReadonlyMap<number, readonly number[]>

/** Looks at the filters of those of `parts` that have no index. */
export async function possibleWrites(
  session: Session,
  parts: readonly PartRange[],
  needed: readonly NeededValue[],
): Promise<PossibleWrites> {
  const indexed = await session.indexed()
  const open = parts.filter(({ part }) => !indexed.has(part))
  if (needed.length === 0 || open.length === 0) return new Map()
  const rows = await session.rows<{ part: number; rows: number; seqs: string }>(
    `SELECT part, sum(rows) AS rows, coalesce(string_agg(seq::text, ',') FILTER (WHERE ${needed.map(mayHave).join(' AND ')}), '') AS seqs
     FROM ${session.schema}._value_filters WHERE part IN (${open.map(({ part }) => part).join(',')}) GROUP BY part`,
  )
  // Where a host of an earlier version wrote as well, not all of the part's rows are told of.
  const whole = rows.filter((one) => open.some(({ part, rows: held }) => part === one.part && held === one.rows))
  return new Map(whole.map(({ part, seqs }) => [part, seqs === '' ? [] : seqs.split(',').map(Number)]))
}

/** As `bloomHas`, in SQL. */
function mayHave({ key, texts }: NeededValue): string {
  const size = 'octet_length(bits)::int8 * 8'
  const bit = ({ hi, lo }: BloomHash, probe: number): number => (hi + Math.imul(probe, lo)) >>> 0
  const has = (hash: BloomHash): string =>
    Array.from({ length: PROBES }, (_, probe) => `get_bit(bits, ${bit(hash, probe)} % (${size})) = 1`).join(' AND ')
  return `(${texts.map((text) => `(${has(attrHash(key, text))})`).join(' OR ')})`
}
