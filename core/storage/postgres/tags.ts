import type { ServiceInfo, TagValue } from '../../model/answers.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import { plainText } from '../../query/any-value.ts'
import { cellText } from './attribute-value.ts'
import { plainToAny } from './filter-sql.ts'
import { type Session, whole } from './session.ts'

/** Newest rows looked at: completion wants what is common now, not a full count. */
const NEWEST_ROWS = 50_000

function byCount(counts: Map<string, number>, limit: number): TagValue[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, limit)
}

function newest(session: Session, signal: 'traces' | 'logs', columns: string, where = 'true'): string {
  const time = signal === 'traces' ? 'start' : 'time'
  return `(SELECT ${columns} FROM ${session.schema}._${signal} WHERE ${where} ORDER BY ${time} DESC LIMIT ${NEWEST_ROWS})`
}

/** Attribute keys, those of resources among them, by how many of the newest rows have them. */
export async function tagKeys(session: Session, signal: 'traces' | 'logs'): Promise<TagValue[]> {
  await session.entries.load(session)
  const rows = await session.rows<{ value: string; count: number; resource: number }>(
    `SELECT key AS value, resource, count(*) AS count
     FROM ${newest(session, signal, 'attributes, resource')} n, jsonb_object_keys(n.attributes) AS key GROUP BY 1, 2`,
  )
  const totals = await session.rows<{ resource: number; count: number }>(
    `SELECT resource, count(*) AS count FROM ${newest(session, signal, 'resource')} n GROUP BY 1`,
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
  await session.entries.load(session)
  const counts = new Map<string, number>()
  const add = (value: string, count: number): void => {
    if (value.startsWith(prefix)) counts.set(value, (counts.get(value) ?? 0) + count)
  }
  const rows = await session.rows<{
    service: string
    resource: number
    own: string | null
    typed: string | null
    n: number
  }>(
    `SELECT service, resource, attributes -> $1::text AS own, CASE WHEN attributes ? $1::text THEN typed END AS typed, count(*) AS n
     FROM ${newest(session, signal, 'service, resource, attributes, typed')} n GROUP BY 1, 2, 3, 4`,
    [key],
  )
  for (const { service, resource, own, typed, n } of rows) {
    if (key === 'service') add(service, n)
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
  const where = service === null ? 'true' : 'service = $1'
  const rows = await session.rows<TagValue>(
    `SELECT name AS value, count(*) AS count FROM ${newest(session, 'traces', 'name', where)} n GROUP BY 1`,
    service === null ? [] : [service],
  )
  return byCount(new Map(rows.map(({ value, count }) => [value, count])), 1000)
}

/** Every service with its counts in the range. */
export async function services(session: Session, range: { start: number; end: number }): Promise<ServiceInfo[]> {
  const infos = new Map<string, ServiceInfo>()
  const count = async (signal: 'traces' | 'logs', time: string, errors: string): Promise<void> => {
    const rows = await session.rows<{ service: string; n: number; errors: number; first: number; last: number }>(
      `SELECT service, count(*) AS n, ${errors} AS errors, min(${time}) AS first, max(${time}) AS last FROM ${session.schema}._${signal}
       WHERE ${await session.days(signal, range.start, range.end)} AND ${time} >= ${whole(range.start)} AND ${time} < ${whole(range.end)} GROUP BY 1`,
    )
    for (const { service, n, errors: failed, first, last } of rows) {
      const one = infos.get(service) ?? { service, spans: 0, errors: 0, logs: 0, firstSeen: first, lastSeen: last }
      if (signal === 'traces') one.spans = n
      else one.logs = n
      one.errors += failed
      one.firstSeen = Math.min(one.firstSeen, first)
      one.lastSeen = Math.max(one.lastSeen, last)
      infos.set(service, one)
    }
  }
  await count('traces', 'start', 'count(*) FILTER (WHERE status = 2)')
  await count('logs', 'time', '0')
  return [...infos.values()].sort((a, b) => (a.service < b.service ? -1 : 1))
}
