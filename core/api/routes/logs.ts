import { explorer } from '../../query/explore-pages.ts'
import { parseFilter } from '../../query/filter-language.ts'
import type { LogQuery } from '../../storage/store.ts'
import type { QueryOf } from '../contract/routes.ts'
import type { Handlers } from '../handler.ts'
import type { ApiServices } from '../services.ts'
import { timeRange } from './time-range.ts'

export const logHandlers: Handlers<'searchLogs' | 'logHistogram' | 'logFacets' | 'logPatterns'> = {
  searchLogs: async ({ query, services, context }) =>
    services.store.reader.searchLogs(logQuery(query, services), context),
  logHistogram: async ({ query, services, context }) =>
    services.store.reader.logHistogram(logQuery(query, services), query.buckets, context),
  logFacets: async ({ query, services, context }) =>
    explorer(services.store.reader).logFacets(logQuery(query, services), query.values, context),
  logPatterns: async ({ query, services, context }) =>
    explorer(services.store.reader).logPatterns(logQuery(query, services), context),
}

function logQuery(query: QueryOf<'searchLogs'>, services: ApiServices): LogQuery {
  return {
    ...timeRange(query, services.clock),
    severity: query.severity ?? null,
    service: query.service ?? null,
    traceId: query.traceId ?? null,
    spanId: query.spanId ?? null,
    ...(query.traced ? { traced: query.traced === 'true' } : {}),
    filter: parseFilter(query.q),
    limit: query.limit,
    cursor: query.cursor ?? null,
  }
}
