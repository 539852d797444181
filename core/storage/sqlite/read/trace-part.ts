import type Database from 'better-sqlite3'
import type { ResourceEntry, ScopeEntry } from '../../../model/columns.ts'
import type { ResourceRecord, ScopeRecord, SpanEvent, SpanLink } from '../../../model/records.ts'
import { partOfTrace, type SpanAnswer, type TracePart, type TracePartAnswer } from '../../../model/trace-parts.ts'
import {
  buildStructure,
  PEER_KEYS,
  packStructure,
  peerOf,
  type SpanType,
  type StructureSpan,
  TYPE_KEYS,
} from '../../../model/trace-structure.ts'
import { summarize } from '../../../query/trace-assembly.ts'
import { cellText, findCell } from '../blocks/attribute-value.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import type { BlockCache } from './block-cache.ts'
import { logsOfTrace } from './log-read.ts'
import type { QueryGuard } from './query-guard.ts'
import { resourceRecord, Shared, scopeRecord } from './shared-records.ts'
import { readTrace, rootAttributes, type StoredSpan, spanRecord, spansOfTrace } from './trace-read.ts'

/**
 * A part of one trace, or null when it was never stored. Structure and single spans are read without opening the
 * attributes of the others.
 * @throws GlassboxError `trace_removed` when retention took it
 */
export function readTracePart(
  db: Database.Database,
  cache: BlockCache,
  guard: QueryGuard,
  traceId: string,
  part: TracePart,
): TracePartAnswer | null {
  if (part.kind === 'values' || part.kind === 'find') {
    const trace = readTrace(db, cache, guard, traceId)
    return trace && partOfTrace(trace, part)
  }
  const stored = spansOfTrace(db, cache, guard, traceId)
  if (!stored) return null
  const id = new Uint8Array(Buffer.from(traceId, 'hex'))
  return part.kind === 'span' ? spanAnswer(cache, guard, stored, id, part.spanId) : structure(cache, guard, stored, id)
}

function spanAnswer(
  cache: BlockCache,
  guard: QueryGuard,
  stored: readonly StoredSpan[],
  id: Uint8Array,
  spanId: string,
): SpanAnswer {
  const resources = new Shared<ResourceEntry, ResourceRecord>(resourceRecord)
  const scopes = new Shared<ScopeEntry, ScopeRecord>(scopeRecord)
  return {
    spans: stored
      .filter((one) => one.spanId === spanId)
      .map((one) => {
        const span = spanRecord(one, resources, scopes)
        return { span, resource: resources.records[span.resource], scope: scopes.records[span.scope] }
      }),
    logs: logsOfTrace(cache, guard, id).filter((log) => log.spanId === spanId),
  }
}

function structure(cache: BlockCache, guard: QueryGuard, stored: readonly StoredSpan[], id: Uint8Array): Uint8Array {
  const resources = new Map<ResourceEntry, number>()
  const kinds = new Map<SpanBlock, (row: number) => { type: SpanType; peer: string }>()
  const spans = stored.map((span, i): StructureSpan => {
    if (i % 4096 === 0) guard.check()
    const { block, row } = span
    let kindOf = kinds.get(block)
    if (!kindOf) {
      kindOf = kindReader(block)
      kinds.set(block, kindOf)
    }
    const entry = block.resources()[block.resource[row]]
    if (!resources.has(entry)) resources.set(entry, resources.size)
    const events = block.events(row)
    const links = block.links(row)
    return {
      spanId: span.spanId,
      parentId: span.parentId,
      start: span.start,
      startNs: span.startNs,
      dur: span.dur,
      durNs: block.durNs[row],
      name: span.name,
      service: span.service,
      resource: resources.get(entry) ?? 0,
      kind: span.kind,
      status: span.status,
      marks: block.marks[row],
      ...kindOf(row),
      links: links === '' ? 0 : (JSON.parse(links) as SpanLink[]).length,
      events: events === '' ? [] : (JSON.parse(events) as SpanEvent[]),
    }
  })
  const traceId = Buffer.from(id).toString('hex')
  return packStructure(buildStructure(summarize(traceId, stored, rootAttributes), spans, logsOfTrace(cache, guard, id)))
}

/** Reads only the attribute columns of the block that tell type and peer. */
function kindReader(block: SpanBlock): (row: number) => { type: SpanType; peer: string } {
  const present = TYPE_KEYS.map(([type, keys]) => ({
    type,
    columns: keys.map((key) => block.attribute(key)).filter((column) => column !== null),
  })).filter(({ columns }) => columns.length > 0)
  const peers = new Map([...PEER_KEYS, 'messaging.system'].map((key) => [key, block.attribute(key)]))
  return (row) => {
    let type: SpanType = 'other'
    for (const one of present) if (one.columns.some((column) => findCell(column, row) !== -1)) type = one.type
    const attribute = (key: string): string | null => {
      const column = peers.get(key)
      const cell = column ? findCell(column, row) : -1
      return column && cell !== -1 ? cellText(column, cell) : null
    }
    return { type, peer: peerOf(attribute, type) }
  }
}
