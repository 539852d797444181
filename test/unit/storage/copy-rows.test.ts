import { expect, it } from 'vitest'
import { SpanBatchBuilder } from '../../../core/model/batch-builder.ts'
import { AttrType, type Dictionary, entryText } from '../../../core/model/columns.ts'
import { CopyBuffer } from '../../../core/storage/postgres/copy-buffer.ts'
import { CopyRows } from '../../../core/storage/postgres/copy-rows.ts'
import { readAttributes } from '../../../core/storage/postgres/read-attributes.ts'

const ROWS = 5
const FIELDS = 6

/** As the server sends rows: the same format in both directions. */
function encoded(): Buffer {
  const out = new CopyBuffer()
  for (let row = 0; row < ROWS; row++) {
    out.row(FIELDS)
    out.int2(-row)
    out.int4(row * 1_000_003)
    out.int8(-(2 ** 52) + row)
    out.text(`é${'x'.repeat(row)}`)
    out.null()
    out.bytes(Uint8Array.of(row, 255), 0, 2)
  }
  return out.end()
}

const expected = Array.from({ length: ROWS }, (_, row) => [
  0 - row,
  row * 1_000_003,
  -(2 ** 52) + row,
  `é${'x'.repeat(row)}`,
  null,
  [row, 255],
])

it('reads the same rows wherever the chunks end', () => {
  const bytes = encoded()
  for (let cut = 0; cut <= bytes.length; cut++) {
    const rows = new CopyRows(FIELDS)
    const found: unknown[][] = []
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      rows.push(chunk)
      while (rows.next()) {
        const id = new Uint8Array(2)
        rows.copy(5, id, 0)
        found.push([rows.int(0), rows.int(1), rows.int(2), rows.text(3), rows.text(4), [...id]])
      }
    }
    expect(found).toEqual(expected)
  }
})

it('reads one byte at a time', () => {
  const rows = new CopyRows(FIELDS)
  let found = 0
  for (const byte of encoded()) {
    rows.push(Uint8Array.of(byte))
    while (rows.next()) found++
  }
  expect(found).toBe(ROWS)
})

/** Attributes as the server writes jsonb: a blank behind each colon and comma, outside and inside. */
function serverText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(serverText).join(', ')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${serverText(member)}`)
  return `{${members.join(', ')}}`
}

function plainOf(type: AttrType, value: number, dictionary: Dictionary): unknown {
  switch (type) {
    case AttrType.string:
      return entryText(dictionary, value)
    case AttrType.bool:
      return value === 1
    case AttrType.json:
      return JSON.parse(entryText(dictionary, value))
    case AttrType.empty:
      return null
    default:
      return value
  }
}

it.each([
  {},
  { a: 'b' },
  { a: '', '': 'empty key' },
  { 'quote"': 'back\\slash', '}': '", "x": {', tab: '\t\u0001', 日本: '🙂' },
  { int: 42, negative: -7, large: 123456789012345, beyond: 1234567890123456, half: 0.5, tiny: 1e-7, huge: 1e300 },
  { yes: true, no: false, none: null },
  { list: [1, [2, '}]'], { a: ']' }], after: 1 },
  { map: { a: { b: '{"' } }, 'after,': ', "' },
])('reads attributes out of %j', (attributes) => {
  const builder = new SpanBatchBuilder()
  // Twice: the second row is compared with the first, place by place.
  for (let row = 0; row < 2; row++) {
    const typed = Object.fromEntries(
      Object.entries(attributes).filter(([, value]) => value !== null && typeof value === 'object'),
    )
    const bytes = Buffer.from(`..${serverText(attributes)}..`)
    builder.openRow()
    readAttributes(builder, bytes, 2, bytes.length - 2, Object.keys(typed).length > 0 ? JSON.stringify(typed) : null)
    builder.commitRow()
  }
  const { dictionary, attributes: columns } = builder.finish(0)
  const { offsets, keys, types, values } = columns
  for (const row of [0, 1]) {
    const read: [string, unknown][] = []
    for (let at = offsets[row]; at < offsets[row + 1]; at++) {
      const value = values[at]
      read.push([entryText(dictionary, keys[at]), plainOf(types[at] as AttrType, value, dictionary)])
    }
    expect(Object.fromEntries(read)).toEqual(attributes)
  }
})
