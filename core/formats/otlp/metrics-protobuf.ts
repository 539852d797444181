import type { KeyValue } from '../../model/records.ts'
import { cleanText, lastWins, readKeyValue } from './any-value.ts'
import {
  emptyMetric,
  emptyPoint,
  type OtlpBuckets,
  type OtlpExemplar,
  type OtlpMetric,
  type OtlpPoint,
  type OtlpResourceMetrics,
  type OtlpScopeMetrics,
} from './metric-points.ts'
import { WireReader } from './wire-reader.ts'

/** Reads one message: `field` handles the tags it knows and answers whether it did. */
function message(reader: WireReader, end: number, field: (tag: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (!field(tag)) reader.skip(tag, end)
  }
}

function text(reader: WireReader, end: number): string {
  const to = reader.lengthEnd(end)
  const value = cleanText(reader.bytes.subarray(reader.pos, to))
  reader.pos = to
  return value
}

function fixed64(reader: WireReader, end: number): number {
  const at = reader.fixed(8, end)
  return reader.view.getUint32(at + 4, true) * 4_294_967_296 + reader.view.getUint32(at, true)
}

function sfixed64(reader: WireReader, end: number): number {
  return Number(reader.view.getBigInt64(reader.fixed(8, end), true))
}

function double(reader: WireReader, end: number): number {
  return reader.view.getFloat64(reader.fixed(8, end), true)
}

/** A time in ns as whole ms. */
function millis(reader: WireReader, end: number): number {
  const at = reader.fixed(8, end)
  return Number(reader.view.getBigUint64(at, true) / 1_000_000n)
}

function sint32(reader: WireReader, end: number): number {
  const raw = reader.varint(end)
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
}

/** A repeated scalar, packed (`tag` of wire type 2) or one by one. */
function repeated(reader: WireReader, end: number, tag: number, into: number[], read: typeof double): void {
  if ((tag & 7) !== 2) {
    into.push(read(reader, end))
    return
  }
  const to = reader.lengthEnd(end)
  while (reader.pos < to) into.push(read(reader, to))
}

/**
 * Reads an ExportMetricsServiceRequest (OTLP 1.11).
 * @throws GlassboxError `malformed_body` with the offset
 */
export function readMetricsProtobuf(bytes: Uint8Array): OtlpResourceMetrics[] {
  const reader = new WireReader(bytes)
  const all: OtlpResourceMetrics[] = []
  message(reader, bytes.length, (tag) => {
    if (tag !== 0x0a) return false
    all.push(readResource(reader, reader.lengthEnd(bytes.length)))
    return true
  })
  return all
}

function readResource(reader: WireReader, end: number): OtlpResourceMetrics {
  const out: OtlpResourceMetrics = { resource: [], scopes: [] }
  message(reader, end, (tag) => {
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      message(reader, to, (inner) => inner === 0x0a && pushPair(reader, to, out.resource))
      out.resource = lastWins(out.resource)
    } else if (tag === 0x12) out.scopes.push(readScope(reader, reader.lengthEnd(end)))
    else return false
    return true
  })
  return out
}

function pushPair(reader: WireReader, end: number, into: KeyValue[]): true {
  into.push(readKeyValue(reader, reader.lengthEnd(end)))
  return true
}

function readScope(reader: WireReader, end: number): OtlpScopeMetrics {
  const out: OtlpScopeMetrics = { name: '', version: '', metrics: [] }
  message(reader, end, (tag) => {
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      message(reader, to, (inner) => {
        if (inner === 0x0a) out.name = text(reader, to)
        else if (inner === 0x12) out.version = text(reader, to)
        else return false
        return true
      })
    } else if (tag === 0x12) out.metrics.push(readMetric(reader, reader.lengthEnd(end)))
    else return false
    return true
  })
  return out
}

/** Field numbers of Metric.data; of the oneof, the last on the wire wins. */
const KINDS: Record<number, { kind: NonNullable<OtlpMetric['kind']>; point: typeof readNumber }> = {
  42: { kind: 'gauge', point: readNumber },
  58: { kind: 'sum', point: readNumber },
  74: { kind: 'histogram', point: readHistogram },
  82: { kind: 'exponential', point: readExponential },
  90: { kind: 'summary', point: readSummary },
}

function readMetric(reader: WireReader, end: number): OtlpMetric {
  const out = emptyMetric()
  message(reader, end, (tag) => {
    if (tag === 0x0a) out.name = text(reader, end)
    else if (tag === 0x12) out.description = text(reader, end)
    else if (tag === 0x1a) out.unit = text(reader, end)
    else if (KINDS[tag]) {
      const { kind, point } = KINDS[tag]
      Object.assign(out, { kind, points: [], temporality: 0, monotonic: false })
      const to = reader.lengthEnd(end)
      message(reader, to, (inner) => {
        if (inner === 0x0a) out.points.push(point(reader, reader.lengthEnd(to)))
        else if (inner === 0x10) out.temporality = reader.varint(to)
        else if (inner === 0x18) out.monotonic = reader.varint(to) !== 0
        else return false
        return true
      })
    } else return false
    return true
  })
  return out
}

function readNumber(reader: WireReader, end: number): OtlpPoint {
  const out = emptyPoint()
  message(reader, end, (tag) => {
    if (tag === 0x3a) pushPair(reader, end, out.attributes)
    else if (tag === 0x11) out.startMs = millis(reader, end)
    else if (tag === 0x19) out.timeMs = millis(reader, end)
    else if (tag === 0x21) out.value = double(reader, end)
    else if (tag === 0x31) out.value = sfixed64(reader, end)
    else if (tag === 0x2a) out.exemplars.push(readExemplar(reader, reader.lengthEnd(end)))
    else if (tag === 0x40) out.stale = (reader.varint(end) & 1) === 1
    else return false
    return true
  })
  return out
}

function readHistogram(reader: WireReader, end: number): OtlpPoint {
  const out = emptyPoint()
  message(reader, end, (tag) => {
    if (tag === 0x4a) pushPair(reader, end, out.attributes)
    else if (tag === 0x11) out.startMs = millis(reader, end)
    else if (tag === 0x19) out.timeMs = millis(reader, end)
    else if (tag === 0x21) out.count = fixed64(reader, end)
    else if (tag === 0x29) out.sum = double(reader, end)
    else if (tag === 0x32 || tag === 0x31) repeated(reader, end, tag, out.bucketCounts, fixed64)
    else if (tag === 0x3a || tag === 0x39) repeated(reader, end, tag, out.bounds, double)
    else if (tag === 0x42) out.exemplars.push(readExemplar(reader, reader.lengthEnd(end)))
    else if (tag === 0x50) out.stale = (reader.varint(end) & 1) === 1
    else return false
    return true
  })
  return out
}

function readExponential(reader: WireReader, end: number): OtlpPoint {
  const out = emptyPoint()
  message(reader, end, (tag) => {
    if (tag === 0x0a) pushPair(reader, end, out.attributes)
    else if (tag === 0x11) out.startMs = millis(reader, end)
    else if (tag === 0x19) out.timeMs = millis(reader, end)
    else if (tag === 0x21) out.count = fixed64(reader, end)
    else if (tag === 0x29) out.sum = double(reader, end)
    else if (tag === 0x30) out.scale = sint32(reader, end)
    else if (tag === 0x39) out.zeroCount = fixed64(reader, end)
    else if (tag === 0x42) out.positive = readBuckets(reader, reader.lengthEnd(end))
    else if (tag === 0x4a) out.negative = readBuckets(reader, reader.lengthEnd(end))
    else if (tag === 0x50) out.stale = (reader.varint(end) & 1) === 1
    else if (tag === 0x5a) out.exemplars.push(readExemplar(reader, reader.lengthEnd(end)))
    else if (tag === 0x71) out.zeroThreshold = double(reader, end)
    else return false
    return true
  })
  return out
}

function readBuckets(reader: WireReader, end: number): OtlpBuckets {
  const out: OtlpBuckets = { offset: 0, counts: [] }
  message(reader, end, (tag) => {
    if (tag === 0x08) out.offset = sint32(reader, end)
    else if (tag === 0x12 || tag === 0x10) repeated(reader, end, tag, out.counts, (from, to) => from.varint(to))
    else return false
    return true
  })
  return out
}

function readSummary(reader: WireReader, end: number): OtlpPoint {
  const out = emptyPoint()
  message(reader, end, (tag) => {
    if (tag === 0x3a) pushPair(reader, end, out.attributes)
    else if (tag === 0x11) out.startMs = millis(reader, end)
    else if (tag === 0x19) out.timeMs = millis(reader, end)
    else if (tag === 0x21) out.count = fixed64(reader, end)
    else if (tag === 0x29) out.sum = double(reader, end)
    else if (tag === 0x32) {
      const to = reader.lengthEnd(end)
      const one = { quantile: 0, value: 0 }
      message(reader, to, (inner) => {
        if (inner === 0x09) one.quantile = double(reader, to)
        else if (inner === 0x11) one.value = double(reader, to)
        else return false
        return true
      })
      out.quantiles.push(one)
    } else if (tag === 0x40) out.stale = (reader.varint(end) & 1) === 1
    else return false
    return true
  })
  return out
}

function readExemplar(reader: WireReader, end: number): OtlpExemplar {
  const out: OtlpExemplar = { attributes: [], timeMs: 0, value: 0, traceId: '', spanId: '' }
  const hexOf = (length: number): string => {
    const to = reader.lengthEnd(end)
    const id = Buffer.from(reader.bytes.subarray(reader.pos, to)).toString('hex')
    reader.pos = to
    return id.length === length && !/^0*$/.test(id) ? id : ''
  }
  message(reader, end, (tag) => {
    if (tag === 0x3a) pushPair(reader, end, out.attributes)
    else if (tag === 0x11) out.timeMs = millis(reader, end)
    else if (tag === 0x19) out.value = double(reader, end)
    else if (tag === 0x31) out.value = sfixed64(reader, end)
    else if (tag === 0x22) out.spanId = hexOf(16)
    else if (tag === 0x2a) out.traceId = hexOf(32)
    else return false
    return true
  })
  return out
}
