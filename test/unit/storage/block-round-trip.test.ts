import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LogBatchBuilder, SpanBatchBuilder } from '../../../core/model/batch-builder.ts'
import { AttrType, type LogBatch, type SpanBatch } from '../../../core/model/columns.ts'
import { encodeLogBlocks } from '../../../core/storage/sqlite/blocks/encode-log-block.ts'
import { encodeSpanBlocks } from '../../../core/storage/sqlite/blocks/encode-span-block.ts'
import { LogBlock } from '../../../core/storage/sqlite/blocks/log-block.ts'
import { SpanBlock } from '../../../core/storage/sqlite/blocks/span-block.ts'
import { rowTexts } from '../../fixtures/row-texts.ts'
import { runs } from '../storage-read/arbitrary.ts'

const DAY_US = 86_400_000_000

const text = fc.oneof(
  fc.constantFrom('', 'GET /', 'x'.repeat(300), '语言 🚀', '__proto__', '[{"name":"e"}]'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const key = fc.oneof(fc.constantFrom('k', 'http.route', '', '__proto__', 'service.name'), fc.string({ maxLength: 6 }))
const cell = fc.oneof(
  fc.tuple(fc.constantFrom(AttrType.string, AttrType.bytes, AttrType.bigint), text),
  fc.tuple(fc.constant(AttrType.bool), fc.integer({ min: 0, max: 1 })),
  fc.tuple(fc.constant(AttrType.int), fc.maxSafeInteger()),
  fc.tuple(fc.constant(AttrType.double), fc.double()),
  fc.tuple(fc.constant(AttrType.json), fc.constantFrom('{"arrayValue":{}}', '{"kvlistValue":{"values":[]}}')),
  fc.tuple(fc.constant(AttrType.empty), fc.constant(0)),
)
const time = fc.oneof(
  fc.integer({ min: 0, max: 3 }).map((day) => 1_768_514_400_000_000 + day * DAY_US),
  fc.integer({ min: 0, max: 20 }).map((day) => day * 400 * DAY_US),
  fc.integer({ min: 0, max: 2 ** 51 - 1 }),
)
const id = (bytes: number, distinct: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: distinct }).map((n) => new Uint8Array(bytes).fill(n)),
    fc.uint8Array({ minLength: bytes, maxLength: bytes }),
  )
const u = (bits: number) => fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** bits - 1 }))
const shared = fc.record({
  service: fc.constantFrom('shop', 'db', ''),
  attributes: fc.constantFrom('[]', '[{"key":"k","value":{"intValue":"1"}}]'),
})

const row = fc.record({
  ids: fc.tuple(id(16, 4), id(8, 6), id(8, 6)),
  times: fc.tuple(time, time, u(10), u(10)),
  small: fc.array(u(8), { minLength: 4, maxLength: 4 }),
  wide: fc.array(u(32), { minLength: 4, maxLength: 4 }),
  texts: fc.array(text, { minLength: 5, maxLength: 5 }),
  shared,
  attributes: fc.array(fc.tuple(key, cell), { maxLength: 6, size: 'max' }),
})
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never
const batches = fc.array(fc.array(row, { maxLength: 30, size: 'max' }), { minLength: 1, maxLength: 4, size: 'max' })

function fill(builder: SpanBatchBuilder | LogBatchBuilder, at: number, one: Row): void {
  const { columns, dictionary, attributes } = builder
  const none = { droppedAttributesCount: one.wide[3], schemaUrl: '' }
  columns.traceId.set(one.ids[0], at * 16)
  columns.spanId.set(one.ids[1], at * 8)
  columns.resource[at] = builder.addResource({ ...one.shared, ...none })
  columns.scope[at] = builder.addScope({ name: one.texts[4], version: '1', attributes: '[]', ...none })
  columns.flags[at] = one.wide[0]
  columns.droppedAttributes[at] = one.wide[1]
  for (const [name, [type, value]] of one.attributes) {
    attributes.set(dictionary.internText(name), type, typeof value === 'string' ? dictionary.internText(value) : value)
  }
  builder.commitRow()
}

function spanBatch(rows: readonly Row[]): SpanBatch {
  const builder = new SpanBatchBuilder()
  for (const one of rows) {
    const at = builder.openRow()
    const { columns, dictionary } = builder
    columns.parentId.set(one.ids[2], at * 8)
    ;[columns.startUs[at], columns.durUs[at], columns.startNs[at], columns.durNs[at]] = one.times
    ;[columns.kind[at], columns.status[at], columns.marks[at]] = one.small
    columns.sampleRate[at] = one.wide[2] % 65_536
    columns.droppedEvents[at] = one.wide[2]
    columns.droppedLinks[at] = one.wide[3]
    for (const [i, name] of (['name', 'statusMessage', 'traceState', 'events', 'links'] as const).entries())
      columns[name][at] = dictionary.internText(one.texts[i])
    fill(builder, at, one)
  }
  return builder.finish(1)
}

function logBatch(rows: readonly Row[]): LogBatch {
  const builder = new LogBatchBuilder()
  for (const one of rows) {
    const at = builder.openRow()
    const { columns, dictionary } = builder
    ;[columns.timeUs[at], columns.observedUs[at], columns.timeNs[at], columns.observedNs[at]] = one.times
    ;[columns.severity[at], columns.timeSource[at], columns.bodyType[at]] = one.small
    for (const [i, name] of (['body', 'severityText', 'eventName'] as const).entries())
      columns[name][at] = dictionary.internText(one.texts[i])
    fill(builder, at, one)
  }
  return builder.finish(1)
}

const openSpans = ({ core, attr, rest }: { core: Uint8Array; attr: Uint8Array; rest: Uint8Array }) =>
  new SpanBlock(
    { signal: 'span', id: 1 },
    core,
    () => attr,
    () => rest,
  ).toBatch()
const openLogs = ({ core, attr, body }: { core: Uint8Array; attr: Uint8Array; body: Uint8Array }) =>
  new LogBlock(
    { signal: 'log', id: 1 },
    core,
    () => attr,
    () => body,
  ).toBatch()

it('span blocks give back every field of every row, also after two merges', () => {
  let rows = 0
  fc.assert(
    fc.property(batches, (lists) => {
      const written = lists.map(spanBatch)
      const expected = written.flatMap((batch, i) => rowTexts(batch, new Uint32Array(batch.n).fill(i + 1))).sort()
      let stored = written.flatMap((batch, i) => encodeSpanBlocks([{ batch, seq: i + 1 }])).map(openSpans)
      for (let round = 0; round < 3; round++) {
        expect(stored.flatMap(({ batch, seqs }) => rowTexts(batch, seqs)).sort()).toEqual(expected)
        stored = encodeSpanBlocks(stored.map(({ batch, seqs }) => ({ batch, seq: seqs }))).map(openSpans)
      }
      rows += expected.length
    }),
    runs(30, 2000),
  )
  expect(rows).toBeGreaterThan(500)
})

it('log blocks give back every field of every record, also after two merges', () => {
  let rows = 0
  fc.assert(
    fc.property(batches, (lists) => {
      const written = lists.map(logBatch)
      const expected = written.flatMap((batch, i) => rowTexts(batch, new Uint32Array(batch.n).fill(i + 1))).sort()
      let stored = written.flatMap((batch, i) => encodeLogBlocks([{ batch, seq: i + 1 }])).map(openLogs)
      for (let round = 0; round < 3; round++) {
        expect(stored.flatMap(({ batch, seqs }) => rowTexts(batch, seqs)).sort()).toEqual(expected)
        stored = encodeLogBlocks(stored.map(({ batch, seqs }) => ({ batch, seq: seqs }))).map(openLogs)
      }
      rows += expected.length
    }),
    runs(30, 2000),
  )
  expect(rows).toBeGreaterThan(500)
})
