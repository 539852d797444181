import { decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import type { SpanBatch } from '../../core/model/columns.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'

const PER_BATCH = 1000
const BATCHES_A_WRITE = 8
const BASES = 64
const DAY_US = 86_400e6

/** One write of the corpus, and when it is received, µs. */
export interface CorpusWrite {
  batches: SpanBatch[]
  atUs: number
}

/**
 * `spans` spans of the last `days` days, in writes of 8,000: 64 different decoded bodies of traces of ten, each again and
 * again with other ids and times.
 */
export function* corpusWrites(spans: number, days: number, nowUs: number): Generator<CorpusWrite> {
  const bases = Array.from(
    { length: BASES },
    (_, seed) => decodeTracesProtobuf(encodeTraces(randomResourceSpans(PER_BATCH, 10, seed, 0)), 0).batch,
  )
  const begin = nowUs - days * DAY_US
  const stepUs = (days * DAY_US * PER_BATCH) / spans
  const total = Math.ceil(spans / PER_BATCH)
  for (let i = 0; i < total; i += BATCHES_A_WRITE) {
    const next = Math.min(total, i + BATCHES_A_WRITE)
    const batches: SpanBatch[] = []
    for (let j = i; j < next; j++) batches.push(again(bases[j % BASES], j, Math.round(begin + j * stepUs), stepUs))
    const atUs = Math.round(begin + next * stepUs)
    for (const batch of batches) batch.receivedUs = atUs
    yield { batches, atUs }
  }
}

/** A trace id of every so many writes: 200 spread over the whole time. */
export function sampledId(spans: number, write: number, { batches }: CorpusWrite): string | null {
  const every = Math.max(1, Math.floor(spans / (PER_BATCH * BATCHES_A_WRITE * 200)))
  return write % every === 0 ? Buffer.from(batches[0].traceId.subarray(0, 16)).toString('hex') : null
}

/**
 * Fills `dataDir` with a corpus, straight through the writer and merged as a running host would leave it.
 * @returns some trace ids, spread over the whole time
 */
export function storeCorpus(dataDir: string, spans: number, days: number, nowUs: number): string[] {
  const begin = nowUs - days * DAY_US
  let clockUs = begin
  const clock = {
    nowUs: () => Math.round(clockUs),
    monotonicMs: () => (clockUs - begin) / 1000,
    witness: () => ({ wallUs: clockUs, uptimeMs: (clockUs - begin) / 1000, boot: null }),
  }
  const writer = new Writer({ dataDir, reserveBytes: 1_000_000 }, clock, () => undefined)
  const sample: string[] = []
  let write = 0
  for (const one of corpusWrites(spans, days, nowUs)) {
    clockUs = one.atUs
    const id = sampledId(spans, write, one)
    if (id !== null) sample.push(id)
    writer.write(one.batches, [])
    if (write++ % 100 === 0) writer.compact()
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
