import type { Histogram, Page } from '../../model/answers.ts'
import type { LogRecord } from '../../model/records.ts'
import { decodeCursor, encodeCursor } from '../sqlite/read/cursor.ts'
import { bucketize } from '../sqlite/read/histogram.ts'
import type { LogQuery } from '../store.ts'
import { againColumns, type FilterSql, filterSql, matchAgain, resourceIn, Values } from './filter-sql.ts'
import { type LogRow, logRecord, NEWEST_LOG } from './log-read.ts'
import { type AsOf, badCursor, idBytes, type Session, seenBy, whole } from './session.ts'

async function conditionsOf(
  session: Session,
  query: LogQuery,
  asOf: AsOf,
  values: Values,
): Promise<{ where: string; filter: FilterSql }> {
  await session.load()
  const filter = filterSql('logs', query.filter, values, session.entries.resources)
  const conditions = [
    await session.inParts('logs', query.start, query.end),
    `time >= ${whole(query.start)} AND time < ${whole(query.end)}`,
    seenBy(asOf),
    ...filter.conditions,
  ]
  if (query.severity !== null) conditions.push(`severity >= ${values.add(query.severity)}::float8`)
  if (query.service !== null) conditions.push(resourceIn(session.entries.ofService(query.service)))
  if (query.traceId !== null) conditions.push(idIs('trace_id', query.traceId, values))
  if (query.traced !== undefined) conditions.push(`trace_id IS ${query.traced ? 'NOT NULL' : 'NULL'}`)
  if (query.spanId !== null) conditions.push(idIs('span_id', query.spanId, values))
  return { where: conditions.join(' AND '), filter }
}

/** What is no id in hex is no row's id. */
function idIs(column: string, id: string, values: Values): string {
  return /^([0-9a-f]{2})+$/i.test(id) ? `${column} = ${values.add(idBytes(id))}::bytea` : 'false'
}

/** A cursor's `asOf`, which travels as text. */
export function readAsOf(hi: number, gaps: string): AsOf {
  if (!/^[\d,]*$/.test(gaps) || !Number.isSafeInteger(hi)) throw badCursor()
  return { hi, gaps: gaps === '' ? [] : gaps.split(',').map(Number) }
}

/** One page of log records, newest first. A cursor holds the order of the last one and the writes it looks at. */
export async function searchLogs(session: Session, query: LogQuery): Promise<Page<LogRecord>> {
  const after =
    query.cursor === null
      ? null
      : decodeCursor(query.cursor, ['number', 'number', 'number', 'number', 'number', 'string'])
  if (after && !(after.slice(0, 5) as number[]).every(Number.isSafeInteger)) throw badCursor()
  const asOf = after ? readAsOf(after[4] as number, after[5] as string) : await session.asOf()
  const values = new Values()
  const { where, filter } = await conditionsOf(session, query, asOf, values)
  const following = after ? ` AND (time, time_ns, seq, ordinal) < (${after.slice(0, 4).join(', ')})` : ''
  const attributes = filter.keys.map((key, i) => `, attributes -> ${values.add(key)}::text AS a${i}`).join('')
  const sql = `SELECT *${attributes} FROM ${session.schema}._logs WHERE ${where}${following} ORDER BY ${NEWEST_LOG}`
  const found: LogRow[] = []
  const portion = filter.again.length === 0 ? query.limit + 1 : Math.max(500, query.limit + 1)
  for await (const rows of session.stream<LogRow>(sql, values.list, () => portion, true)) {
    found.push(...matchAgain<LogRow>('logs', filter, rows, session.entries.resources))
    if (found.length > query.limit) break
  }
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const more = found.length > query.limit && last
  return {
    items: page.map((row) => logRecord(session, row)),
    nextCursor: more
      ? encodeCursor([last.time, last.time_ns, last.seq, last.ordinal, asOf.hi, asOf.gaps.join(',')])
      : null,
    partial: null,
  }
}

const BANDS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** Counts log records in buckets by severity band; the server counts unless rows must be looked at again. */
export async function logHistogram(session: Session, query: LogQuery, buckets: number): Promise<Histogram> {
  const counts = bucketize(query.start, query.end, buckets, BANDS)
  const values = new Values()
  const { where, filter } = await conditionsOf(session, query, await session.asOf(), values)
  if (filter.again.length === 0) {
    const rows = await session.rows<{ time: number; band: number; n: number }>(
      `SELECT min(time) AS time, ceil(severity / 4.0)::int4 AS band, count(*) AS n FROM ${session.schema}._logs WHERE ${where}
       GROUP BY (time - ${whole(query.start)}) / ${counts.bucketUs}, 2`,
      values.list,
    )
    for (const { time, band, n } of rows) counts.add(time, band, n)
    return counts.finish()
  }
  const again = againColumns('logs', filter, values)
  const sql = `SELECT time, severity${again} FROM ${session.schema}._logs WHERE ${where}`
  for await (const rows of session.stream<{ time: number; severity: number }>(sql, values.list)) {
    for (const { time, severity } of matchAgain('logs', filter, rows, session.entries.resources))
      counts.add(time, Math.ceil(severity / 4))
  }
  return counts.finish()
}
