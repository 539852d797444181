import Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { AnyValue, KeyValue } from '../../../model/records.ts'
import { SPAN_KINDS, SPAN_STATUSES } from '../../../model/records.ts'
import { plainValue } from '../../../query/any-value.ts'
import type { SqlResult } from '../../store.ts'
import { rowAttributes } from '../blocks/attribute-value.ts'
import type { LogBlock } from '../blocks/log-block.ts'
import type { SpanBlock } from '../blocks/span-block.ts'
import { boundsOf } from '../metrics/sql-bounds.ts'
import { METRIC_COLUMNS, metricRows } from '../metrics/sql-rows.ts'
import { hex } from '../row-ids.ts'
import type { BlockCache } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'

type Cell = string | number | null
type ColumnsOf<B> = Record<string, (block: B, row: number) => Cell>

function object(pairs: readonly KeyValue[]): string {
  return JSON.stringify(Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue((value ?? {}) as AnyValue)])))
}

function resourceJson(
  block: { resources(): { attributes: string }[]; resource: ArrayLike<number> },
  row: number,
): string {
  return object(JSON.parse(block.resources()[block.resource[row]].attributes) as KeyValue[])
}

/** The logical schema of `_traces`; each column is made only when the SQL names it. */
const SPAN_COLUMNS: ColumnsOf<SpanBlock> = {
  trace_id: (block, row) => hex(block.traceIds, block.traceIndex[row] * 16, 16),
  span_id: (block, row) => hex(block.spanIds, row * 8, 8),
  parent_id: (block, row) => hex(block.parentIds, row * 8, 8),
  name: (block, row) => block.names[block.name[row]],
  kind: (block, row) => SPAN_KINDS[block.kind[row]],
  start: (block, row) => block.startUs[row],
  dur: (block, row) => block.durUs[row],
  status: (block, row) => SPAN_STATUSES[block.status[row]],
  status_message: (block, row) => block.statusMessage(row),
  service: (block, row) => block.services[block.service[row]],
  resource: resourceJson,
  scope: (block, row) => block.scopes()[block.scope[row]].name,
  attributes: (block, row) => object(rowAttributes(block, row)),
  events: (block, row) => block.events(row) || '[]',
  links: (block, row) => block.links(row) || '[]',
  trace_state: (block, row) => block.traceState(row),
  flags: (block, row) => block.flags[row],
}

const LOG_COLUMNS: ColumnsOf<LogBlock> = {
  time: (block, row) => block.timeUs[row],
  severity: (block, row) => block.severity[row],
  severity_text: (block, row) => block.severityText(row),
  service: (block, row) => block.services[block.service[row]],
  body: (block, row) => block.body(row),
  trace_id: (block, row) => hex(block.traceIds, row * 16, 16),
  span_id: (block, row) => hex(block.spanIds, row * 8, 8),
  attributes: (block, row) => object(rowAttributes(block, row)),
  resource: resourceJson,
  scope: (block, row) => block.scopes()[block.scope[row]].name,
  event_name: (block, row) => block.eventName(row),
}

const CHECK_EVERY = 1024

function* scan<B extends { rows: number }>(
  blocks: Iterable<() => B>,
  columns: ColumnsOf<B>,
  query: string,
  guard: QueryGuard,
): Generator<Cell[]> {
  const all = query.includes('*')
  const words = new Set(query.toLowerCase().match(/[a-z_]+/g) ?? [])
  const readers = Object.entries(columns).map(([name, read]) => (all || words.has(name) ? read : () => null))
  for (const open of blocks) {
    guard.check()
    const block = open()
    for (let row = 0; row < block.rows; row++) {
      if (row % CHECK_EVERY === 0) guard.check()
      yield readers.map((read) => read(block, row))
    }
  }
}

/**
 * Runs one SELECT over `_traces`, `_logs` and `_metrics` in an empty database of its own, where there is nothing else to read or
 * write. Stops at `limit` rows.
 * @throws GlassboxError `bad_sql`, `query_cancelled`, `query_timeout`
 */
export function runSql(
  source: Database.Database,
  cache: BlockCache,
  guard: QueryGuard,
  query: string,
  limit: number,
): SqlResult {
  const db = new Database(':memory:')
  try {
    db.table('_traces', {
      columns: Object.keys(SPAN_COLUMNS),
      *rows() {
        yield* scan(
          cache.spanMetas().map((meta) => () => cache.spanBlock(meta)),
          SPAN_COLUMNS,
          query,
          guard,
        )
      },
    })
    db.table('_logs', {
      columns: Object.keys(LOG_COLUMNS),
      *rows() {
        yield* scan(
          cache.logMetas().map((meta) => () => cache.logBlock(meta)),
          LOG_COLUMNS,
          query,
          guard,
        )
      },
    })
    db.table('_metrics', {
      columns: [...METRIC_COLUMNS],
      *rows() {
        yield* metricRows(source, guard, boundsOf(query))
      },
    })
    const statement = db.prepare(query)
    if (!statement.reader || !statement.readonly || !/^\s*(select|with)\b/i.test(query)) {
      throw new GlassboxError('bad_sql', 'only a SELECT is allowed')
    }
    const rows: unknown[][] = []
    let truncated = false
    const columns = statement.columns().map((column) => column.name)
    for (const row of statement.raw().iterate() as IterableIterator<unknown[]>) {
      if (rows.length === limit) {
        truncated = true
        break
      }
      rows.push(row)
    }
    return { columns, rows, truncated }
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    guard.check()
    throw new GlassboxError('bad_sql', (error as Error).message)
  } finally {
    db.close()
  }
}
