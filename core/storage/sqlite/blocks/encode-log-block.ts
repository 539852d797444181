import type { LogBatch } from '../../../model/columns.ts'
import { gather, gatherIds } from '../../../model/picked-rows.ts'
import { encodeAttributes } from './attribute-sections.ts'
import type { BlockRows } from './block-rows.ts'
import { bloomAdd, newBloom, TRACE_BITS, traceHash } from './bloom.ts'
import { IdTable } from './id-table.ts'
import { LOG_BODY, LOG_CORE } from './log-sections.ts'
import { packFloats, packUints } from './pack.ts'
import { type NumberedBatch, packSources, RowPacker, receivedOf, rowsOfBlocks, seqsOf } from './pack-rows.ts'
import { writeSections } from './sections.ts'
import { encodeStats, LOG_FIGURES } from './stats.ts'
import { sizeBytes } from './text-column.ts'

interface LogBlockStats {
  rows: number
  minTime: number
  maxTime: number
  maxSeverity: number
  firstSeq: number
  lastSeq: number
  minReceived: number
  maxReceived: number
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

export interface EncodedLogBlock {
  day: number
  stats: LogBlockStats
  statsBytes: Uint8Array
  core: Uint8Array
  attr: Uint8Array
  body: Uint8Array
}

/** Encodes log records into blocks, as encodeSpanBlocks does for spans; rows stay in the order they came. */
export function encodeLogBlocks(input: NumberedBatch<LogBatch>[]): EncodedLogBlock[] {
  return Array.from(
    rowsOfBlocks(input, (batch) => batch.timeUs),
    ({ day, rows }) => encodeBlock(day, rows, input),
  )
}

function encodeBlock(day: number, rows: BlockRows<LogBatch>, input: NumberedBatch<LogBatch>[]): EncodedLogBlock {
  const { n } = rows
  const packer = new RowPacker(rows)
  const seq = seqsOf(rows, input)
  const timeUs = gather(rows, (b) => b.timeUs, new Float64Array(n))
  const observedUs = gather(rows, (b) => b.observedUs, new Float64Array(n))
  const severity = gather(rows, (b) => b.severity, new Uint8Array(n))
  const { resources, services, sections: from } = packSources(rows)
  const traceIds = gatherIds(rows, (b) => b.traceId, 16)
  const core = writeSections(LOG_CORE, {
    rows: sizeBytes(n),
    seq: packUints(seq),
    timeUs: packFloats(timeUs, true),
    timeNs: packer.u16((b) => b.timeNs),
    observedUs: packFloats(observedUs, true),
    observedNs: packer.u16((b) => b.observedNs),
    timeSource: packer.u8((b) => b.timeSource),
    severity: packUints(severity),
    traceIds,
    spanIds: gatherIds(rows, (b) => b.spanId, 8),
    services: from.services,
    service: from.service,
    resource: from.resource,
    scope: from.scope,
    flags: packer.u32((b) => b.flags),
  })
  const { attr, keys, attrBloom } = encodeAttributes(rows, resources)
  const body = writeSections(LOG_BODY, {
    resources: from.resources,
    scopes: from.scopes,
    body: packer.text((b) => b.body),
    bodyType: packer.u8((b) => b.bodyType),
    severityText: packer.text((b) => b.severityText),
    eventName: packer.text((b) => b.eventName),
    droppedAttributes: packer.u32((b) => b.droppedAttributes),
  })
  const stats: LogBlockStats = {
    rows: n,
    minTime: timeUs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    maxTime: timeUs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    maxSeverity: severity.reduce((a, b) => Math.max(a, b), 0),
    firstSeq: seq.reduce((a, b) => Math.min(a, b), 0xffffffff),
    lastSeq: seq.reduce((a, b) => Math.max(a, b), 0),
    ...receivedOf(rows, input),
    services,
    keys,
    traceBloom: fillTraceBloom(traceIds, n),
    attrBloom,
  }
  return { day, stats, statsBytes: encodeStats(stats, LOG_FIGURES), core, attr, body }
}

function fillTraceBloom(traceIds: Uint8Array, n: number): Uint8Array {
  const traces = new IdTable(16, n)
  for (let i = 0; i < n; i++) traces.intern(traceIds, i * 16)
  const bloom = newBloom(traces.size, TRACE_BITS)
  for (let t = 0; t < traces.size; t++) {
    if (traces.bytes.subarray(t * 16, t * 16 + 16).every((byte) => byte === 0)) continue
    const { hi, lo } = traceHash(traces.bytes, t * 16)
    bloomAdd(bloom, hi, lo)
  }
  return bloom
}
