import type { Facets, Heatmap, TraceGroup, TraceGroups } from '../../model/answers.ts'
import { AttrType } from '../../model/columns.ts'
import type { KeyValue } from '../../model/records.ts'
import { SPAN_KINDS } from '../../model/records.ts'
import { plainText } from '../../query/any-value.ts'
import type { TraceQuery } from '../store.ts'
import { type AttributeColumn, isText } from './attribute-sections.ts'
import { cellText } from './attribute-value.ts'
import type { BlockCache } from './block-cache.ts'
import { orderFacets, ValueCounter } from './count-values.ts'
import type { QueryGuard } from './query-guard.ts'
import type { SpanBlock } from './span-block.ts'
import { blocksOf, type WantedTraces, wantedRows } from './wanted-rows.ts'
import { wantedTraces } from './wanted-traces.ts'

const MOST_KEYS = 24
const MOST_GROUPS = 500

/** Calls `found` once a trace, value and block, for values that each row has by an index into `texts`. */
function byDictionary(
  traceOf: Int32Array,
  texts: readonly string[],
  index: ArrayLike<number>,
  found: (trace: number, value: string) => void,
): void {
  const last = new Int32Array(texts.length).fill(-1)
  for (let row = 0; row < traceOf.length; row++) {
    const trace = traceOf[row]
    const entry = index[row]
    if (trace === -1 || last[entry] === trace) continue
    last[entry] = trace
    found(trace, texts[entry])
  }
}

function byColumn(traceOf: Int32Array, column: AttributeColumn, found: (trace: number, value: string) => void): void {
  const { types } = column
  let alike = true
  for (let cell = 1; cell < types.length && alike; cell++) alike = types[cell] === types[0]
  if (alike && isText(types[0])) byText(traceOf, column, found)
  else if (alike && types[0] === AttrType.int) byNumber(traceOf, column, found)
  else byMixed(traceOf, column, found)
}

function byMixed(traceOf: Int32Array, column: AttributeColumn, found: (trace: number, value: string) => void): void {
  const last = new Map<string, number>()
  for (let cell = 0; cell < column.rows.length; cell++) {
    const trace = traceOf[column.rows[cell]]
    if (trace === -1) continue
    const value = cellText(column, cell)
    if (last.get(value) === trace) continue
    last.set(value, trace)
    found(trace, value)
  }
}

/** Where all cells are text: texts have numbers, and most cells need no look at theirs. */
function byText(traceOf: Int32Array, column: AttributeColumn, found: (trace: number, value: string) => void): void {
  const last = new Int32Array(column.texts).fill(-1)
  for (let cell = 0; cell < column.rows.length; cell++) {
    const trace = traceOf[column.rows[cell]]
    const entry = column.index[cell]
    if (trace === -1 || last[entry] === trace) continue
    last[entry] = trace
    found(trace, cellText(column, cell))
  }
}

function byNumber(traceOf: Int32Array, column: AttributeColumn, found: (trace: number, value: string) => void): void {
  const last = new Map<number, number>()
  for (let cell = 0; cell < column.rows.length; cell++) {
    const trace = traceOf[column.rows[cell]]
    const number = column.numbers[cell]
    if (trace === -1 || last.get(number) === trace) continue
    last.set(number, trace)
    found(trace, String(number))
  }
}

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

/** Calls `found` for every trace that has a value of `key` on one of its spans; again for each block it lies in. */
function valuesOf(
  block: SpanBlock,
  traceOf: Int32Array,
  key: string,
  found: (trace: number, value: string) => void,
): void {
  if (key === 'service') byDictionary(traceOf, block.services, block.service, found)
  else if (key === 'name') byDictionary(traceOf, block.names, block.name, found)
  else if (key === 'kind') byDictionary(traceOf, SPAN_KINDS, block.kind, found)
  else attributeValues(block, traceOf, key, found)
}

function attributeValues(
  block: SpanBlock,
  traceOf: Int32Array,
  key: string,
  found: (trace: number, value: string) => void,
): void {
  const column = block.attribute(key)
  if (column) byColumn(traceOf, column, found)
  const ofResource = resourceColumns(block).get(key)
  if (!ofResource) return
  // Several resources may share a value, which counts once a trace.
  const texts = [...new Set(ofResource.map((text) => text ?? ''))]
  const entryOf = ofResource.map((text) => texts.indexOf(text ?? ''))
  const index = block.resource.map((resource) => entryOf[resource])
  byDictionary(traceOf, texts, index, (trace, value) => {
    if (value !== '') found(trace, value)
  })
}

/** Counts a trace once a value, though its spans lie in several blocks. */
class OncePerTrace {
  #blocks: Uint8Array
  #seen = new Set<string>()

  constructor(blocks: Uint8Array) {
    this.#blocks = blocks
  }

  first(trace: number, key: string, value: string): boolean {
    if (this.#blocks[trace] < 2) return true
    const name = `${trace}\n${key}\n${value}`
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    return true
  }
}

/** In how many blocks each wanted trace lies, 2 standing for more. */
function blockCounts(cache: BlockCache, guard: QueryGuard, wanted: WantedTraces): Uint8Array {
  const counts = new Uint8Array(wanted.table.size)
  for (const meta of blocksOf(wanted)) {
    guard.check()
    const { n, words, start, end } = cache.partials(meta, wanted.scan.asOf)
    for (let t = 0; t < n; t++) {
      if (end[t] < start[t]) continue
      const index = wanted.table.find(words, t * 4)
      if (index !== -1 && counts[index] < 2) counts[index]++
    }
  }
  return counts
}

/** Among the traces of a search: how many have a span with each service, name, kind and frequent attribute value. */
export function traceFacets(cache: BlockCache, guard: QueryGuard, query: TraceQuery, most: number): Facets {
  const wanted = wantedTraces(cache, guard, query)
  const once = new OncePerTrace(blockCounts(cache, guard, wanted))
  const counter = new ValueCounter()
  const total = wanted.indexes.length
  const failed = wanted.indexes.reduce((sum, index) => sum + wanted.table.failed[index], 0)
  if (failed > 0) counter.add('status', 'error', failed)
  if (total > failed) counter.add('status', 'ok', total - failed)
  counter.present('status', total)
  const keys = frequentKeys(wanted)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted)) {
    const block = cache.spanBlock(meta)
    const own = meta.keys.map(({ key }) => key).filter((key) => keys.has(key))
    for (const key of new Set(['service', 'name', 'kind', ...own, ...resourceColumns(block).keys()])) {
      guard.check()
      let last = -1
      valuesOf(block, traceOf, key, (trace, value) => {
        if (once.first(trace, key, value)) counter.add(key, value, 1)
        if (trace === last) return
        last = trace
        if (once.first(trace, key, '\0')) counter.present(key, 1)
      })
    }
  }
  return { total, items: orderFacets(counter.finish(most), total, ['status', 'service', 'name', 'kind']) }
}

function frequentKeys(wanted: WantedTraces): Set<string> {
  const counts = new Map<string, number>()
  for (const meta of wanted.scan.metas)
    for (const { key, count } of meta.keys) counts.set(key, (counts.get(key) ?? 0) + count)
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST_KEYS)
  return new Set(sorted.map(([key]) => key))
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
  const once = new OncePerTrace(blockCounts(cache, guard, wanted))
  const groups = new Map<string, { durations: number[]; errors: number }>()
  const grouped = new Uint8Array(table.size)
  for (const { meta, traceOf } of wantedRows(cache, guard, wanted)) {
    const block = cache.spanBlock(meta)
    const ofRoots = by === 'service' || by === 'operation' ? rootsOnly(block, traceOf) : traceOf
    valuesOf(block, ofRoots, by === 'operation' ? 'name' : by, (trace, value) => {
      if (!once.first(trace, by, value)) return
      grouped[trace] = 1
      const group = groups.get(value) ?? { durations: [], errors: 0 }
      groups.set(value, group)
      group.durations.push(table.end[trace] - table.start[trace])
      group.errors += table.failed[trace]
    })
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

function rootsOnly(block: SpanBlock, traceOf: Int32Array): Int32Array {
  const { parentIds } = block
  return traceOf.map((trace, row) => {
    for (let i = row * 8; i < row * 8 + 8; i++) if (parentIds[i] !== 0) return -1
    return trace
  })
}
