import type { AttributeColumns } from '../../../model/columns.ts'
import type { DictionaryBuilder } from '../../../model/dictionary-builder.ts'
import { type BlockAttributes, isText } from './attribute-sections.ts'

/** Attribute columns of a whole block by row again, with all text in `dictionary`. */
export function restoreAttributes(
  block: BlockAttributes,
  rows: number,
  dictionary: DictionaryBuilder,
): AttributeColumns {
  const offsets = new Uint32Array(rows + 1)
  const stored = block.keys.map((key) => ({ key, column: block.stored(key) }))
  let total = 0
  for (const { column } of stored) {
    if (!column) continue
    total += column.rows.length
    for (const row of column.rows) offsets[row + 1]++
  }
  for (let row = 0; row < rows; row++) offsets[row + 1] += offsets[row]
  const next = offsets.slice()
  const keys = new Uint32Array(total)
  const types = new Uint8Array(total)
  const values = new Float64Array(total)
  for (const { key, column } of stored) {
    if (!column) continue
    const keyEntry = dictionary.internText(key)
    const { arena } = column
    const entries = new Uint32Array(arena.size)
    for (let i = 0; i < arena.size; i++)
      entries[i] = dictionary.intern(arena.bytes, arena.offsets[i], arena.offsets[i + 1])
    for (let i = 0; i < column.rows.length; i++) {
      const to = next[column.rows[i]]++
      keys[to] = keyEntry
      types[to] = column.types[i]
      values[to] = isText(column.types[i]) ? entries[column.index[i]] : column.numbers[i]
    }
  }
  return { offsets, keys, types, values }
}
