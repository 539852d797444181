import type { BucketSpans, NativeHistogram } from '../../model/native-histogram.ts'
import type { WireReader } from '../otlp/wire-reader.ts'

const RESETS = ['unknown', 'reset', 'not_reset', 'gauge'] as const
const MOST_BUCKETS = 10_000

export interface ReadHistogram {
  time: number
  stale: boolean
  histogram: NativeHistogram
  /** Why it is not a valid one. */
  fault: string | null
}

interface Side {
  spans: { offset: number; length: number }[]
  deltas: number[]
  counts: number[]
}

/** Bits of the stale marker: to be told from the raw bytes, as NaN payloads do not survive JavaScript. */
export function isStaleMarker(reader: WireReader, at: number): boolean {
  return reader.view.getUint32(at, true) === 2 && reader.view.getUint32(at + 4, true) === 0x7ff00000
}

/** Reads a Histogram of remote write 1.0 or 2.0 (one layout), integer or float. */
export function readHistogram(reader: WireReader, end: number): ReadHistogram {
  const positive: Side = { spans: [], deltas: [], counts: [] }
  const negative: Side = { spans: [], deltas: [], counts: [] }
  let [schema, zeroThreshold, zeroCount, count, sum, reset, time] = [0, 0, 0, 0, 0, 0, 0]
  const customValues: number[] = []
  let stale = false
  const double = (): number => reader.view.getFloat64(reader.fixed(8, end), true)
  while (reader.pos < end) {
    const tag = reader.tag(end)
    switch (tag) {
      case 0x08:
        count = reader.varint(end)
        break
      case 0x11:
        count = double()
        break
      case 0x19:
        stale = isStaleMarker(reader, reader.fixed(8, end))
        sum = reader.view.getFloat64(reader.pos - 8, true)
        break
      case 0x20:
        schema = zigzag(reader, end)
        break
      case 0x29:
        zeroThreshold = double()
        break
      case 0x30:
        zeroCount = reader.varint(end)
        break
      case 0x39:
        zeroCount = double()
        break
      case 0x42:
        negative.spans.push(readSpan(reader, reader.lengthEnd(end)))
        break
      case 0x5a:
        positive.spans.push(readSpan(reader, reader.lengthEnd(end)))
        break
      case 0x4a:
      case 0x48:
        list(reader, end, tag, negative.deltas, zigzag)
        break
      case 0x62:
      case 0x60:
        list(reader, end, tag, positive.deltas, zigzag)
        break
      case 0x52:
      case 0x51:
        list(reader, end, tag, negative.counts, readDouble)
        break
      case 0x6a:
      case 0x69:
        list(reader, end, tag, positive.counts, readDouble)
        break
      case 0x70:
        reset = reader.varint(end)
        break
      case 0x78:
        time = Number(reader.int64(end))
        break
      case 0x82:
      case 0x81:
        // Field 16 has a tag of two bytes, read as one number: 16 << 3 | type.
        list(reader, end, tag, customValues, readDouble)
        break
      default:
        reader.skip(tag, end)
    }
  }
  const sides = [positive, negative].map(absolute)
  const fault = schemaFault(schema) ?? sides.map((side) => side.fault).find((one) => one !== null) ?? null
  return {
    time,
    stale,
    fault,
    histogram: {
      schema,
      counterReset: RESETS[reset] ?? 'unknown',
      zeroThreshold,
      zeroCount,
      count,
      sum,
      positive: sides[0].buckets,
      negative: sides[1].buckets,
      customValues: schema === -53 ? customValues : null,
    },
  }
}

function schemaFault(schema: number): string | null {
  return schema === -53 || (schema >= -4 && schema <= 8) ? null : `schema ${schema} does not exist`
}

function absolute({ spans, deltas, counts }: Side): { buckets: BucketSpans; fault: string | null } {
  let running = 0
  const summed = deltas.map((delta) => {
    running += delta
    return running
  })
  const all = counts.length > 0 ? counts : summed
  const wanted = spans.reduce((total, span) => total + span.length, 0)
  const fault =
    wanted !== all.length || wanted > MOST_BUCKETS
      ? `the spans name ${wanted} buckets, ${all.length} came`
      : all.some((count) => count < 0)
        ? 'a bucket count is negative'
        : null
  return { buckets: { spans, counts: all }, fault }
}

function readSpan(reader: WireReader, end: number): { offset: number; length: number } {
  const span = { offset: 0, length: 0 }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x08) span.offset = zigzag(reader, end)
    else if (tag === 0x10) span.length = reader.varint(end)
    else reader.skip(tag, end)
  }
  return span
}

function zigzag(reader: WireReader, end: number): number {
  const raw = reader.varint(end)
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
}

function readDouble(reader: WireReader, end: number): number {
  return reader.view.getFloat64(reader.fixed(8, end), true)
}

function list(
  reader: WireReader,
  end: number,
  tag: number,
  into: number[],
  read: (reader: WireReader, end: number) => number,
): void {
  if ((tag & 7) !== 2) {
    into.push(read(reader, end))
    return
  }
  const to = reader.lengthEnd(end)
  while (reader.pos < to) into.push(read(reader, to))
}
