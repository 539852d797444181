import type { ServiceInfo, TagValue } from '../../model/answers.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import { plainText } from '../../query/any-value.ts'
import { cellText } from './attribute-value.ts'
import { plainToAny, resourceIn } from './filter-sql.ts'
import { type Session, whole } from './session.ts'

/** Newest rows looked at: completion wants what is common now, not a full count. */
const NEWEST_ROWS = 50_000
/** The most writes that they are taken from. */
const NEWEST_WRITES = 5000

function byCount(counts: Map<string, number>, limit: number): TagValue[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, limit)
}

/** The rows of the newest writes that together hold as many as are looked at. */
async function newest(session: Session, signal: 'traces' | 'logs', columns: string, where = 'true'): Promise<string> {
  const rows = signal === 'traces' ? 'spans' : 'logs'
  const writes = await session.rows<{ seq: number; n: number; parts: string }>(
    `SELECT seq, ${rows} AS n, parts FROM ${session.schema}._writes WHERE ${rows} > 0 ORDER BY seq DESC LIMIT ${NEWEST_WRITES}`,
  )
  let sum = 0
  const parts = new Set<string>()
  let oldest = 0
  for (const write of writes) {
    sum += write.n
    oldest = write.seq
    for (const part of write.parts.slice(1, -1).split(',')) parts.add(part)
    if (sum >= NEWEST_ROWS) break
  }
  const held = parts.size === 0 ? 'false' : `part IN (${[...parts].join(',')}) AND seq >= ${oldest}`
  return `(SELECT ${columns} FROM ${session.schema}._${signal} WHERE ${held} AND ${where} LIMIT ${NEWEST_ROWS})`
}

/** Attribute keys, those of resources among them, by how many of the newest rows have them. */
export async function tagKeys(session: Session, signal: 'traces' | 'logs'): Promise<TagValue[]> {
  await session.load()
  const rows = await session.rows<{ value: string; count: number; resource: number }>(
    `SELECT key AS value, resource, count(*) AS count
     FROM ${await newest(session, signal, 'attributes, resource')} n, jsonb_object_keys(n.attributes) AS key GROUP BY 1, 2`,
  )
  const totals = await session.rows<{ resource: number; count: number }>(
    `SELECT resource, count(*) AS count FROM ${await newest(session, signal, 'resource')} n GROUP BY 1`,
  )
  const counts = new Map<string, number>()
  const add = (key: string, count: number): void => {
    if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count)
  }
  const own = new Map<string, number>()
  for (const { value, count, resource } of rows) {
    add(value, count)
    own.set(`${resource} ${value}`, count)
  }
  for (const { resource, count } of totals) {
    const entry = session.entries.resources.get(resource)
    if (!entry) continue
    for (const { key } of JSON.parse(entry.attributes) as KeyValue[])
      add(key, count - (own.get(`${resource} ${key}`) ?? 0))
  }
  return byCount(counts, 1000)
}

/** Values of one key that begin with `prefix`, counted in the newest rows; a row without the key has its resource's. */
export async function tagValues(
  session: Session,
  signal: 'traces' | 'logs',
  key: string,
  prefix: string,
  limit: number,
): Promise<TagValue[]> {
  await session.load()
  const counts = new Map<string, number>()
  const add = (value: string, count: number): void => {
    if (value.startsWith(prefix)) counts.set(value, (counts.get(value) ?? 0) + count)
  }
  const rows = await session.rows<{
    resource: number
    own: string | null
    typed: string | null
    n: number
  }>(
    `SELECT resource, attributes -> $1::text AS own, CASE WHEN attributes ? $1::text THEN typed END AS typed, count(*) AS n
     FROM ${await newest(session, signal, 'resource, attributes, typed')} n GROUP BY 1, 2, 3`,
    [key],
  )
  for (const { resource, own, typed, n } of rows) {
    if (key === 'service') add(session.entries.resources.get(resource)?.service ?? '', n)
    if (own !== null) {
      const exact = typed === null ? undefined : (JSON.parse(typed) as Record<string, AnyValue>)[key]
      add(cellText(exact ?? plainToAny(JSON.parse(own))), n)
      continue
    }
    const entry = session.entries.resources.get(resource)
    const found = entry && (JSON.parse(entry.attributes) as KeyValue[]).find((attribute) => attribute.key === key)
    if (found) add(plainText(found.value), n)
  }
  return byCount(counts, limit)
}

/** Span names, of one service or of all, counted in the newest rows. */
export async function operations(session: Session, service: string | null): Promise<TagValue[]> {
  await session.load()
  const where = service === null ? 'true' : resourceIn(session.entries.ofService(service))
  const rows = await session.rows<TagValue>(
    `SELECT name AS value, count(*) AS count FROM ${await newest(session, 'traces', 'name', where)} n GROUP BY 1`,
  )
  return byCount(new Map(rows.map(({ value, count }) => [value, count])), 1000)
}

/**
 * Every service with its counts in the range: what the writes counted as they came, and the rows of those writes that
 * lie partly in the range.
 */
export async function services(session: Session, range: { start: number; end: number }): Promise<ServiceInfo[]> {
  await session.load()
  const infos = new Map<string, ServiceInfo>()
  for (const signal of ['traces', 'logs'] as const) {
    for (const { resource, n, errors, first, last } of await countRows(session, signal, range)) {
      const service = session.entries.resources.get(resource)?.service ?? ''
      const one = infos.get(service) ?? { service, spans: 0, errors: 0, logs: 0, firstSeen: first, lastSeen: last }
      if (signal === 'traces') one.spans += n
      else one.logs += n
      one.errors += errors
      one.firstSeen = Math.min(one.firstSeen, first)
      one.lastSeen = Math.max(one.lastSeen, last)
      infos.set(service, one)
    }
  }
  return [...infos.values()].sort((a, b) => (a.service < b.service ? -1 : 1))
}

/** Writes that lie partly in a range and are looked at one by one; with more, all rows of the range are counted. */
const MOST_PARTLY = 1000

interface Counted {
  resource: number
  n: number
  errors: number
  first: number
  last: number
}

async function countRows(
  session: Session,
  signal: 'traces' | 'logs',
  range: { start: number; end: number },
): Promise<Counted[]> {
  const { schema } = session
  const [start, end] = [whole(range.start), whole(range.end)]
  const held = await session.inParts(signal, range.start, range.end)
  const counts = `${schema}._counts WHERE signal = '${signal}' AND ${held}`
  const inside = await session.rows<Counted>(
    `SELECT resource, sum(rows) AS n, sum(errors) AS errors, min(min_time) AS first, max(max_time) AS last
     FROM ${counts} AND min_time >= ${start} AND max_time < ${end} GROUP BY 1`,
  )
  const partly = await session.rows<{ seq: number; resource: number; part: number }>(
    `SELECT seq, resource, part FROM ${counts} AND max_time >= ${start} AND min_time < ${end}
     AND NOT (min_time >= ${start} AND max_time < ${end})`,
  )
  if (partly.length === 0) return inside
  const time = signal === 'traces' ? 'start' : 'time'
  const columns = `resource, count(*) AS n, ${signal === 'traces' ? 'count(*) FILTER (WHERE status = 2)' : '0'} AS errors,
    min(${time}) AS first, max(${time}) AS last`
  if (partly.length > MOST_PARTLY) {
    return session.rows<Counted>(
      `SELECT ${columns} FROM ${schema}._${signal} WHERE ${held} AND ${time} >= ${start} AND ${time} < ${end} GROUP BY 1`,
    )
  }
  const distinct = (values: number[]): string => [...new Set(values)].join(',')
  const rows = await session.rows<Counted>(
    `SELECT ${columns} FROM ${schema}._${signal}
     WHERE part IN (${distinct(partly.map(({ part }) => part))}) AND ${time} >= ${start} AND ${time} < ${end}
       AND seq = ANY('{${distinct(partly.map(({ seq }) => seq))}}'::int8[])
       AND (seq, resource) IN (${partly.map((one) => `(${one.seq}, ${one.resource})`).join(', ')}) GROUP BY 1`,
  )
  return [...inside, ...rows]
}
