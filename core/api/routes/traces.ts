import { GlassboxError } from '../../base/errors.ts'
import { explorer } from '../../query/explore-pages.ts'
import { parseTraceFilter } from '../../query/filter-language.ts'
import type { TraceQuery } from '../../storage/store.ts'
import type { QueryOf } from '../contract/routes.ts'
import type { Call, Handlers } from '../handler.ts'
import type { ApiServices } from '../services.ts'
import { timeRange } from './time-range.ts'

export const traceHandlers: Handlers<
  | 'searchTraces'
  | 'traceHistogram'
  | 'traceFacets'
  | 'traceHeatmap'
  | 'traceGroups'
  | 'compareSelection'
  | 'trace'
  | 'exportTrace'
> = {
  searchTraces: async ({ query, services, context }) =>
    services.store.reader.searchTraces({ ...traceQuery(query, services), sort: query.sort }, context),
  traceHistogram: async ({ query, services, context }) =>
    services.store.reader.traceHistogram(traceQuery(query, services), query.buckets, context),
  traceFacets: async ({ query, services, context }) =>
    explorer(services.store.reader).traceFacets(traceQuery(query, services), query.values, context),
  traceHeatmap: async ({ query, services, context }) =>
    explorer(services.store.reader).traceHeatmap(traceQuery(query, services), query.buckets, query.rows, context),
  traceGroups: async ({ query, services, context }) =>
    explorer(services.store.reader).traceGroups(traceQuery(query, services), query.by, context),
  compareSelection: async ({ query, services, context }) => {
    const selection = {
      start: query.selectionStart,
      end: query.selectionEnd,
      minDuration: query.selectionMinDuration ?? null,
      maxDuration: query.selectionMaxDuration ?? null,
    }
    return services.store.reader.compareSelection(traceQuery(query, services), selection, context)
  },
  trace: findTrace,
  async exportTrace(call) {
    const { format } = call.query
    const [trace, { exportTrace }] = await Promise.all([findTrace(call), import('../../formats/export-trace.ts')])
    call.reply.type('application/json; charset=utf-8')
    call.reply.header('content-disposition', `attachment; filename="trace-${trace.traceId}.${format}.json"`)
    const file: unknown = exportTrace(trace, format)
    return typeof file === 'string' ? file : JSON.stringify(file)
  },
}

async function findTrace({ params, services, context }: Call<'trace'> | Call<'exportTrace'>) {
  const trace = await services.store.reader.trace(params.traceId, context)
  if (!trace) throw new GlassboxError('trace_not_found', `Trace ${params.traceId} is not stored.`)
  return trace
}

function traceQuery(
  query: QueryOf<'traceHistogram'> | Omit<QueryOf<'searchTraces'>, 'sort'>,
  services: ApiServices,
): TraceQuery {
  return {
    ...timeRange(query, services.clock),
    minDuration: query.minDuration ?? null,
    maxDuration: query.maxDuration ?? null,
    status: query.status ?? null,
    service: query.service ?? null,
    operation: query.operation ?? null,
    ...parseTraceFilter(query.q),
    limit: query.limit,
    cursor: query.cursor ?? null,
  }
}
