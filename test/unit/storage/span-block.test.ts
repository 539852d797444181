import { expect, it } from 'vitest'
import { decodeTracesProtobuf } from '../../../core/formats/otlp/decode-protobuf.ts'
import { entryText, type SpanBatch } from '../../../core/model/columns.ts'
import { selectRows } from '../../../core/model/select-rows.ts'
import { attrHash, bloomHas, traceHash } from '../../../core/storage/sqlite/blocks/bloom.ts'
import { encodeSpanBlocks } from '../../../core/storage/sqlite/blocks/encode-span-block.ts'
import { Group, writeGroup } from '../../../core/storage/sqlite/blocks/sections.ts'
import { SpanBlock } from '../../../core/storage/sqlite/blocks/span-block.ts'
import { hex } from '../../../core/storage/sqlite/row-ids.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'

const NOW_MS = 1_790_000_000_000
const NAME = { signal: 'span', id: 1 } as const

function batchOf(seed: number, count = 500): SpanBatch {
  return decodeTracesProtobuf(encodeTraces(randomResourceSpans(count, 10, seed, NOW_MS)), NOW_MS * 1000).batch
}

/** Every row as one comparable text, in any order. */
function rowTexts(batch: SpanBatch): string[] {
  const { dictionary, attributes } = batch
  return Array.from({ length: batch.n }, (_, row) => {
    const pairs: string[] = []
    for (let at = attributes.offsets[row]; at < attributes.offsets[row + 1]; at++) {
      const type = attributes.types[at]
      const value = type === 1 || type >= 5 ? entryText(dictionary, attributes.values[at]) : attributes.values[at]
      pairs.push(`${entryText(dictionary, attributes.keys[at])}:${type}:${value}`)
    }
    return JSON.stringify([
      Buffer.from(batch.traceId.subarray(row * 16, row * 16 + 16)).toString('hex'),
      Buffer.from(batch.spanId.subarray(row * 8, row * 8 + 8)).toString('hex'),
      Buffer.from(batch.parentId.subarray(row * 8, row * 8 + 8)).toString('hex'),
      batch.startUs[row],
      batch.startNs[row],
      batch.durUs[row],
      batch.durNs[row],
      entryText(dictionary, batch.name[row]),
      batch.kind[row],
      batch.status[row],
      entryText(dictionary, batch.statusMessage[row]),
      batch.resources[batch.resource[row]],
      batch.scopes[batch.scope[row]],
      pairs.sort(),
    ])
  }).sort()
}

it('gives back every row of a batch', () => {
  const batch = batchOf(1)
  const blocks = encodeSpanBlocks([{ batch, seq: 7 }])
  expect(blocks).toHaveLength(1)
  const [{ core, attr, rest, stats }] = blocks
  const { batch: restored, seqs } = new SpanBlock(
    { signal: 'span', id: 1 },
    core,
    () => attr,
    () => rest,
  ).toBatch()
  expect(stats.rows).toBe(500)
  expect(new Set(seqs)).toEqual(new Set([7]))
  expect(rowTexts(restored)).toEqual(rowTexts(batch))
})

it('merges blocks without changing a row', () => {
  const batches = [batchOf(2), batchOf(3), batchOf(4)]
  const parts = batches.map((batch, i) => {
    const [{ core, attr, rest }] = encodeSpanBlocks([{ batch, seq: i + 1 }])
    const { batch: restored, seqs } = new SpanBlock(
      { signal: 'span', id: 1 },
      core,
      () => attr,
      () => rest,
    ).toBatch()
    return { batch: restored, seq: seqs }
  })
  const [{ core, attr, rest, stats }] = encodeSpanBlocks(parts)
  const merged = new SpanBlock(
    { signal: 'span', id: 1 },
    core,
    () => attr,
    () => rest,
  ).toBatch()
  expect([stats.firstSeq, stats.lastSeq]).toEqual([1, 3])
  expect(rowTexts(merged.batch)).toEqual(batches.flatMap(rowTexts).sort())
})

it('keeps rows of different days apart and knows their bounds', () => {
  const today = decodeTracesProtobuf(encodeTraces(randomResourceSpans(20, 2, 5, NOW_MS)), NOW_MS * 1000).batch
  const old = decodeTracesProtobuf(
    encodeTraces(randomResourceSpans(20, 2, 6, NOW_MS - 9 * 86_400_000)),
    NOW_MS * 1000,
  ).batch
  const blocks = encodeSpanBlocks([
    { batch: today, seq: 1 },
    { batch: old, seq: 1 },
  ])
  expect(blocks.map(({ stats }) => stats.rows)).toEqual([20, 20])
  expect(Math.abs(blocks[0].day - blocks[1].day)).toBe(9)
})

it('finds what is in a block by its filters', () => {
  const batch = batchOf(8)
  const [{ stats }] = encodeSpanBlocks([{ batch, seq: 1 }])
  for (let row = 0; row < batch.n; row++) {
    const { hi, lo } = traceHash(batch.traceId, row * 16)
    expect(bloomHas(stats.traceBloom, hi, lo)).toBe(true)
  }
  const has = (key: string, value?: string) => {
    const { hi, lo } = attrHash(key, value)
    return bloomHas(stats.attrBloom, hi, lo)
  }
  expect(has('http.route', '/cart')).toBe(true)
  expect(has('http.response.status_code', '200')).toBe(true)
  expect(has('service.name', 'cart')).toBe(true)
  expect(has('user.id')).toBe(true)
  const misses = Array.from({ length: 1000 }, (_, i) => has('nothing', `value-${i}`)).filter(Boolean)
  expect(misses.length).toBeLessThan(60)
})

it('tells services from the attributes alone, and from the core where an old file has them only there', () => {
  const batch = batchOf(9)
  const [{ core, attr, rest }] = encodeSpanBlocks([{ batch, seq: 1 }])
  const whole = new SpanBlock(
    NAME,
    core,
    () => attr,
    () => rest,
  )
  const expected = Array.from(whole.service, (entry) => whole.services[entry])
  const unread = { rows: batch.n, read: () => expect.unreachable('the core was read') as never }
  const part = new SpanBlock(
    NAME,
    unread,
    () => attr,
    () => rest,
  )
  expect(Array.from(part.service, (entry) => part.services[entry])).toEqual(expected)
  const group = new Group(attr, NAME)
  const before = writeGroup(Array.from({ length: group.count - 2 }, (_, i) => group.section(i)))
  const old = new SpanBlock(
    NAME,
    { rows: batch.n, read: () => core },
    () => before,
    () => rest,
  )
  expect(Array.from(old.service, (entry) => old.services[entry])).toEqual(expected)
})

it('finds the parent of one row as it decodes those of all', () => {
  const whole = batchOf(10)
  // Without every third row many parents are not in the block.
  const batch = selectRows(
    whole,
    Uint8Array.from({ length: whole.n }, (_, row) => (row % 3 === 0 ? 0 : 1)),
  )
  const [{ core, attr, rest }] = encodeSpanBlocks([{ batch, seq: 1 }])
  const block = new SpanBlock(
    NAME,
    core,
    () => attr,
    () => rest,
  )
  const expected = Array.from({ length: block.rows }, (_, row) => hex(block.parentIds, row * 8, 8))
  const single = Array.from({ length: block.rows }, (_, row) => {
    const parent = block.parentOf(row)
    return parent && hex(parent.bytes, parent.at, 8)
  })
  expect(single).toEqual(expected)
  expect(new Set(single).size).toBeGreaterThan(100)
})
