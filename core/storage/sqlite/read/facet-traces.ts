import type { Facets, Heatmap, TraceGroup, TraceGroups } from '../../../model/answers.ts'
import type { KeyValue } from '../../../model/records.ts'
import { SPAN_KINDS } from '../../../model/records.ts'
import { plainText } from '../../../query/any-value.ts'
import type { TraceQuery } from '../../store.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import type { BlockCache } from './block-cache.ts'
import { type ColumnEntries, columnEntries, dictionaryEntries, tracesOfCells } from './column-entries.ts'
import { frequentKeys, orderFacets, ValueCounter } from './count-values.ts'
import type { QueryGuard } from './query-guard.ts'
import { splitTraces, tracesOfBlocks, wantedRows } from './wanted-rows.ts'
import { wantedTraces } from './wanted-traces.ts'

const MOST_KEYS = 24
const MOST_GROUPS = 500

/** Attributes of resources as columns: a key's value for each resource of the block, or null. */
export function resourceColumns(block: SpanBlock): Map<string, (string | null)[]> {
  const resources = block.resources()
  const columns = new Map<string, (string | null)[]>()
  resources.forEach((resource, i) => {
    for (const { key, value } of JSON.parse(resource.attributes || '[]') as KeyValue[]) {
      if (key === 'service.name') continue
      const column = columns.get(key) ?? new Array<string | null>(resources.length).fill(null)
      columns.set(key, column)
      column[i] = plainText(value)
    }
  })
  return columns
}

/** Cells of one key in a block, and the rows that they belong to where not every row has one. */
interface KeyCells {
  rows: Uint32Array | null
  entries: ColumnEntries
}

/** @param ofResources the block's `resourceColumns`, where they are at hand */
function cellsOf(block: SpanBlock, key: string, ofResources?: ReturnType<typeof resourceColumns>): KeyCells[] {
  const everyRow = (texts: readonly (string | null)[], index: ArrayLike<number>): KeyCells[] => [
    { rows: null, entries: dictionaryEntries(texts, index) },
  ]
  if (key === 'service') return everyRow(block.services, block.service)
  if (key === 'name') return everyRow(block.names, block.name)
  if (key === 'kind') return everyRow(SPAN_KINDS, block.kind)
  const cells: KeyCells[] = []
  const column = block.attribute(key)
  if (column) cells.push({ rows: column.rows, entries: columnEntries(column) })
  const ofResource = (ofResources ?? resourceColumns(block)).get(key)
  if (ofResource) cells.push(...everyRow(ofResource, block.resource))
  return cells
}

/** Counts a trace once a value, though its spans lie in several blocks. */
class OncePerTrace {
  /** By index: 1 for traces that lie in several blocks; of all others every value is the first. */
  readonly split: Uint8Array
  #seen = new Set<string>()

  constructor(split: Uint8Array) {
    this.split = split
  }

  /** Whether a trace in several blocks has `value` under `key` for the first time. */
  first(trace: number, key: string, value: string): boolean {
    const name = `${trace}\n${key}\n${value}`
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    return true
  }
}

/** Among the traces of a search: how many have a span with each service, name, kind and frequent attribute value. */
export function traceFacets(cache: BlockCache, guard: QueryGuard, query: TraceQuery, most: number): Facets {
  const wanted = wantedTraces(cache, guard, query)
  const blocks = tracesOfBlocks(cache, guard, wanted)
  const once = new OncePerTrace(splitTraces(wanted, blocks))
  const counter = new ValueCounter()
  const total = wanted.indexes.length
  const failed = wanted.indexes.reduce((sum, index) => sum + wanted.table.failed[index], 0)
  if (failed > 0) counter.add('status', 'error', failed)
  if (total > failed) counter.add('status', 'ok', total - failed)
  counter.present('status', total)
  const keys = frequentKeys(wanted.scan.metas, MOST_KEYS)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted, blocks)) {
    const block = cache.spanBlock(meta)
    const own = meta.keys.map(({ key }) => key).filter((key) => keys.has(key))
    const ofResources = resourceColumns(block)
    for (const key of new Set(['service', 'name', 'kind', ...own, ...ofResources.keys()])) {
      guard.check()
      for (const cells of cellsOf(block, key, ofResources)) countCells(key, cells, traceOf, once, counter)
    }
  }
  return { total, items: orderFacets(counter.finish(most), total, ['status', 'service', 'name', 'kind']) }
}

/** Counts every trace once a value; the rows of a trace lie together in a block. */
function countCells(
  key: string,
  { rows, entries: { index, size, text } }: KeyCells,
  traceOf: Int32Array,
  once: OncePerTrace,
  counter: ValueCounter,
): void {
  const traces = tracesOfCells(traceOf, rows)
  const lastOf = new Int32Array(size).fill(-1)
  const counts = new Uint32Array(size)
  const { split } = once
  let last = -1
  let present = 0
  for (let cell = 0; cell < index.length; cell++) {
    const trace = traces[cell]
    const entry = index[cell]
    if (trace === -1 || entry === -1 || lastOf[entry] === trace) continue
    lastOf[entry] = trace
    if (split[trace] === 0 || once.first(trace, key, text(entry))) counts[entry]++
    if (trace === last) continue
    last = trace
    if (split[trace] === 0 || once.first(trace, key, '\0')) present++
  }
  for (let entry = 0; entry < size; entry++) if (counts[entry] > 0) counter.add(key, text(entry), counts[entry])
  counter.present(key, present)
}

/** Counts the traces of a search by start and duration. */
export function traceHeatmap(
  cache: BlockCache,
  guard: QueryGuard,
  query: TraceQuery,
  { buckets, rows }: { buckets: number; rows: number },
): Heatmap {
  const { table, indexes } = wantedTraces(cache, guard, query)
  const bucketUs = Math.max(1, Math.ceil((query.end - query.start) / buckets))
  const columns = Math.max(0, Math.ceil((query.end - query.start) / bucketUs))
  let least = Number.POSITIVE_INFINITY
  let most = 1
  const durOf = (index: number): number => Math.max(1, table.end[index] - table.start[index])
  for (const index of indexes) {
    least = Math.min(least, durOf(index))
    most = Math.max(most, durOf(index))
  }
  if (least > most) least = 1
  // At least a decade, so that traces of one length do not fill the whole height.
  if (most < least * 10) most = least * 10
  const step = Math.log((most * 1.0001) / least) / rows
  const edges = Array.from({ length: rows + 1 }, (_, r) => Math.round(least * Math.exp(step * r)))
  const counts = new Array<number>(columns * rows).fill(0)
  const errors = new Array<number>(columns * rows).fill(0)
  for (const index of indexes) {
    const column = Math.floor((table.start[index] - query.start) / bucketUs)
    const dur = durOf(index)
    let row = Math.min(rows - 1, Math.max(0, Math.floor(Math.log(dur / least) / step)))
    // The edges are whole µs, and a trace must lie in the row that its edges name.
    while (row < rows - 1 && dur >= edges[row + 1]) row++
    while (row > 0 && dur < edges[row]) row--
    counts[column * rows + row]++
    errors[column * rows + row] += table.failed[index]
  }
  return { start: query.start, bucketUs, columns, edges, counts, errors, total: indexes.length }
}

/**
 * The traces of a search by a value. `service` and `operation` are the root span's (a trace without one has none); for
 * any other key a trace belongs to each value that its spans have.
 */
export function traceGroups(cache: BlockCache, guard: QueryGuard, query: TraceQuery, by: string): TraceGroups {
  const wanted = wantedTraces(cache, guard, query)
  const { table, indexes } = wanted
  const blocks = tracesOfBlocks(cache, guard, wanted)
  const once = new OncePerTrace(splitTraces(wanted, blocks))
  const groups = new Map<string, Group>()
  const grouped = new Uint8Array(table.size)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted, blocks)) {
    const block = cache.spanBlock(meta)
    const ofRoots = by === 'service' || by === 'operation' ? rootsOnly(block, traceOf) : traceOf
    for (const cells of cellsOf(block, by === 'operation' ? 'name' : by)) {
      const { index, size, text } = cells.entries
      const traces = tracesOfCells(ofRoots, cells.rows)
      const lastOf = new Int32Array(size).fill(-1)
      for (let cell = 0; cell < index.length; cell++) {
        const trace = traces[cell]
        const entry = index[cell]
        if (trace === -1 || entry === -1 || lastOf[entry] === trace) continue
        lastOf[entry] = trace
        if (once.split[trace] === 1 && !once.first(trace, by, text(entry))) continue
        grouped[trace] = 1
        const group = groupNamed(groups, text(entry))
        group.durations.push(table.end[trace] - table.start[trace])
        group.errors += table.failed[trace]
      }
    }
  }
  const all = [...groups].sort((a, b) => b[1].durations.length - a[1].durations.length || (a[0] < b[0] ? -1 : 1))
  const items = all.slice(0, MOST_GROUPS).map(([value, { durations, errors }]): TraceGroup => {
    const sorted = Float64Array.from(durations).sort()
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
    return { value, count: sorted.length, errors, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
  })
  const others = all.slice(MOST_GROUPS).reduce((sum, [, group]) => sum + group.durations.length, 0)
  const without = indexes.reduce((sum, index) => sum + (grouped[index] === 0 ? 1 : 0), 0)
  return { total: indexes.length, items, others, without }
}

interface Group {
  durations: number[]
  errors: number
}

function groupNamed(groups: Map<string, Group>, name: string): Group {
  const known = groups.get(name)
  if (known) return known
  const group = { durations: [], errors: 0 }
  groups.set(name, group)
  return group
}

function rootsOnly(block: SpanBlock, traceOf: Int32Array): Int32Array {
  const { parentIds } = block
  return traceOf.map((trace, row) => {
    for (let i = row * 8; i < row * 8 + 8; i++) if (parentIds[i] !== 0) return -1
    return trace
  })
}
