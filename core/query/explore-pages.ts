import type { Facet, LogPattern, TagValue, TraceGroup } from '../model/answers.ts'
import type { LogRecord, TraceSummary } from '../model/records.ts'
import type { LogQuery, QueryContext, TelemetryExplorer, TelemetryReader, TraceQuery } from '../storage/store.ts'
import { plainText } from './any-value.ts'
import { patternOf } from './log-pattern.ts'

/** How many of the newest are looked at when the engine itself cannot count. */
const MOST = 5000
const PAGE = 500
const TREND = 24

/** The engine's own explorer, or one that counts over pages of the newest 5,000. */
export function explorer(reader: TelemetryReader): TelemetryExplorer {
  return reader.explore ?? explorePages(reader)
}

/** Made from searches alone: `total` then says how many were looked at. */
function explorePages(reader: TelemetryReader): TelemetryExplorer {
  const traces = (query: TraceQuery, context?: QueryContext): Promise<TraceSummary[]> =>
    pages((cursor) => reader.searchTraces({ ...query, sort: 'start', limit: PAGE, cursor }, context))
  const logs = (query: LogQuery, context?: QueryContext): Promise<LogRecord[]> =>
    pages((cursor) => reader.searchLogs({ ...query, limit: PAGE, cursor }, context))
  return {
    async traceFacets(query, values, context) {
      const found = await traces(query, context)
      const facets = new Counts()
      for (const trace of found) {
        facets.add('status', trace.status === 'ERROR' ? 'error' : 'ok')
        facets.add('service', ...trace.services)
        facets.add('name', trace.name)
        if (trace.http?.route) facets.add('http.route', trace.http.route)
      }
      return { total: found.length, items: facets.finish(values) }
    },
    async traceHeatmap(query, buckets, rows, context) {
      const found = await traces(query, context)
      const bucketUs = Math.max(1, Math.ceil((query.end - query.start) / buckets))
      const columns = Math.max(0, Math.ceil((query.end - query.start) / bucketUs))
      const least = Math.max(1, Math.min(...found.map((trace) => trace.dur), 1e12))
      const most = Math.max(least * 10, ...found.map((trace) => trace.dur))
      const step = Math.log((most * 1.0001) / least) / rows
      const edges = Array.from({ length: rows + 1 }, (_, r) => Math.round(least * Math.exp(step * r)))
      const counts = new Array<number>(columns * rows).fill(0)
      const errors = new Array<number>(columns * rows).fill(0)
      for (const trace of found) {
        const next = edges.findIndex((edge) => edge > trace.dur)
        const row = next === -1 ? rows - 1 : Math.max(0, next - 1)
        const at = Math.floor((trace.start - query.start) / bucketUs) * rows + row
        counts[at]++
        if (trace.status === 'ERROR') errors[at]++
      }
      return { start: query.start, bucketUs, columns, edges, counts, errors, total: found.length }
    },
    async traceGroups(query, by, context) {
      const found = await traces(query, context)
      const groups = new Map<string, TraceSummary[]>()
      for (const trace of found) {
        const value = by === 'service' ? trace.service : by === 'http.route' ? trace.http?.route : trace.name
        if (value) groups.set(value, [...(groups.get(value) ?? []), trace])
      }
      const items = [...groups].map(([value, members]) => groupOf(value, members)).sort((a, b) => b.count - a.count)
      const without = found.length - items.reduce((sum, item) => sum + item.count, 0)
      return { total: found.length, items, others: 0, without }
    },
    async logFacets(query, values, context) {
      const found = await logs(query, context)
      const facets = new Counts()
      for (const log of found) {
        facets.add('service', log.service)
        facets.add('severity', BANDS[Math.ceil(log.severity / 4)] ?? 'unknown')
        for (const { key, value } of [...log.attributes, ...log.resource.attributes])
          if (key !== 'service.name') facets.add(key, plainText(value))
      }
      return { total: found.length, items: facets.finish(values) }
    },
    async logPatterns(query, context) {
      const found = await logs(query, context)
      const step = Math.max(1, (query.end - query.start) / TREND)
      const patterns = new Map<string, LogPattern>()
      for (const log of found) {
        const pattern = patternOf(log.body)
        const known = patterns.get(pattern) ?? {
          pattern,
          count: 0,
          severity: 0,
          services: [],
          first: log.time,
          last: log.time,
          example: log.body.slice(0, 2000),
          trend: new Array<number>(TREND).fill(0),
        }
        patterns.set(pattern, known)
        known.count++
        known.severity = Math.max(known.severity, log.severity)
        known.first = Math.min(known.first, log.time)
        known.trend[Math.min(TREND - 1, Math.floor((log.time - query.start) / step))]++
        if (!known.services.includes(log.service)) known.services.push(log.service)
      }
      const items = [...patterns.values()].sort((a, b) => b.count - a.count).slice(0, 200)
      return { total: found.length, items, others: found.length - items.reduce((sum, item) => sum + item.count, 0) }
    },
  }
}

const BANDS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal']

async function pages<T>(
  read: (cursor: string | null) => Promise<{ items: T[]; nextCursor: string | null }>,
): Promise<T[]> {
  const found: T[] = []
  let cursor: string | null = null
  do {
    const page: { items: T[]; nextCursor: string | null } = await read(cursor)
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null && found.length < MOST)
  return found
}

function groupOf(value: string, members: TraceSummary[]): TraceGroup {
  const sorted = members.map((trace) => trace.dur).sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
  const errors = members.filter((trace) => trace.status === 'ERROR').length
  return { value, count: members.length, errors, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

/** Values counted by key. */
class Counts {
  #keys = new Map<string, { present: number; counts: Map<string, number> }>()

  /** Counts one trace or record that has these distinct values. */
  add(key: string, ...values: string[]): void {
    const entry = this.#keys.get(key) ?? { present: 0, counts: new Map<string, number>() }
    this.#keys.set(key, entry)
    entry.present++
    for (const value of values) entry.counts.set(value, (entry.counts.get(value) ?? 0) + 1)
  }

  finish(most: number): Facet[] {
    return [...this.#keys].map(([key, { present, counts }]) => {
      const values: TagValue[] = [...counts].map(([value, count]) => ({ value, count }))
      values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      return { key, present, distinct: values.length, values: values.slice(0, most) }
    })
  }
}
