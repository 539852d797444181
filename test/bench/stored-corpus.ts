import { decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import type { SpanBatch } from '../../core/model/columns.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'

const PER_BATCH = 1000
const BATCHES_A_WRITE = 8
const BASES = 64
const DAY_US = 86_400e6

/**
 * Fills `dataDir` with `spans` spans of the last `days` days, straight through the writer and merged as a running host
 * would leave them: 64 different decoded bodies of traces of ten, each sent again with other ids and times.
 * @returns some trace ids, spread over the whole time
 */
export function storeCorpus(dataDir: string, spans: number, days: number, nowUs: number): string[] {
  const bases = Array.from(
    { length: BASES },
    (_, seed) => decodeTracesProtobuf(encodeTraces(randomResourceSpans(PER_BATCH, 10, seed, 0)), 0).batch,
  )
  const begin = nowUs - days * DAY_US
  const stepUs = (days * DAY_US * PER_BATCH) / spans
  let clockUs = begin
  const clock = {
    nowUs: () => Math.round(clockUs),
    monotonicMs: () => (clockUs - begin) / 1000,
    witness: () => ({ wallUs: clockUs, uptimeMs: (clockUs - begin) / 1000, boot: null }),
  }
  const writer = new Writer({ dataDir, reserveBytes: 1_000_000 }, clock, () => undefined)
  const sample: string[] = []
  const total = Math.ceil(spans / PER_BATCH)
  for (let i = 0; i < total; i += BATCHES_A_WRITE) {
    const batches: SpanBatch[] = []
    for (let j = i; j < Math.min(total, i + BATCHES_A_WRITE); j++) {
      const from = Math.round(begin + j * stepUs)
      batches.push(again(bases[j % BASES], j, from, stepUs))
    }
    clockUs = begin + Math.min(total, i + BATCHES_A_WRITE) * stepUs
    for (const batch of batches) batch.receivedUs = clock.nowUs()
    writer.write(batches, [])
    if (sample.length < 200 && i % Math.ceil(total / 200) < BATCHES_A_WRITE)
      sample.push(Buffer.from(batches[0].traceId.subarray(0, 16)).toString('hex'))
    if (i % 800 === 0) writer.compact()
  }
  writer.compact()
  writer.stop()
  return sample
}

/** The batch with its ids turned into others and each trace moved to some moment of the step that begins at `from`. */
function again(base: SpanBatch, round: number, from: number, stepUs: number): SpanBatch {
  const batch = structuredClone(base)
  const turn = new Uint8Array(8)
  for (let i = 0; i < 8; i++) turn[i] = Math.imul(round + 1, 0x9e3779b1 + i * 0x85ebca6b) >>> ((i % 4) * 8)
  for (let row = 0; row < batch.n; row++) {
    const id = new DataView(base.traceId.buffer, base.traceId.byteOffset + row * 16)
    const moment = Math.floor((id.getUint32(0) / 2 ** 32) * stepUs)
    batch.startUs[row] = from + moment + (base.startUs[row] % 1000)
    for (let i = 0; i < 8; i++) {
      batch.traceId[row * 16 + i] ^= turn[i]
      batch.spanId[row * 8 + i] ^= turn[i]
    }
    if (base.parentId.subarray(row * 8, row * 8 + 8).some((byte) => byte !== 0))
      for (let i = 0; i < 8; i++) batch.parentId[row * 8 + i] ^= turn[i]
  }
  return batch
}
