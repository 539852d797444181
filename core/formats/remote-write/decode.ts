import { GlassboxError } from '../../base/errors.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder } from '../../model/sample-batch-builder.ts'
import type { Labels, MetricType } from '../../model/series.ts'
import { cleanText } from '../otlp/any-value.ts'
import { WireReader } from '../otlp/wire-reader.ts'
import { Rejections } from '../rejections.ts'
import { labelFault } from '../series-check.ts'
import { isStaleMarker, readHistogram } from './histogram.ts'

const TYPES: readonly MetricType[] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
]

/** Field numbers in which the two versions differ. */
interface Layout {
  samples: number
  histograms: number
  exemplars: number
}
const V1: Layout = { samples: 0x12, histograms: 0x22, exemplars: 0x1a }
const V2: Layout = { samples: 0x12, histograms: 0x1a, exemplars: 0x22 }

/**
 * Decodes a WriteRequest of remote write 1.0. A bad series costs its own samples only.
 * @throws GlassboxError `malformed_body` with the offset
 */
export function decodeRemoteWrite1(bytes: Uint8Array): DecodedSamples {
  const out = new Collected()
  const reader = new WireReader(bytes)
  const end = bytes.length
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) readSeries(reader, reader.lengthEnd(end), V1, null, out)
    else if (tag === 0x1a) readMetadata1(reader, reader.lengthEnd(end), out)
    else reader.skip(tag, end)
  }
  return out.finish()
}

/**
 * Decodes a Request of remote write 2.0: strings lie in one table, the first of which is empty.
 * @throws GlassboxError `malformed_body`, also for references outside the table
 */
export function decodeRemoteWrite2(bytes: Uint8Array): DecodedSamples {
  const out = new Collected()
  const symbols: string[] = []
  const reader = new WireReader(bytes)
  const end = bytes.length
  const series: [from: number, to: number][] = []
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x22) symbols.push(text(reader, end))
    else if (tag === 0x2a) {
      const to = reader.lengthEnd(end)
      series.push([reader.pos, to])
      reader.pos = to
    } else reader.skip(tag, end)
  }
  if (series.length > 0 && symbols[0] !== '')
    throw new GlassboxError('malformed_body', 'the first symbol of a remote write 2.0 request must be empty')
  for (const [from, to] of series) {
    reader.pos = from
    readSeries(reader, to, V2, symbols, out)
  }
  return out.finish()
}

class Collected {
  builder = new SampleBatchBuilder()
  rejections = new Rejections()
  services = new Set<string>()
  points = 0

  finish(): DecodedSamples {
    return {
      batch: this.builder.finish(),
      pointOf: null,
      points: this.points,
      rejected: this.rejections.list(),
      warnings: [],
      services: [...this.services],
    }
  }
}

function text(reader: WireReader, end: number): string {
  const to = reader.lengthEnd(end)
  const value = cleanText(reader.bytes.subarray(reader.pos, to))
  reader.pos = to
  return value
}

interface Sample {
  time: number
  value: number
  stale: boolean
}

function readSeries(
  reader: WireReader,
  end: number,
  layout: Layout,
  symbols: readonly string[] | null,
  out: Collected,
): void {
  const refs: number[] = []
  const pairs: [string, string][] = []
  const samples: Sample[] = []
  const histograms: ReturnType<typeof readHistogram>[] = []
  const exemplars: { labels: [string, string][]; value: number; time: number }[] = []
  let metadata: { type: number; help: number; unit: number } | null = null
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a && symbols === null) pairs.push(readLabel(reader, reader.lengthEnd(end)))
    else if ((tag === 0x0a || tag === 0x08) && symbols !== null) readRefs(reader, end, tag, refs)
    else if (tag === layout.samples) samples.push(readSample(reader, reader.lengthEnd(end)))
    else if (tag === layout.histograms) histograms.push(readHistogram(reader, reader.lengthEnd(end)))
    else if (tag === layout.exemplars) exemplars.push(readExemplar(reader, reader.lengthEnd(end), symbols))
    else if (tag === 0x2a && symbols !== null) metadata = readMetadata2(reader, reader.lengthEnd(end))
    else reader.skip(tag, end)
  }
  if (symbols) pairs.push(...resolve(refs, symbols))
  const labels: Labels = pairs
    .filter(([, value]) => value !== '')
    .sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
  const fault = labelFault(labels)
  if (fault) {
    for (let i = 0; i < samples.length + histograms.length; i++) out.rejections.add(fault.reason, fault.example)
    return
  }
  const { builder } = out
  const series = builder.series(labels)
  const job = labels.find(([name]) => name === 'job')
  if (job) out.services.add(job[1])
  for (const { time, value, stale } of samples) {
    if (stale) builder.stale(series, time)
    else builder.float(series, time, value)
    out.points++
  }
  for (const { time, stale, histogram, fault: why } of histograms) {
    if (stale) builder.stale(series, time)
    else if (why !== null) {
      out.rejections.add('bad_histogram', why)
      continue
    } else builder.histogram(series, time, histogram)
    out.points++
  }
  for (const { labels: own, value, time } of exemplars) builder.exemplar(series, { labels: own, value, time })
  if (metadata && symbols) {
    const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
    builder.metadata({
      metric: familyOf(name, TYPES[metadata.type] ?? 'unknown'),
      type: TYPES[metadata.type] ?? 'unknown',
      help: symbols[metadata.help] ?? '',
      unit: symbols[metadata.unit] ?? '',
    })
  }
}

/** A classic histogram's or summary's series carry suffixes that its family has not. */
function familyOf(name: string, type: MetricType): string {
  return type === 'histogram' || type === 'gaugehistogram' || type === 'summary'
    ? name.replace(/_(bucket|sum|count|gsum|gcount)$/, '')
    : name
}

function resolve(refs: readonly number[], symbols: readonly string[]): [string, string][] {
  if (refs.length % 2 !== 0)
    throw new GlassboxError('malformed_body', `a series has ${refs.length} label references, which must be even`)
  const pairs: [string, string][] = []
  for (let i = 0; i < refs.length; i += 2) {
    const [name, value] = [symbols[refs[i]], symbols[refs[i + 1]]]
    if (name === undefined || value === undefined)
      throw new GlassboxError(
        'malformed_body',
        `a label refers to symbol ${Math.max(refs[i], refs[i + 1])}, there are ${symbols.length}`,
      )
    pairs.push([name, value])
  }
  return pairs
}

function readRefs(reader: WireReader, end: number, tag: number, into: number[]): void {
  if (tag === 0x08) {
    into.push(reader.varint(end))
    return
  }
  const to = reader.lengthEnd(end)
  while (reader.pos < to) into.push(reader.varint(to))
}

function readLabel(reader: WireReader, end: number): [string, string] {
  const pair: [string, string] = ['', '']
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) pair[0] = text(reader, end)
    else if (tag === 0x12) pair[1] = text(reader, end)
    else reader.skip(tag, end)
  }
  return pair
}

function readSample(reader: WireReader, end: number): Sample {
  const sample = { time: 0, value: 0, stale: false }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x09) {
      const at = reader.fixed(8, end)
      sample.stale = isStaleMarker(reader, at)
      sample.value = reader.view.getFloat64(at, true)
    } else if (tag === 0x10) sample.time = Number(reader.int64(end))
    else reader.skip(tag, end)
  }
  return sample
}

function readExemplar(reader: WireReader, end: number, symbols: readonly string[] | null) {
  const labels: [string, string][] = []
  const refs: number[] = []
  const exemplar = { labels, value: 0, time: 0 }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a && symbols === null) labels.push(readLabel(reader, reader.lengthEnd(end)))
    else if ((tag === 0x0a || tag === 0x08) && symbols !== null) readRefs(reader, end, tag, refs)
    else if (tag === 0x11) exemplar.value = reader.view.getFloat64(reader.fixed(8, end), true)
    else if (tag === 0x18) exemplar.time = Number(reader.int64(end))
    else reader.skip(tag, end)
  }
  if (symbols) labels.push(...resolve(refs, symbols))
  return exemplar
}

function readMetadata1(reader: WireReader, end: number, out: Collected): void {
  const metadata = { metric: '', type: 'unknown' as MetricType, help: '', unit: '' }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x08) metadata.type = TYPES[reader.varint(end)] ?? 'unknown'
    else if (tag === 0x12) metadata.metric = text(reader, end)
    else if (tag === 0x22) metadata.help = text(reader, end)
    else if (tag === 0x2a) metadata.unit = text(reader, end)
    else reader.skip(tag, end)
  }
  if (metadata.metric !== '') out.builder.metadata(metadata)
}

function readMetadata2(reader: WireReader, end: number): { type: number; help: number; unit: number } {
  const metadata = { type: 0, help: 0, unit: 0 }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x08) metadata.type = reader.varint(end)
    else if (tag === 0x18) metadata.help = reader.varint(end)
    else if (tag === 0x20) metadata.unit = reader.varint(end)
    else reader.skip(tag, end)
  }
  return metadata
}
