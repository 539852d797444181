import { AttrType } from '../../../model/columns.ts'
import { rangeOf, rangeText } from '../../../model/number-range.ts'
import { type AttributeColumn, isText } from '../blocks/attribute-sections.ts'
import { cellText } from '../blocks/attribute-value.ts'

/**
 * Cells as small numbers, so that they are counted in arrays; a text is made only of those that are asked for. Always of
 * one array type: loops over several kinds are slower by half.
 */
export interface ColumnEntries {
  /** Of each cell its entry, -1 = none. */
  index: Int32Array
  /** Entries are below it. */
  size: number
  text(entry: number): string
}

/** Whole numbers from 0 up to here are their own entries. */
const SMALL_NUMBERS = 65_536

/** The cells of an attribute; an entry is one value. */
export function columnEntries(column: AttributeColumn): ColumnEntries {
  const { types, numbers, rows } = column
  let alike = true
  for (let cell = 1; cell < types.length && alike; cell++) alike = types[cell] === types[0]
  if (alike && isText(types[0])) return { index: new Int32Array(column.index), size: column.texts, text: column.text }
  const whole = alike && types[0] === AttrType.int
  if (whole) {
    let most = 0
    for (let cell = 0; cell < numbers.length; cell++)
      most = numbers[cell] >= 0 ? Math.max(most, numbers[cell]) : Number.POSITIVE_INFINITY
    if (most < SMALL_NUMBERS) return { index: new Int32Array(numbers), size: most + 1, text: String }
  }
  const entryOf = new Map<number | string, number>()
  const values: (number | string)[] = []
  const index = new Int32Array(rows.length)
  for (let cell = 0; cell < rows.length; cell++) {
    const value = whole ? numbers[cell] : cellText(column, cell)
    let entry = entryOf.get(value)
    if (entry === undefined) {
      entry = values.push(value) - 1
      entryOf.set(value, entry)
    }
    index[cell] = entry
  }
  return { index, size: values.length, text: (entry) => String(values[entry]) }
}

/** The numbers of an attribute by their ranges, from its entries; null where it has no numbers. */
export function rangeEntries({ types }: AttributeColumn, { index, size, text }: ColumnEntries): ColumnEntries | null {
  const isNumber = (type: number): boolean => type === AttrType.int || type === AttrType.double
  if (!types.some(isNumber)) return null
  const placeOf = new Map<string, number>()
  const texts: string[] = []
  /** By entry; -2 = not looked at yet. */
  const places = new Int32Array(size).fill(-2)
  const ranges = new Int32Array(index.length)
  for (let cell = 0; cell < ranges.length; cell++) {
    const entry = index[cell]
    if (entry !== -1 && places[entry] === -2) {
      const range = rangeOf(Number(text(entry)))
      const name = range && rangeText(range)
      const known = name === null ? -1 : placeOf.get(name)
      places[entry] = known ?? texts.push(name as string) - 1
      if (name !== null) placeOf.set(name, places[entry])
    }
    ranges[cell] = entry === -1 || !isNumber(types[cell]) ? -1 : places[entry]
  }
  return { index: ranges, size: texts.length, text: (entry) => texts[entry] }
}

/** Cells that have their value by an index into `texts`, of which several may be the same; null = none. */
export function dictionaryEntries(texts: readonly (string | null)[], index: ArrayLike<number>): ColumnEntries {
  const entryOf = new Map<string | null, number>([[null, -1]])
  const distinct: string[] = []
  const local = Int32Array.from(texts, (text) => {
    const known = entryOf.get(text)
    if (known !== undefined) return known
    const entry = distinct.push(text as string) - 1
    entryOf.set(text, entry)
    return entry
  })
  const entries = new Int32Array(index.length)
  for (let cell = 0; cell < entries.length; cell++) entries[cell] = local[index[cell]]
  return { index: entries, size: distinct.length, text: (entry) => distinct[entry] }
}

/** Of each cell the trace that its row belongs to, -1 = none. */
export function tracesOfCells(traceOf: Int32Array, rows: Uint32Array | null): Int32Array {
  // As many cells as rows: every row has one.
  if (rows === null || rows.length === traceOf.length) return traceOf
  const traces = new Int32Array(rows.length)
  for (let cell = 0; cell < traces.length; cell++) traces[cell] = traceOf[rows[cell]]
  return traces
}
