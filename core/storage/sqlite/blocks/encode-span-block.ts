import type { SpanBatch } from '../../../model/columns.ts'
import { gather, gatherIds } from '../../../model/picked-rows.ts'
import { encodeAttributes } from './attribute-sections.ts'
import type { BlockRows } from './block-rows.ts'
import { bloomAdd, newBloom, TRACE_BITS, traceHash } from './bloom.ts'
import { IdTable } from './id-table.ts'
import { packFloats, packUints } from './pack.ts'
import { type NumberedBatch, packSources, RowPacker, receivedOf, rowsOfBlocks, seqsOf } from './pack-rows.ts'
import { writeSections } from './sections.ts'
import { encodeParents } from './span-parents.ts'
import { SPAN_CORE, SPAN_REST } from './span-sections.ts'
import { encodeStats, SPAN_FIGURES } from './stats.ts'
import { sizeBytes } from './text-column.ts'
import { encodePartials } from './trace-partials.ts'

interface SpanBlockStats {
  rows: number
  traces: number
  errors: number
  minStart: number
  maxStart: number
  maxEnd: number
  minDur: number
  maxDur: number
  firstSeq: number
  lastSeq: number
  minReceived: number
  maxReceived: number
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

export interface EncodedSpanBlock {
  /** UTC day of the spans' start, -1 for the odd ones. */
  day: number
  stats: SpanBlockStats
  statsBytes: Uint8Array
  core: Uint8Array
  attr: Uint8Array
  rest: Uint8Array
}

/** Encodes batches into immutable blocks: split by day, ordered by trace, one compressed section a column. */
export function encodeSpanBlocks(input: NumberedBatch<SpanBatch>[]): EncodedSpanBlock[] {
  return Array.from(
    rowsOfBlocks(input, (batch) => batch.startUs),
    ({ day, rows }) => encodeBlock(day, rows, input),
  )
}

/** Orders rows so that the rows of one trace lie together, traces as they were first seen. */
function groupByTrace(rows: BlockRows<SpanBatch>): { traces: IdTable; traceIndex: Uint32Array } {
  const traces = new IdTable(16, rows.n)
  const found = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) found[i] = traces.intern(rows.batches[rows.source[i]].traceId, rows.row[i] * 16)
  const next = new Uint32Array(traces.size + 1)
  for (let i = 0; i < rows.n; i++) next[found[i] + 1]++
  for (let t = 0; t < traces.size; t++) next[t + 1] += next[t]
  const source = new Uint32Array(rows.n)
  const row = new Uint32Array(rows.n)
  const traceIndex = new Uint32Array(rows.n)
  for (let i = 0; i < rows.n; i++) {
    const to = next[found[i]]++
    source[to] = rows.source[i]
    row[to] = rows.row[i]
    traceIndex[to] = found[i]
  }
  rows.source = source
  rows.row = row
  return { traces, traceIndex }
}

function encodeBlock(day: number, rows: BlockRows<SpanBatch>, input: NumberedBatch<SpanBatch>[]): EncodedSpanBlock {
  const { traces, traceIndex } = groupByTrace(rows)
  const { n } = rows
  const packer = new RowPacker(rows)
  const seq = seqsOf(rows, input)
  const startUs = gather(rows, (b) => b.startUs, new Float64Array(n))
  const durUs = gather(rows, (b) => b.durUs, new Float64Array(n))
  const status = gather(rows, (b) => b.status, new Uint8Array(n))
  const { resources, services, sections: from } = packSources(rows)
  const spanIds = gatherIds(rows, (b) => b.spanId, 8)
  const parents = encodeParents(
    spanIds,
    gatherIds(rows, (b) => b.parentId, 8),
  )
  const traceIds = traces.bytes.slice(0, traces.size * 16)
  const { attr, keys, attrBloom } = encodeAttributes(rows, resources, [from.services, from.service])
  const core = writeSections(SPAN_CORE, {
    rows: sizeBytes(n),
    seq: packUints(seq),
    traceIndex: packUints(traceIndex),
    traceIds,
    spanIds,
    parentSteps: parents.steps,
    foreignParents: parents.foreign,
    startUs: packFloats(startUs, true),
    startNs: packer.u16((b) => b.startNs),
    durUs: packFloats(durUs, false),
    durNs: packer.u16((b) => b.durNs),
    kind: packer.u8((b) => b.kind),
    status: packUints(status),
    services: from.services,
    service: from.service,
    name: packer.text((b) => b.name),
    resource: from.resource,
    scope: from.scope,
    flags: packer.u32((b) => b.flags),
    marks: packer.u8((b) => b.marks),
    sampleRate: packer.u16((b) => b.sampleRate),
    partials: encodePartials({ rows: n, traceIndex, traceIds, startUs, durUs, status }),
  })
  const rest = writeSections(SPAN_REST, {
    resources: from.resources,
    scopes: from.scopes,
    statusMessage: packer.text((b) => b.statusMessage),
    traceState: packer.text((b) => b.traceState),
    events: packer.text((b) => b.events),
    links: packer.text((b) => b.links),
    droppedAttributes: packer.u32((b) => b.droppedAttributes),
    droppedEvents: packer.u32((b) => b.droppedEvents),
    droppedLinks: packer.u32((b) => b.droppedLinks),
  })
  const traceBloom = newBloom(traces.size, TRACE_BITS)
  for (let t = 0; t < traces.size; t++) {
    const { hi, lo } = traceHash(traces.bytes, t * 16)
    bloomAdd(traceBloom, hi, lo)
  }
  const stats = {
    ...summarize(startUs, durUs, status, seq),
    ...receivedOf(rows, input),
    traces: traces.size,
    services,
    keys,
    traceBloom,
    attrBloom,
  }
  return { day, stats, statsBytes: encodeStats(stats, SPAN_FIGURES), core, attr, rest }
}

function summarize(startUs: Float64Array, durUs: Float64Array, status: Uint8Array, seq: Uint32Array) {
  const stats = {
    rows: startUs.length,
    errors: 0,
    minStart: Number.POSITIVE_INFINITY,
    maxStart: Number.NEGATIVE_INFINITY,
    maxEnd: Number.NEGATIVE_INFINITY,
    minDur: Number.POSITIVE_INFINITY,
    maxDur: 0,
    firstSeq: 0xffffffff,
    lastSeq: 0,
  }
  for (let i = 0; i < startUs.length; i++) {
    stats.minStart = Math.min(stats.minStart, startUs[i])
    stats.maxStart = Math.max(stats.maxStart, startUs[i])
    stats.maxEnd = Math.max(stats.maxEnd, startUs[i] + durUs[i])
    stats.minDur = Math.min(stats.minDur, durUs[i])
    stats.maxDur = Math.max(stats.maxDur, durUs[i])
    stats.firstSeq = Math.min(stats.firstSeq, seq[i])
    stats.lastSeq = Math.max(stats.lastSeq, seq[i])
    if (status[i] === 2) stats.errors++
  }
  return stats
}
