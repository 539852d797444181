import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { ResourceEntry, ScopeEntry } from '../../../model/columns.ts'
import {
  type ResourceRecord,
  type ScopeRecord,
  SPAN_KINDS,
  SPAN_STATUSES,
  type SpanEvent,
  type SpanLink,
  type SpanRecord,
  type Trace,
  type TraceSummary,
} from '../../../model/records.ts'
import { type AssemblySpan, countOrphans, dedupeSpans, summarize } from '../../../query/trace-assembly.ts'
import { cellText, findCell, rowAttributes } from '../blocks/attribute-value.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import type { SpanBlock, SpanRange } from '../blocks/span-block.ts'
import { decodeStats } from '../blocks/stats.ts'
import { findPartial } from '../blocks/trace-partials.ts'
import { hex } from '../row-ids.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import { logsOfTrace } from './log-read.ts'
import { missingOfTrace, throwIfDamaged } from './missing-blocks.ts'
import type { QueryGuard } from './query-guard.ts'
import { resourceRecord, Shared, scopeRecord } from './shared-records.ts'

/** A span and where it lies. */
export interface StoredSpan extends AssemblySpan {
  block: SpanBlock
  row: number
  startNs: number
}

const FEW_ROWS = 64

/** The rows of one trace in all blocks, without repeats, by start and then as received. */
function readSpans(cache: BlockCache, metas: readonly SpanMeta[], id: Uint8Array, asOf: number): readonly StoredSpan[] {
  const { hi, lo } = traceHash(id, 0)
  const words = new Uint32Array(id.slice().buffer)
  const spans: StoredSpan[] = []
  for (const meta of metas) {
    if (!bloomHas(meta.traceBloom, hi, lo)) continue
    const partials = cache.partials(meta, asOf)
    const t = findPartial(partials, words, 0)
    if (t === -1) continue
    const block = cache.spanBlock(meta)
    const [first, stop] = [partials.firstRow[t], partials.firstRow[t + 1]]
    // Of few rows the parents are looked up one by one; of many it is quicker to decode those of the whole block.
    const parents = stop - first > FEW_ROWS ? block.parentIds : null
    const range = block.range(first, stop)
    const { services, service } = cache.matchColumns(meta)
    for (let row = first; row < stop; row++) {
      if (meta.lastSeq <= asOf || block.seq[row] <= asOf)
        spans.push(storedSpan(block, row, range, row - first, services[service[row]], parents))
    }
  }
  const order = (a: StoredSpan, b: StoredSpan): number =>
    a.start - b.start || a.startNs - b.startNs || a.block.seq[a.row] - b.block.seq[b.row]
  return dedupeSpans(spans.sort(order))
}

function storedSpan(
  block: SpanBlock,
  row: number,
  range: SpanRange,
  at: number,
  service: string,
  parents: Uint8Array | null,
): StoredSpan {
  const parent = parents ? { bytes: parents, at: row * 8 } : block.parentOf(row)
  return {
    block,
    row,
    spanId: hex(block.spanIds, row * 8, 8) ?? '0'.repeat(16),
    parentId: parent && hex(parent.bytes, parent.at, 8),
    service,
    name: range.name(at),
    kind: range.kind[at],
    start: range.start[at],
    startNs: range.startNs[at],
    dur: range.dur[at],
    status: range.status[at],
    sampleRate: range.sampleRate[at],
  }
}

/** The summary of the trace with these 16 bytes, which must be stored. */
export function summaryOf(cache: BlockCache, metas: readonly SpanMeta[], id: Uint8Array, asOf: number): TraceSummary {
  const spans = readSpans(cache, metas, id, asOf)
  return summarize(Buffer.from(id).toString('hex'), spans, rootAttributes)
}

/** Looks the root's attributes up where it is stored. */
export function rootAttributes({ block, row }: StoredSpan): (key: string) => string | null {
  return (key) => {
    const column = block.attribute(key)
    const cell = column ? findCell(column, row) : -1
    return column && cell !== -1 ? cellText(column, cell) : null
  }
}

/**
 * The whole trace with its logs, or null when it was never stored.
 * @throws GlassboxError `trace_removed` when retention took it
 */
export function readTrace(db: Database.Database, cache: BlockCache, guard: QueryGuard, traceId: string): Trace | null {
  const stored = spansOfTrace(db, cache, guard, traceId)
  if (!stored) return null
  const id = new Uint8Array(Buffer.from(traceId, 'hex'))
  const resources = new Shared<ResourceEntry, ResourceRecord>(resourceRecord)
  const scopes = new Shared<ScopeEntry, ScopeRecord>(scopeRecord)
  const spans = stored.map((span, i) => {
    if (i % 1024 === 0) guard.check()
    return spanRecord(span, resources, scopes)
  })
  return {
    traceId: traceId.toLowerCase(),
    summary: summarize(traceId.toLowerCase(), stored, rootAttributes),
    spans,
    resources: resources.records,
    scopes: scopes.records,
    logs: logsOfTrace(cache, guard, id),
    orphanCount: countOrphans(stored),
    partial: missingOfTrace(db, cache, id),
  }
}

/**
 * Where the spans of a trace lie, by start and then as received; null when it was never stored.
 * @throws GlassboxError `trace_removed` when retention took it, `data_damaged` when only damaged blocks had it
 */
export function spansOfTrace(
  db: Database.Database,
  cache: BlockCache,
  guard: QueryGuard,
  traceId: string,
): readonly StoredSpan[] | null {
  if (!/^[0-9a-f]{32}$/i.test(traceId)) return null
  const id = new Uint8Array(Buffer.from(traceId, 'hex'))
  const stored = readSpans(cache, cache.spanMetas(), id, Number.POSITIVE_INFINITY)
  if (stored.length > 0) return stored
  throwIfDamaged(db, cache, traceId, id)
  return throwIfRemoved(db, guard, traceId, id)
}

function throwIfRemoved(db: Database.Database, guard: QueryGuard, traceId: string, id: Uint8Array): null {
  const { hi, lo } = traceHash(id, 0)
  const tombstones = db
    .prepare("SELECT removed_at AS removedAt, stats FROM removed_block WHERE signal = 'span' ORDER BY id DESC")
    .iterate() as IterableIterator<{ removedAt: number; stats: Uint8Array }>
  for (const { removedAt, stats } of tombstones) {
    guard.check()
    if (!bloomHas(bloomOf(stats), hi, lo)) continue
    const when = new Date(removedAt / 1000).toISOString()
    throw new GlassboxError('trace_removed', `Trace ${traceId} was removed by retention at ${when}.`)
  }
  return null
}

/** The filter of a removed block's traces; nothing is in a damaged one. */
function bloomOf(stats: Uint8Array): Uint8Array {
  try {
    return decodeStats(stats, null).traceBloom
  } catch {
    // A tombstone only says when a trace went: without this one the answer is "never seen".
    return new Uint8Array(8)
  }
}

/** One stored span as a record; its resource and scope are added to the shared ones. */
export function spanRecord(
  span: StoredSpan,
  resources: Shared<ResourceEntry, ResourceRecord>,
  scopes: Shared<ScopeEntry, ScopeRecord>,
): SpanRecord {
  const { block, row } = span
  const dropped = block.dropped(row)
  const events = block.events(row)
  const links = block.links(row)
  return {
    traceId: hex(block.traceIds, block.traceIndex[row] * 16, 16) ?? '',
    spanId: span.spanId,
    parentId: span.parentId,
    name: span.name,
    kind: SPAN_KINDS[span.kind] ?? 'UNSPECIFIED',
    start: span.start,
    startNs: block.startNs[row],
    dur: span.dur,
    durNs: block.durNs[row],
    status: SPAN_STATUSES[span.status],
    statusMessage: block.statusMessage(row),
    service: span.service,
    resource: resources.index(block.resources()[block.resource[row]]),
    scope: scopes.index(block.scopes()[block.scope[row]]),
    attributes: rowAttributes(block, row),
    events: events === '' ? [] : (JSON.parse(events) as SpanEvent[]),
    links: links === '' ? [] : (JSON.parse(links) as SpanLink[]),
    traceState: block.traceState(row),
    flags: block.flags[row],
    droppedAttributesCount: dropped.attributes,
    droppedEventsCount: dropped.events,
    droppedLinksCount: dropped.links,
    marks: block.marks[row],
    sampleRate: span.sampleRate,
  }
}
