import { utf8 } from '../../../base/utf8.ts'
import { AttrType, type TelemetryBatch } from '../../../model/columns.ts'
import type { KeyValue } from '../../../model/records.ts'
import type { BlockRows } from './block-rows.ts'
import { AttrHasher, newBloom } from './bloom.ts'
import type { BlockName } from './damaged-block.ts'
import {
  joinParts,
  type NarrowUints,
  packFloats,
  packUints,
  splitParts,
  unpackFloats,
  unpackNarrow,
  unpackUints,
} from './pack.ts'
import { Group, writeGroup } from './sections.ts'
import { ArenaWriter, readSize, readStrings, sizeBytes, TextArena, writeStrings } from './text-column.ts'

const encoder = new TextEncoder()

interface KeyCount {
  key: string
  count: number
}

/** The distinct resources of a block, and each row's index among them. */
interface RowResources {
  entries: readonly { attributes: string }[]
  index: ArrayLike<number>
}

/** Values that live in a dictionary rather than in a number. */
export function isText(type: number): boolean {
  return type === AttrType.string || type === AttrType.bigint || type === AttrType.bytes || type === AttrType.json
}

/** One attribute key of a block, only the rows that have it. */
export interface AttributeColumn {
  /** Ascending row numbers. */
  rows: Uint32Array
  types: Uint8Array
  /** The AttrType of all entries, 0 when they differ. */
  uniform: number
  /** Value of bool, int and double entries; empty where there are none. */
  numbers: Float64Array
  /** How many distinct texts string, bigint, bytes and json entries have. */
  texts: number
  /** Of each such entry its text's number, below `texts`. */
  index: NarrowUints
  /** Memory that it takes for itself. */
  bytes: number
  /** One of the texts by its number. */
  text(number: number): string
  /** The number of a text, or -1 where no entry has it. */
  find(text: string): number
}

/**
 * Writes the attributes of a block: one section a key, so that a query opens only the keys it asks for. Also fills the
 * filter over `key` and `key=value` that lets a query skip the block.
 * @param beside further sections, kept behind those of the keys: what queries on attributes need besides
 */
export function encodeAttributes<B extends TelemetryBatch>(
  rows: BlockRows<B>,
  resources: RowResources,
  beside: readonly Uint8Array[] = [],
): { attr: Uint8Array; keys: KeyCount[]; attrBloom: Uint8Array } {
  const { n, dictionary } = rows
  const dense = new Int32Array(dictionary.size).fill(-1)
  const keyEntries: number[] = []
  const counts: number[] = []
  const columns = rows.batches.map((batch) => batch.attributes)
  let total = 0
  for (let i = 0; i < n; i++) {
    const batch = rows.source[i]
    const { offsets, keys } = columns[batch]
    const map = rows.maps[batch]
    const stop = offsets[rows.row[i] + 1]
    for (let at = offsets[rows.row[i]]; at < stop; at++) {
      const entry = map ? map[keys[at]] : keys[at]
      let key = dense[entry]
      if (key === -1) {
        key = keyEntries.push(entry) - 1
        counts.push(0)
        dense[entry] = key
      }
      counts[key]++
      total++
    }
  }
  const starts = new Uint32Array(counts.length + 1)
  for (let k = 0; k < counts.length; k++) starts[k + 1] = starts[k] + counts[k]
  const next = starts.slice()
  const rowsOf = new Uint32Array(total)
  const typesOf = new Uint8Array(total)
  const valuesOf = new Float64Array(total)
  for (let i = 0; i < n; i++) {
    const batch = rows.source[i]
    const { offsets, keys, types, values } = columns[batch]
    const map = rows.maps[batch]
    const stop = offsets[rows.row[i] + 1]
    for (let at = offsets[rows.row[i]]; at < stop; at++) {
      const to = next[dense[map ? map[keys[at]] : keys[at]]]++
      rowsOf[to] = i
      typesOf[to] = types[at]
      valuesOf[to] = map && isText(types[at]) ? map[values[at]] : values[at]
    }
  }
  return writeKeys(rows, keyEntries, starts, rowsOf, typesOf, valuesOf, resources, beside)
}

function writeKeys<B extends TelemetryBatch>(
  rows: BlockRows<B>,
  keyEntries: readonly number[],
  starts: Uint32Array,
  rowsOf: Uint32Array,
  typesOf: Uint8Array,
  valuesOf: Float64Array,
  resources: RowResources,
  beside: readonly Uint8Array[],
): { attr: Uint8Array; keys: KeyCount[]; attrBloom: Uint8Array } {
  const { dictionary } = rows
  const writer = new ArenaWriter(dictionary)
  const sections: Uint8Array[] = []
  const keys: KeyCount[] = []
  const hashes: { hasher: AttrHasher; entries: readonly number[]; numbers: Set<number>; bools: Set<number> }[] = []
  let distinct = 0
  keyEntries.forEach((keyEntry, k) => {
    const from = starts[k]
    const count = starts[k + 1] - from
    const keyBytes = dictionary.bytes.subarray(dictionary.offsets[keyEntry], dictionary.offsets[keyEntry + 1])
    const index = new Uint32Array(count)
    const numbers = new Float64Array(count)
    const numberSet = new Set<number>()
    const bools = new Set<number>()
    writer.begin()
    let texts = false
    let plain = false
    let uniform = true
    let before = Number.NaN
    for (let i = 0; i < count; i++) {
      const value = valuesOf[from + i]
      const type = typesOf[from + i]
      if (type !== typesOf[from]) uniform = false
      if (isText(type)) {
        index[i] = writer.add(value)
        texts = true
      } else if (type !== AttrType.empty) {
        numbers[i] = value
        plain = true
        if (type === AttrType.bool) bools.add(value)
        else if (value !== before) {
          numberSet.add(value)
          before = value
        }
      }
    }
    const types = typesOf.subarray(from, from + count)
    const { size, lengths, bytes } = writer.parts()
    const rowParts = count === rows.n ? new Uint8Array(0) : packUints(deltas(rowsOf.subarray(from, from + count)))
    sections.push(
      joinParts([
        sizeBytes(count),
        rowParts,
        uniform ? Uint8Array.of(types[0]) : packUints(types),
        plain ? packFloats(numbers, false) : new Uint8Array(0),
        sizeBytes(size),
        lengths,
        bytes,
        texts ? packUints(index) : new Uint8Array(0),
      ]),
    )
    keys.push({ key: utf8.decode(keyBytes), count })
    hashes.push({ hasher: new AttrHasher(keyBytes), entries: writer.entries, numbers: numberSet, bools })
    distinct += 1 + writer.entries.length + numberSet.size + bools.size
  })
  const shared = resources.entries.map((resource) => JSON.parse(resource.attributes) as KeyValue[])
  const attrBloom = newBloom(distinct + shared.reduce((sum, list) => sum + list.length * 2, 0))
  for (const { hasher, entries, numbers, bools } of hashes) {
    hasher.addKey(attrBloom)
    for (const entry of entries)
      hasher.addValue(attrBloom, dictionary.bytes, dictionary.offsets[entry], dictionary.offsets[entry + 1])
    for (const value of numbers) addText(attrBloom, hasher, String(value))
    for (const value of bools) addText(attrBloom, hasher, value ? 'true' : 'false')
  }
  for (const list of shared) {
    for (const { key, value } of list) {
      const hasher = new AttrHasher(encoder.encode(key))
      hasher.addKey(attrBloom)
      const scalar = value && Object.values(value)[0]
      if (scalar !== undefined && typeof scalar !== 'object') addText(attrBloom, hasher, String(scalar))
    }
  }
  const attr = writeGroup([writeStrings(keys.map(({ key }) => key)), ...sections, ...beside])
  const ownRows = new Map(keys.map(({ key }, k) => [key, rowsOf.subarray(starts[k], starts[k + 1])]))
  return { attr, keys: withResourceKeys(keys, ownRows, shared, resources.index), attrBloom }
}

/** How many rows have each key, on themselves or on their resource. */
function withResourceKeys(
  own: readonly KeyCount[],
  ownRows: ReadonlyMap<string, Uint32Array>,
  shared: readonly KeyValue[][],
  resourceOf: ArrayLike<number>,
): KeyCount[] {
  const counts = new Map(own.map(({ key, count }) => [key, count]))
  const rowsOfResource = new Uint32Array(shared.length)
  for (let row = 0; row < resourceOf.length; row++) rowsOfResource[resourceOf[row]]++
  shared.forEach((list, resource) => {
    for (const key of new Set(list.map((attribute) => attribute.key))) {
      let both = 0
      for (const row of ownRows.get(key) ?? []) if (resourceOf[row] === resource) both++
      counts.set(key, (counts.get(key) ?? 0) + rowsOfResource[resource] - both)
    }
  })
  return [...counts].map(([key, count]) => ({ key, count }))
}

function addText(bloom: Uint8Array, hasher: AttrHasher, text: string): void {
  const bytes = encoder.encode(text)
  hasher.addValue(bloom, bytes, 0, bytes.length)
}

function deltas(ascending: Uint32Array): Uint32Array {
  const out = new Uint32Array(ascending.length)
  let before = 0
  for (let i = 0; i < ascending.length; i++) {
    out[i] = ascending[i] - before
    before = ascending[i]
  }
  return out
}

let counting = new Uint32Array(0)

/** 0, 1, 2 … below `n`, in memory that all columns share. */
function everyRow(n: number): Uint32Array {
  if (counting.length < n) counting = Uint32Array.from({ length: Math.max(n, 16_384) }, (_, i) => i)
  return counting.subarray(0, n)
}

const uniformTypes = new Map<number, Uint8Array>()

/** `n` times the same type, in memory that all columns share. */
function everyType(type: number, n: number): Uint8Array {
  let types = uniformTypes.get(type)
  if (!types || types.length < n) {
    types = new Uint8Array(Math.max(n, 16_384)).fill(type)
    uniformTypes.set(type, types)
  }
  return types.subarray(0, n)
}

/** An attribute column with its texts still as bytes. */
interface StoredColumn {
  rows: Uint32Array
  types: Uint8Array
  uniform: number
  numbers: Float64Array
  arena: TextArena
  index: NarrowUints
  bytes: number
}

/** The attributes of a stored block. */
export class BlockAttributes {
  readonly keys: string[]
  #group: Group
  #n: number
  #stored = new Map<string, StoredColumn | null>()
  #columns = new Map<string, AttributeColumn | null>()

  constructor(attr: Uint8Array, n: number, block: BlockName) {
    this.#group = new Group(attr, block)
    this.#n = n
    this.keys = readStrings(this.#group.section(0))
  }

  /** A section written beside those of the keys, or null: blocks of old files have none. */
  beside(index: number): Uint8Array | null {
    const at = this.keys.length + 1 + index
    return at < this.#group.count ? this.#group.section(at) : null
  }

  stored(key: string): StoredColumn | null {
    let column = this.#stored.get(key)
    if (column === undefined) {
      const at = this.keys.indexOf(key)
      column = at === -1 ? null : this.#read(at)
      this.#stored.set(key, column)
    }
    return column
  }

  column(key: string): AttributeColumn | null {
    let column = this.#columns.get(key)
    if (column === undefined) {
      const stored = this.stored(key)
      column = stored && {
        rows: stored.rows,
        types: stored.types,
        uniform: stored.uniform,
        numbers: stored.numbers,
        texts: stored.arena.size,
        index: stored.index,
        bytes: stored.bytes,
        text: (number) => stored.arena.text(number),
        find: (text) => stored.arena.find(text),
      }
      this.#columns.set(key, column)
    }
    return column
  }

  #read(at: number): StoredColumn {
    const [count, rowPart, typePart, numberPart, size, lengths, bytes, index] = splitParts(this.#group.section(at + 1))
    const n = readSize(count)
    const all = n === this.#n && rowPart.length === 0
    const rows = all ? everyRow(n) : unpackUints(rowPart, n)
    if (!all) for (let i = 1; i < n; i++) rows[i] += rows[i - 1]
    const uniform = typePart.length === 1 ? typePart[0] : 0
    const types = uniform ? everyType(uniform, n) : new Uint8Array(unpackUints(typePart, n))
    // Nothing was written where no entry is a number.
    const numbers = numberPart.length === 0 ? new Float64Array(0) : unpackFloats(numberPart, n)
    // A copy, as the rest of the section need not be kept for it.
    const arena = new TextArena(unpackNarrow(lengths, readSize(size)), bytes.slice())
    const entries = unpackNarrow(index, n)
    const shared = (all ? 0 : rows.byteLength) + (uniform ? 0 : types.byteLength)
    const own = numbers.byteLength + arena.byteLength + entries.byteLength
    return { rows, types, uniform, numbers, arena, index: entries, bytes: shared + own }
  }
}
