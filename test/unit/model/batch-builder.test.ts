import { expect, it } from 'vitest'
import { SpanBatchBuilder } from '../../../core/model/batch-builder.ts'
import { AttrType, type SpanBatch } from '../../../core/model/columns.ts'

/** Every column of fixed width, by name. */
function columnsOf(batch: SpanBatch): [string, ArrayLike<number>][] {
  return Object.entries(batch).filter((entry): entry is [string, Uint8Array] => ArrayBuffer.isView(entry[1]))
}

function filled(rows: number): SpanBatch {
  const builder = new SpanBatchBuilder()
  for (let i = 0; i < rows; i++) {
    const row = builder.openRow()
    for (const column of Object.values(builder.columns)) {
      const width = column.length % 16 === 0 && column === builder.columns.traceId ? 16 : 1
      column.fill(7, row * width, (row + 1) * width)
    }
    builder.attributes.set(builder.dictionary.internText('key'), AttrType.int, i)
    builder.commitRow()
  }
  // A row that is left open must not shine through either.
  builder.openRow()
  builder.columns.kind[rows] = 5
  return builder.finish(1)
}

it('begins with cells of zero in the memory of the builder before', () => {
  for (const rows of [1, 255, 256, 1000]) {
    const before = filled(rows)
    const builder = new SpanBatchBuilder()
    for (let i = 0; i < rows + 300; i++) {
      builder.openRow()
      builder.commitRow()
    }
    const batch = builder.finish(1)
    for (const [name, column] of columnsOf(batch))
      expect(
        Array.from(column).every((cell) => cell === 0),
        name,
      ).toBe(true)
    expect(batch.attributes.keys).toHaveLength(0)
    // What was finished first does not change with it.
    expect(before.durUs.every((cell) => cell === 7)).toBe(true)
    expect(Array.from(before.attributes.values)).toEqual(Array.from({ length: rows }, (_, i) => i))
  }
})

it('gives two builders that are open at once memory of their own', () => {
  const [one, two] = [new SpanBatchBuilder(), new SpanBatchBuilder()]
  one.columns.kind[one.openRow()] = 1
  two.columns.kind[two.openRow()] = 2
  one.commitRow()
  two.commitRow()
  expect([one.finish(1).kind[0], two.finish(1).kind[0]]).toEqual([1, 2])
})
