import type { Handlers } from '../handler.ts'
import { timeRange } from './time-range.ts'

/** Services, operations and attributes: what filters can name. */
export const catalogueHandlers: Handlers<
  'services' | 'serviceGraph' | 'nodeTrend' | 'operations' | 'tagKeys' | 'tagValues'
> = {
  services: async ({ query, services, context }) => ({
    items: await services.store.reader.services(timeRange(query, services.clock), context),
  }),
  serviceGraph: ({ query, services, context }) =>
    services.store.reader.serviceGraph(timeRange(query, services.clock), context),
  nodeTrend: ({ query, services, context }) => {
    const { node, buckets } = query
    return services.store.reader.nodeTrend({ ...timeRange(query, services.clock), node, buckets }, context)
  },
  operations: async ({ query, services, context }) => ({
    items: await services.store.reader.operations(query.service ?? null, context),
  }),
  tagKeys: async ({ query, services, context }) => ({
    items: await services.store.reader.tagKeys(query.signal, context),
  }),
  tagValues: async ({ query, params, services, context }) => ({
    items: await services.store.reader.tagValues(query.signal, params.key, query.prefix, query.limit, context),
  }),
}
