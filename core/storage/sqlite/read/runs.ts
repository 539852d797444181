import type { RunComparison, ServiceRuns } from '../../../model/runs.ts'
import {
  compareRuns,
  DATABASE_KEYS,
  ERROR_KEYS,
  errorText,
  isRequest,
  RunList,
  type RunName,
  type RunSpan,
  runOf,
} from '../../../query/run-compare.ts'
import type { RunsQuery } from '../../store.ts'
import type { AttributeColumn } from '../blocks/attribute-sections.ts'
import { cellText, findCell } from '../blocks/attribute-value.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import type { BlockCache, SpanMeta } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import { TraceTable } from './trace-table.ts'

/** Spans of each run that a comparison looks at, the newest. */
export const MOST_RUN_SPANS = 200_000

function blocksOfService(cache: BlockCache, { service, start, end }: RunsQuery): SpanMeta[] {
  return cache
    .spanMetas()
    .filter((meta) => meta.maxStart >= start && meta.minStart < end && meta.services.includes(service))
    .sort((a, b) => b.maxStart - a.maxStart)
}

/** The run of each row of the service that starts in the range, by the names of its resource; null for other rows. */
function* rowsOfService(
  cache: BlockCache,
  guard: QueryGuard,
  query: RunsQuery,
): Generator<{ meta: SpanMeta; block: SpanBlock; run: (row: number) => RunName | null }> {
  for (const meta of blocksOfService(cache, query)) {
    guard.check()
    const block = cache.spanBlock(meta)
    const runs = block
      .resources()
      .map(({ service, attributes }) => (service === query.service ? runOf(attributes) : null))
    const { startUs, resource } = block
    yield {
      meta,
      block,
      run: (row) => (startUs[row] >= query.start && startUs[row] < query.end ? runs[resource[row]] : null),
    }
  }
}

function isRoot(ids: Uint8Array, row: number): boolean {
  for (let i = row * 8; i < row * 8 + 8; i++) if (ids[i] !== 0) return false
  return true
}

/** The runs of a service in the range. */
export function serviceRuns(cache: BlockCache, guard: QueryGuard, query: RunsQuery): ServiceRuns {
  const list = new RunList()
  for (const { block, run } of rowsOfService(cache, guard, query)) {
    const { startUs, durUs, kind, status, parentIds } = block
    for (let row = 0; row < block.rows; row++) {
      const name = run(row)
      if (!name) continue
      list.spans(name, 1, startUs[row], startUs[row])
      if (isRequest(kind[row], isRoot(parentIds, row))) list.requests(name, 1, status[row] === 2 ? 1 : 0, durUs[row])
    }
  }
  return list.finish()
}

/** Two runs of a service, compared by the newest spans of each. */
export function serviceRunDifference(
  cache: BlockCache,
  guard: QueryGuard,
  query: RunsQuery & { before: string; after: string },
): RunComparison {
  const spans: RunSpan[] = []
  const traces = new TraceTable()
  const taken = [0, 0]
  let left = false
  for (const { block, run } of rowsOfService(cache, guard, query)) {
    const words = new Uint32Array(new Uint8Array(block.traceIds).buffer)
    const ids = new DataView(block.spanIds.buffer, block.spanIds.byteOffset)
    const parents = new DataView(block.parentIds.buffer, block.parentIds.byteOffset)
    const textOf = texts(block)
    for (let row = 0; row < block.rows; row++) {
      const id = run(row)?.id
      if (id !== query.before && id !== query.after) continue
      const after = id === query.after
      if (++taken[after ? 1 : 0] > MOST_RUN_SPANS) {
        left = true
        continue
      }
      const failed = block.status[row] === 2
      spans.push({
        after,
        trace: traces.intern(words, block.traceIndex[row] * 4),
        spanId: [ids.getUint32(row * 8), ids.getUint32(row * 8 + 4)],
        parentId: [parents.getUint32(row * 8), parents.getUint32(row * 8 + 4)],
        name: block.names[block.name[row]],
        kind: block.kind[row],
        failed,
        dur: block.durUs[row],
        database: textOf(row, DATABASE_KEYS) !== '',
        error: failed ? errorText(textOf(row, ERROR_KEYS), block.events(row), block.statusMessage(row)) : '',
      })
    }
  }
  return compareRuns(query, spans, left ? newestOnly() : null)
}

export function newestOnly(): { reason: string; hint: string } {
  return {
    reason: `Only the newest ${MOST_RUN_SPANS} spans of a run were looked at`,
    hint: 'Choose a shorter range to see all of them',
  }
}

/** The first of several attributes that a row has, as text; empty without any. */
function texts(block: SpanBlock): (row: number, keys: readonly string[]) => string {
  const columns = new Map<string, AttributeColumn | null>()
  const column = (key: string): AttributeColumn | null => {
    if (!columns.has(key)) columns.set(key, block.attribute(key))
    return columns.get(key) ?? null
  }
  return (row, keys) => {
    for (const key of keys) {
      const own = column(key)
      const cell = own ? findCell(own, row) : -1
      if (own && cell !== -1) return cellText(own, cell)
    }
    return ''
  }
}
