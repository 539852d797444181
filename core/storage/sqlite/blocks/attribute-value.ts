import { AttrType } from '../../../model/columns.ts'
import type { AnyValue, KeyValue } from '../../../model/records.ts'
import type { AttributeColumn } from './attribute-sections.ts'

/** Cell of `row` in a column, or -1. */
export function findCell(column: AttributeColumn, row: number): number {
  const { rows } = column
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (rows[middle] < row) low = middle + 1
    else high = middle
  }
  return rows[low] === row ? low : -1
}

/** One cell as OTLP/JSON writes it. */
function cellValue(column: AttributeColumn, cell: number): AnyValue {
  const number = column.numbers[cell]
  const text = (): string => column.text(column.index[cell])
  switch (column.types[cell]) {
    case AttrType.string:
      return { stringValue: text() }
    case AttrType.bool:
      return { boolValue: number === 1 }
    case AttrType.int:
      return { intValue: String(number) }
    case AttrType.double:
      return { doubleValue: Number.isFinite(number) ? number : (String(number) as 'NaN' | 'Infinity' | '-Infinity') }
    case AttrType.bigint:
      return { intValue: text() }
    case AttrType.bytes:
      return { bytesValue: text() }
    case AttrType.json:
      return JSON.parse(text()) as AnyValue
    default:
      return {}
  }
}

/** One cell as text: the value itself for scalars. */
export function cellText(column: AttributeColumn, cell: number): string {
  const type = column.types[cell]
  if (type === AttrType.bool) return column.numbers[cell] === 1 ? 'true' : 'false'
  if (type === AttrType.int || type === AttrType.double) return String(column.numbers[cell])
  return type === AttrType.empty ? '' : column.text(column.index[cell])
}

/** All attributes of a row. */
export function rowAttributes(
  block: { attributeKeys(): string[]; attribute(key: string): AttributeColumn | null },
  row: number,
): KeyValue[] {
  const attributes: KeyValue[] = []
  for (const key of block.attributeKeys()) {
    const column = block.attribute(key)
    const cell = column ? findCell(column, row) : -1
    if (column && cell !== -1) attributes.push({ key, value: cellValue(column, cell) })
  }
  return attributes
}
