import type { Handlers } from '../handler.ts'
import { timeRange } from './time-range.ts'

/** Starts of a service, and what one changed against another. */
export const runHandlers: Handlers<'serviceRuns' | 'serviceRunDifference'> = {
  serviceRuns: ({ query, services, context }) =>
    services.store.reader.serviceRuns({ ...timeRange(query, services.clock), service: query.service }, context),
  serviceRunDifference: ({ query, services, context }) => {
    const { service, before, after } = query
    return services.store.reader.serviceRunDifference(
      { ...timeRange(query, services.clock), service, before, after },
      context,
    )
  },
}
