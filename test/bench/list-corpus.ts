import { decodeLogsProtobuf, decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import type { LogBatch, SpanBatch } from '../../core/model/columns.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { seededRandom } from '../demo/shop.ts'
import { encodeLogs, encodeTraces } from '../fixtures/otlp-protobuf.ts'

const PER_BATCH = 1000
const BATCHES_A_WRITE = 8
const BASES = 32
const SERVICES = ['gateway', 'cart', 'checkout', 'payment', 'inventory']
const ROUTES = ['/cart', '/checkout', '/products/{sku}', '/orders/{id}']

/**
 * Fills `dataDir` with `rows` traces of one span and `rows` log lines, evenly over the hours before `nowUs` with every
 * third quarter of an hour ten times as busy, straight through the writer and merged as a running host would leave it.
 */
export function storeLists(dataDir: string, rows: number, hours: number, nowUs: number): void {
  const begin = nowUs - hours * 3600e6
  let clockUs = begin
  const clock = {
    nowUs: () => Math.round(clockUs),
    monotonicMs: () => (clockUs - begin) / 1000,
    witness: () => ({ wallUs: clockUs, uptimeMs: (clockUs - begin) / 1000, boot: null }),
  }
  const spans = Array.from({ length: BASES }, (_, seed) => spanBase(seed))
  const lines = Array.from({ length: BASES }, (_, seed) => lineBase(seed))
  const timeOf = busyTimes(begin, nowUs, rows)
  const writer = new Writer({ dataDir, reserveBytes: 1_000_000 }, clock, () => undefined)
  const batches = Math.ceil(rows / PER_BATCH)
  for (let at = 0; at < batches; at += BATCHES_A_WRITE) {
    const next = Math.min(batches, at + BATCHES_A_WRITE)
    clockUs = timeOf(next * PER_BATCH)
    const numbers = Array.from({ length: next - at }, (_, i) => at + i)
    writer.write(
      numbers.map((number) => spansAgain(spans[number % BASES], number, timeOf, clockUs)),
      numbers.map((number) => linesAgain(lines[number % BASES], number, timeOf, clockUs)),
    )
    if ((at / BATCHES_A_WRITE) % 50 === 0) writer.compact()
  }
  writer.compact()
  writer.stop()
}

/** µs of each row, oldest first. */
function busyTimes(begin: number, end: number, rows: number): (row: number) => number {
  const quarters = Math.ceil((end - begin) / 900e6)
  const weights = Array.from({ length: quarters }, (_, quarter) => (quarter % 3 === 2 ? 10 : 1))
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  const ends: number[] = []
  let sum = 0
  for (const weight of weights) {
    sum += weight
    ends.push(sum / all)
  }
  return (row) => {
    const share = Math.min(1, row / rows)
    const quarter = Math.max(
      0,
      ends.findIndex((one) => one >= share),
    )
    const from = quarter === 0 ? 0 : ends[quarter - 1]
    return Math.round(begin + (quarter + (share - from) / (ends[quarter] - from)) * ((end - begin) / quarters))
  }
}

const resourceOf = (service: string): object => ({
  attributes: [{ key: 'service.name', value: { stringValue: service } }],
})

function spanBase(seed: number): SpanBatch {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  const made = SERVICES.map((service) => ({ resource: resourceOf(service), scopeSpans: [{ spans: [] as object[] }] }))
  for (let i = 0; i < PER_BATCH; i++) {
    const route = pick(ROUTES)
    const failed = random() < 0.02
    pick(made).scopeSpans[0].spans.push({
      traceId: (i + 1).toString(16).padStart(32, '0'),
      spanId: (i + 1).toString(16).padStart(16, '0'),
      name: `GET ${route}`,
      kind: 2,
      startTimeUnixNano: '1000',
      endTimeUnixNano: String(1000 + Math.floor(random() ** 4 * 2e9)),
      status: failed ? { code: 2, message: 'boom' } : undefined,
      attributes: [
        { key: 'http.request.method', value: { stringValue: 'GET' } },
        { key: 'http.route', value: { stringValue: route } },
        { key: 'http.response.status_code', value: { intValue: failed ? '500' : '200' } },
      ],
    })
  }
  return decodeTracesProtobuf(encodeTraces(made), 0).batch
}

function lineBase(seed: number): LogBatch {
  const random = seededRandom(seed + 1000)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  const made = SERVICES.map((service) => ({
    resource: resourceOf(service),
    scopeLogs: [{ logRecords: [] as object[] }],
  }))
  for (let i = 0; i < PER_BATCH; i++) {
    pick(made).scopeLogs[0].logRecords.push({
      timeUnixNano: '1000',
      severityNumber: pick([5, 9, 9, 9, 13, 17]),
      body: {
        stringValue: `request ${Math.floor(random() * 1e6)} to ${pick(ROUTES)} took ${Math.floor(random() * 900)} ms`,
      },
      attributes: [{ key: 'http.route', value: { stringValue: pick(ROUTES) } }],
    })
  }
  return decodeLogsProtobuf(encodeLogs(made), 0).batch
}

type TimeOf = (row: number) => number

/** The base with ids and times of its own: batch `number`, rows in order of time. */
function spansAgain(base: SpanBatch, number: number, timeOf: TimeOf, receivedUs: number): SpanBatch {
  const batch = structuredClone(base)
  batch.receivedUs = receivedUs
  for (let row = 0; row < batch.n; row++) {
    batch.startUs[row] = timeOf(number * PER_BATCH + row)
    new DataView(batch.traceId.buffer, batch.traceId.byteOffset + row * 16).setUint32(
      0,
      Math.imul(number + 1, 0x9e3779b1),
    )
    new DataView(batch.spanId.buffer, batch.spanId.byteOffset + row * 8).setUint32(0, number + 1)
  }
  return batch
}

function linesAgain(base: LogBatch, number: number, timeOf: TimeOf, receivedUs: number): LogBatch {
  const batch = structuredClone(base)
  batch.receivedUs = receivedUs
  for (let row = 0; row < batch.n; row++) {
    batch.timeUs[row] = timeOf(number * PER_BATCH + row)
    batch.observedUs[row] = batch.timeUs[row]
  }
  return batch
}
