import {
  type AttributeColumns,
  AttrType,
  type ResourceEntry,
  type ScopeEntry,
  type TelemetryBatch,
} from '../../model/columns.ts'
import type { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import type { PickedRows } from '../../model/picked-rows.ts'
import { allTexts, type ColumnReader, checkJsonList, type ReadTexts } from './column-reader.ts'
import { type ColumnWriter, TextCollector } from './column-writer.ts'

/** Rows of a part, in its order. */
export interface PartRows<B extends TelemetryBatch> extends PickedRows<B> {
  texts: TextCollector
}

/** All rows of the batches, one after the other. */
export function allRows<B extends TelemetryBatch>(batches: readonly B[]): PartRows<B> {
  const n = batches.reduce((sum, batch) => sum + batch.n, 0)
  const source = new Uint32Array(n)
  const row = new Uint32Array(n)
  let at = 0
  batches.forEach((batch, number) => {
    for (let i = 0; i < batch.n; i++, at++) {
      source[at] = number
      row[at] = i
    }
  })
  return { batches, n, source, row, texts: new TextCollector(batches.map(({ dictionary }) => dictionary)) }
}

/** Writes a column of dictionary entries. */
export function writeTexts<B extends TelemetryBatch>(
  out: ColumnWriter,
  name: string,
  rows: PartRows<B>,
  pick: (batch: B) => Uint32Array,
): void {
  const numbers = new Uint32Array(rows.n)
  const columns = rows.batches.map(pick)
  rows.texts.begin()
  for (let i = 0; i < rows.n; i++) {
    const source = rows.source[i]
    numbers[i] = rows.texts.add(source, columns[source][rows.row[i]])
  }
  out.texts(name, rows.texts, numbers)
}

/** Writes resources (or scopes): the distinct ones as JSON, and each row's number among them. */
export function writeShared<B extends TelemetryBatch>(
  out: ColumnWriter,
  name: string,
  rows: PartRows<B>,
  list: (batch: B) => readonly (ResourceEntry | ScopeEntry)[],
  pick: (batch: B) => Uint32Array,
): void {
  const lists = rows.batches.map(list)
  const columns = rows.batches.map(pick)
  rows.texts.begin()
  // A batch may carry many that none of the rows names.
  const known = lists.map((entries) => new Int32Array(entries.length).fill(-1))
  const numbers = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) {
    const source = rows.source[i]
    const local = columns[source][rows.row[i]]
    if (known[source][local] === -1) known[source][local] = rows.texts.addText(JSON.stringify(lists[source][local]))
    numbers[i] = known[source][local]
  }
  out.texts(name, rows.texts, numbers)
}

/** Reads what `writeShared` wrote. */
export function readShared<T extends ResourceEntry | ScopeEntry>(
  from: ColumnReader,
  name: string,
  make: (entry: Record<string, unknown>) => T,
): { entries: T[]; index: Uint32Array } {
  const texts = from.texts(name)
  const entries = allTexts(texts).map((text, number) => {
    if (number === 0) return make({ attributes: '[]' })
    const entry = JSON.parse(text) as Record<string, unknown>
    const made = make(entry)
    checkJsonList(made.attributes, `attributes of a ${name}`)
    return made
  })
  return { entries, index: texts.index }
}

export const resourceOf = (entry: Record<string, unknown>): ResourceEntry => ({
  service: String(entry.service),
  attributes: String(entry.attributes),
  droppedAttributesCount: Number(entry.droppedAttributesCount) || 0,
  schemaUrl: String(entry.schemaUrl ?? ''),
})

export const scopeOf = (entry: Record<string, unknown>): ScopeEntry => ({
  name: String(entry.name ?? ''),
  version: String(entry.version ?? ''),
  attributes: String(entry.attributes),
  droppedAttributesCount: Number(entry.droppedAttributesCount) || 0,
  schemaUrl: String(entry.schemaUrl ?? ''),
})

const isText = (type: number): boolean =>
  type === AttrType.string || type === AttrType.bigint || type === AttrType.bytes || type === AttrType.json

/** Writes attributes: the keys as texts, and a column set a key with only the rows that have it. */
export function writeAttributes<B extends TelemetryBatch>(out: ColumnWriter, rows: PartRows<B>): void {
  const { n, source, row, texts } = rows
  const columns = rows.batches.map(({ attributes }) => attributes)
  const numberOf = rows.batches.map(({ dictionary }) => new Int32Array(dictionary.size).fill(-1))
  const counts: number[] = []
  texts.begin()
  for (let i = 0; i < n; i++) {
    const { offsets, keys } = columns[source[i]]
    const known = numberOf[source[i]]
    const end = offsets[row[i] + 1]
    for (let at = offsets[row[i]]; at < end; at++) {
      let number = known[keys[at]]
      if (number === -1) number = known[keys[at]] = texts.add(source[i], keys[at])
      counts[number] = (counts[number] ?? 0) + 1
    }
  }
  const { lengths, bytes } = texts.finish()
  out.uints('attributes.lengths', lengths)
  out.bytes('attributes.keys', bytes)
  const starts = new Uint32Array(lengths.length + 2)
  for (let k = 0; k <= lengths.length; k++) starts[k + 1] = starts[k] + (counts[k] ?? 0)
  const total = starts[lengths.length + 1]
  const next = starts.slice()
  const own = { rows: new Uint32Array(total), types: new Uint8Array(total), values: new Float64Array(total) }
  for (let i = 0; i < n; i++) {
    const { offsets, keys, types, values } = columns[source[i]]
    const known = numberOf[source[i]]
    const end = offsets[row[i] + 1]
    for (let at = offsets[row[i]]; at < end; at++) {
      const to = next[known[keys[at]]]++
      own.rows[to] = i
      own.types[to] = types[at]
      own.values[to] = values[at]
    }
  }
  for (let k = 0; k <= lengths.length; k++) {
    if (starts[k + 1] === starts[k]) continue
    writeKey(out, rows, `attribute.${k}`, {
      rows: own.rows.subarray(starts[k], starts[k + 1]),
      types: own.types.subarray(starts[k], starts[k + 1]),
      values: own.values.subarray(starts[k], starts[k + 1]),
    })
  }
}

function writeKey<B extends TelemetryBatch>(
  out: ColumnWriter,
  { n, source, texts }: PartRows<B>,
  name: string,
  key: { rows: Uint32Array; types: Uint8Array; values: Float64Array },
): void {
  const count = key.rows.length
  const numbers = new Float64Array(count)
  const index = new Uint32Array(count)
  let [numeric, textual] = [0, 0]
  texts.begin()
  for (let i = 0; i < count; i++) {
    if (isText(key.types[i])) index[textual++] = texts.add(source[key.rows[i]], key.values[i])
    else if (key.types[i] !== AttrType.empty) numbers[numeric++] = key.values[i]
  }
  const [first] = key.types
  if (count < n) out.uints(`${name}.rows`, steps(key.rows))
  out.uints(`${name}.types`, key.types.every((type) => type === first) ? Uint8Array.of(first) : key.types)
  if (numeric > 0) out.numbers(`${name}.numbers`, numbers.slice(0, numeric), false)
  if (textual > 0) out.texts(name, texts, index.subarray(0, textual))
}

/** Ascending row numbers as the distance from the one before, less one. */
function steps(rows: Uint32Array): Uint32Array {
  const out = new Uint32Array(rows.length)
  let before = -1
  for (let i = 0; i < rows.length; i++) {
    out[i] = rows[i] - before - 1
    before = rows[i]
  }
  return out
}

/** Puts texts of all columns of a part into the dictionary of the batch that is read. */
export function internTexts(dictionary: DictionaryBuilder, { bytes, offsets, size, index }: ReadTexts): Uint32Array {
  const entries = new Uint32Array(size)
  for (let i = 0; i < size; i++) entries[i] = dictionary.intern(bytes, offsets[i], offsets[i + 1])
  return index.map((number) => entries[number])
}

/** Reads what `writeAttributes` wrote. */
export function readAttributes(from: ColumnReader, dictionary: DictionaryBuilder): AttributeColumns {
  const lengths = from.uints('attributes.lengths', null)
  const keyBytes = from.bytes(
    'attributes.keys',
    lengths.reduce((sum, length) => sum + length, 0),
  )
  const offsets = new Uint32Array(from.rows + 1)
  const columns: ReadKey[] = []
  let at = 0
  for (let number = 0; number <= lengths.length; number++) {
    const name = `attribute.${number}`
    const end = number === 0 ? 0 : at + lengths[number - 1]
    const key = dictionary.intern(keyBytes, at, end)
    at = end
    // The empty key is seldom used.
    if (number === 0 && !from.has(`${name}.types`)) continue
    const rows = from.has(`${name}.rows`) ? rowsOf(from.uints(`${name}.rows`, null), from.rows) : null
    const count = rows ? rows.length : from.rows
    const types = typesOf(from, `${name}.types`, count)
    let numbers = 0
    let texts = 0
    for (let i = 0; i < count; i++) {
      if (isText(types[i])) texts++
      else if (types[i] !== AttrType.empty) numbers++
      offsets[(rows ? rows[i] : i) + 1]++
    }
    columns.push({
      key,
      rows,
      count,
      types,
      numbers: numbers > 0 ? from.numbers(`${name}.numbers`, numbers) : null,
      texts: texts > 0 ? internTexts(dictionary, from.texts(name, texts)) : null,
    })
  }
  for (let row = 0; row < from.rows; row++) offsets[row + 1] += offsets[row]
  const next = offsets.slice()
  const total = offsets[from.rows]
  const out = { offsets, keys: new Uint32Array(total), types: new Uint8Array(total), values: new Float64Array(total) }
  for (const { key, rows, count, types, numbers, texts } of columns) {
    let number = 0
    let text = 0
    for (let i = 0; i < count; i++) {
      const to = next[rows ? rows[i] : i]++
      out.keys[to] = key
      out.types[to] = types[i]
      if (texts && isText(types[i])) out.values[to] = texts[text++]
      else if (numbers && types[i] !== AttrType.empty) out.values[to] = numbers[number++]
    }
  }
  return out
}

interface ReadKey {
  key: number
  /** Null = every row. */
  rows: Uint32Array | null
  count: number
  types: Uint32Array
  numbers: Float64Array | null
  texts: Uint32Array | null
}

/** One type for all, or one a row. */
function typesOf(from: ColumnReader, name: string, count: number): Uint32Array {
  const types = from.uints(name, null)
  const all =
    types.length === 1 && count !== 1 ? new Uint32Array(count).fill(types[0]) : from.below(name, 9, types.length)
  if (all.length !== count || all.some((type) => type > 8)) throw new RangeError('types of an attribute are wrong')
  return all
}

function rowsOf(distances: Uint32Array, most: number): Uint32Array {
  let before = -1
  for (let i = 0; i < distances.length; i++) {
    before += distances[i] + 1
    if (before >= most) throw new RangeError('an attribute names a row that is not there')
    distances[i] = before
  }
  return distances
}
