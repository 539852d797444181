import type { RunComparison, ServiceRuns } from '../../model/runs.ts'
import {
  compareRuns,
  DATABASE_KEYS,
  ERROR_KEYS,
  errorText,
  RunList,
  type RunName,
  type RunSpan,
  runOf,
} from '../../query/run-compare.ts'
import { MOST_RUN_SPANS, newestOnly } from '../sqlite/read/runs.ts'
import type { RunsQuery } from '../store.ts'
import { resourceIn } from './filter-sql.ts'
import { type Session, whole } from './session.ts'

/** Spans that others enter by: SERVER, CONSUMER, and roots. */
const REQUEST = '(kind IN (2, 5) OR parent_id IS NULL)'

interface CompareRow {
  trace_id: string
  span_id: string
  parent_id: string | null
  resource: number
  name: string
  kind: number
  status: number
  dur: number
  database: boolean
  error: string | null
  events: string | null
  status_message: string | null
}

async function runsOf(session: Session, service: string): Promise<Map<number, RunName>> {
  await session.load()
  const ids = session.entries.ofService(service)
  return new Map(ids.map((id) => [id, runOf(session.entries.resources.get(id)?.attributes ?? '')]))
}

async function rowsOfService(session: Session, { start, end }: RunsQuery, resources: number[]): Promise<string> {
  return `${session.schema}._traces WHERE ${await session.inParts('traces', start, end)} AND start >= ${whole(start)}
    AND start < ${whole(end)} AND ${resourceIn(resources)}`
}

/** The runs of a service in the range. */
export async function serviceRuns(session: Session, query: RunsQuery): Promise<ServiceRuns> {
  const runs = await runsOf(session, query.service)
  const from = await rowsOfService(session, query, [...runs.keys()])
  const list = new RunList()
  const counts = await session.rows<{ resource: number; n: number; first: number; last: number }>(
    `SELECT resource, count(*) AS n, min(start) AS first, max(start) AS last FROM ${from} GROUP BY 1`,
  )
  for (const { resource, n, first, last } of counts) list.spans(runs.get(resource) as RunName, n, first, last)
  const requests = session.stream<{ resource: number; dur: number; n: number; errors: number }>(
    `SELECT resource, dur, count(*) AS n, count(*) FILTER (WHERE status = 2) AS errors FROM ${from} AND ${REQUEST} GROUP BY 1, 2`,
    [],
    () => 10_000,
  )
  for await (const rows of requests)
    for (const { resource, dur, n, errors } of rows) list.requests(runs.get(resource) as RunName, n, errors, dur)
  return list.finish()
}

/** Two runs of a service, compared by the newest spans of each. */
export async function serviceRunDifference(
  session: Session,
  query: RunsQuery & { before: string; after: string },
): Promise<RunComparison> {
  const runs = await runsOf(session, query.service)
  const spans: RunSpan[] = []
  const traces = new Map<string, number>()
  let left = false
  const text = (keys: readonly string[]): string =>
    `coalesce(${keys.map((key) => `attributes ->> '${key}'`).join(', ')})`
  for (const after of [false, true]) {
    const wanted = after ? query.after : query.before
    const resources = [...runs].filter(([, { id }]) => id === wanted).map(([id]) => id)
    const rows = session.stream<CompareRow>(
      `SELECT trace_id, span_id, parent_id, resource, name, kind, status, dur,
         attributes ?| ARRAY[${DATABASE_KEYS.map((key) => `'${key}'`).join(',')}] AS database,
         CASE WHEN status = 2 THEN ${text(ERROR_KEYS)} END AS error, CASE WHEN status = 2 THEN events END AS events, status_message
       FROM ${await rowsOfService(session, query, resources)} ORDER BY start DESC LIMIT ${MOST_RUN_SPANS + 1}`,
      [],
      () => 5000,
    )
    let taken = 0
    for await (const portion of rows) {
      for (const row of portion) {
        if (++taken > MOST_RUN_SPANS) {
          left = true
          break
        }
        let trace = traces.get(row.trace_id)
        if (trace === undefined) {
          trace = traces.size
          traces.set(row.trace_id, trace)
        }
        const failed = row.status === 2
        spans.push({
          after,
          trace,
          spanId: words(row.span_id),
          parentId: row.parent_id === null ? [0, 0] : words(row.parent_id),
          name: row.name,
          kind: row.kind,
          failed,
          dur: row.dur,
          database: row.database,
          error: failed ? errorText(row.error ?? '', row.events ?? '', row.status_message ?? '') : '',
        })
      }
    }
  }
  return compareRuns(query, spans, left ? newestOnly() : null)
}

function words(id: string): [number, number] {
  return [Number.parseInt(id.slice(2, 10), 16), Number.parseInt(id.slice(10, 18), 16)]
}
