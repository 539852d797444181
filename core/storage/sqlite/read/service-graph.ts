import type { NodeTrend, ServiceGraph } from '../../../model/answers.ts'
import type { KeyValue } from '../../../model/records.ts'
import { NodeTrendBuilder } from '../../../query/node-trend.ts'
import {
  type GraphCall,
  type GraphPeer,
  type GraphScan,
  type GraphSink,
  PEER_KEYS,
  peerOf,
  ServiceGraphBuilder,
} from '../../../query/service-graph.ts'
import type { NodeTrendQuery } from '../../store.ts'
import type { AttributeColumn } from '../blocks/attribute-sections.ts'
import { cellText } from '../blocks/attribute-value.ts'
import { IdTable } from '../blocks/id-table.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5
const FAILED = 2
/** Spans a graph looks at; the newest of the range, about 60 MB while the query runs. */
const MAX_SPANS = 3_000_000

/** Names a span by id, whichever block it lies in. */
interface SpanIndex {
  ids: IdTable
  service: Int32Array
  /** 1 where another service answered. */
  answered: Uint8Array
}

/** Who calls whom in the range. */
export function serviceGraph(
  cache: BlockCache,
  guard: QueryGuard,
  range: { start: number; end: number },
): ServiceGraph {
  const builder = new ServiceGraphBuilder()
  return builder.finish(findCalls(cache, guard, range, builder))
}

/** Calls of one node of that graph over time. */
export function nodeTrend(cache: BlockCache, guard: QueryGuard, query: NodeTrendQuery): NodeTrend {
  const builder = new NodeTrendBuilder(query)
  return builder.finish(findCalls(cache, guard, query, builder))
}

/**
 * Hands over every call of the range. A span whose parent belongs to another service is a call of that service; a client
 * or producer span that no reporting service answered is a call of what its attributes name.
 */
function findCalls(
  cache: BlockCache,
  guard: QueryGuard,
  range: { start: number; end: number },
  sink: GraphSink,
): GraphScan {
  const inRange = cache
    .spanMetas()
    .filter((meta) => meta.maxStart >= range.start && meta.minStart < range.end)
    .sort((a, b) => b.maxStart - a.maxStart)
  const { metas, rows, all } = newest(inRange)
  const index: SpanIndex = { ids: new IdTable(8, rows), service: new Int32Array(rows), answered: new Uint8Array(rows) }
  const services: string[] = []
  const numberOf = new Map<string, number>()
  for (const meta of metas) {
    guard.check()
    addBlock(index, cache.spanBlock(meta), services, numberOf)
  }
  let spans = 0
  for (const meta of metas) {
    guard.check()
    spans += incoming(cache.spanBlock(meta), range, index, services, sink)
  }
  for (const meta of metas) {
    guard.check()
    outgoing(cache.spanBlock(meta), range, index, sink)
  }
  const partial = {
    reason: `Only the newest ${rows} spans of the range were looked at`,
    hint: 'Choose a shorter range to see all of them',
  }
  return { spans, partial: all ? null : partial }
}

function newest(metas: SpanMeta[]): { metas: SpanMeta[]; rows: number; all: boolean } {
  let rows = 0
  let taken = 0
  for (const meta of metas) {
    if (taken > 0 && rows + meta.rows > MAX_SPANS) break
    rows += meta.rows
    taken++
  }
  return { metas: metas.slice(0, taken), rows, all: taken === metas.length }
}

function addBlock(index: SpanIndex, block: SpanBlock, services: string[], numberOf: Map<string, number>): void {
  const local = block.services.map((service) => {
    let number = numberOf.get(service)
    if (number === undefined) {
      number = services.push(service) - 1
      numberOf.set(service, number)
    }
    return number
  })
  for (let row = 0; row < block.rows; row++)
    index.service[index.ids.intern(block.spanIds, row * 8)] = local[block.service[row]]
}

function isZero(ids: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (ids[i] !== 0) return false
  return true
}

function callOf(block: SpanBlock, row: number): GraphCall {
  return {
    start: block.startUs[row],
    dur: block.durUs[row],
    failed: block.status[row] === FAILED,
    weight: Math.max(1, block.sampleRate[row]),
  }
}

function within(block: SpanBlock, row: number, { start, end }: { start: number; end: number }): boolean {
  return block.startUs[row] >= start && block.startUs[row] < end
}

/** Calls as the answering side saw them; marks their callers as answered. */
function incoming(
  block: SpanBlock,
  range: { start: number; end: number },
  index: SpanIndex,
  services: string[],
  sink: GraphSink,
): number {
  const peer = peersOf(block)
  const { parentIds } = block
  const resources = block.resources()
  const described = new Uint8Array(resources.length)
  let spans = 0
  for (let row = 0; row < block.rows; row++) {
    if (!within(block, row, range)) continue
    spans++
    const name = block.services[block.service[row]]
    const resource = block.resource[row]
    if (described[resource] === 0) {
      described[resource] = 1
      sink.describe(name, JSON.parse(resources[resource].attributes) as KeyValue[])
    }
    const kind = block.kind[row]
    const hasParent = !isZero(parentIds, row * 8)
    const parent = hasParent ? index.ids.find(parentIds, row * 8) : -1
    const caller = parent === -1 ? null : services[index.service[parent]]
    if (parent !== -1 && (caller !== name || kind === SERVER || kind === CONSUMER)) index.answered[parent] = 1
    // A consumer that starts a trace of its own (linked to the producer's) took the message from its queue.
    const queue = kind === CONSUMER && parent === -1 ? peer(row) : null
    if (caller !== null && caller !== name)
      sink.call({ name: caller, type: 'service' }, { name, type: 'service' }, callOf(block, row))
    else if (queue?.type === 'queue') sink.call(queue, { name, type: 'service' }, callOf(block, row))
    else if (kind === SERVER || kind === CONSUMER || !hasParent) sink.entry(name, callOf(block, row))
    else sink.see(name)
  }
  return spans
}

/** Calls that nobody answered: databases, queues, services that do not report. */
function outgoing(block: SpanBlock, range: { start: number; end: number }, index: SpanIndex, sink: GraphSink): void {
  const peer = peersOf(block)
  for (let row = 0; row < block.rows; row++) {
    const kind = block.kind[row]
    if ((kind !== CLIENT && kind !== PRODUCER) || !within(block, row, range)) continue
    if (index.answered[index.ids.find(block.spanIds, row * 8)] === 1) continue
    const called = peer(row)
    if (called) sink.call({ name: block.services[block.service[row]], type: 'service' }, called, callOf(block, row))
  }
}

/** What the attributes of a row name as the far side of its call. */
function peersOf(block: SpanBlock): (row: number) => GraphPeer | null {
  const known = new Set(block.attributeKeys())
  const lookups = new Map(
    PEER_KEYS.filter((key) => known.has(key)).map((key) => [key, cellByRow(block.attribute(key), block.rows)]),
  )
  return lookups.size === 0 ? () => null : (row) => peerOf((key) => lookups.get(key)?.(row))
}

function cellByRow(column: AttributeColumn | null, rows: number): (row: number) => string | undefined {
  if (!column) return () => undefined
  const cells = new Int32Array(rows).fill(-1)
  for (let cell = 0; cell < column.rows.length; cell++) cells[column.rows[cell]] = cell
  return (row) => (cells[row] === -1 ? undefined : cellText(column, cells[row]) || undefined)
}
