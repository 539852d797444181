import { expect, it } from 'vitest'
import { decodeTracesProtobuf } from '../../../core/formats/otlp/decode-protobuf.ts'
import { firstOfTheirKind, HashSet } from '../../../core/storage/sqlite/recent-spans.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'

it('knows a span again wherever its ids lie in memory, as they do in a block read from the file', () => {
  const { batch } = decodeTracesProtobuf(encodeTraces(randomResourceSpans(200, 2, 1, 1_790_000_000_000)), 0)
  const seen = new HashSet(1024)
  expect(firstOfTheirKind(batch, seen)).toBeNull()
  for (let shift = 0; shift < 4; shift++) {
    const moved = Buffer.alloc(shift + batch.spanId.length)
    moved.set(batch.spanId, shift)
    const again = { ...batch, spanId: moved.subarray(shift) }
    expect(firstOfTheirKind(again, seen)?.every((keep) => keep === 0)).toBe(true)
  }
})
