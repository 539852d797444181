import { GlassboxError } from '../../base/errors.ts'
import { parseScrapeJob } from '../../config/settings.ts'
import { listHosts } from '../../query/hosts.ts'
import { machineFigures } from '../../query/machine-figures.ts'
import { serviceHealth } from '../../query/service-health.ts'
import { type SystemRange, systemMetrics } from '../../query/system-metrics.ts'
import type { Handlers } from '../handler.ts'

export const systemHandlers: Handlers<
  'testScrapeJob' | 'systemMetrics' | 'serviceHealth' | 'machineFigures' | 'hosts'
> = {
  testScrapeJob: ({ body, services }) => services.testScrapeJob(parseScrapeJob(body.job)),
  hosts: async ({ services, context }) => ({
    items: await listHosts(services.store.metrics, Math.floor(services.clock.nowUs() / 1000), context),
  }),
  systemMetrics: ({ query, services, context }) =>
    systemMetrics(services.promql, rangeOf(query, services.clock.nowUs()), query.host ?? null, context),
  machineFigures: ({ query, services, context }) => {
    const range = rangeOf({ ...query, range: 0 }, services.clock.nowUs())
    const { host = null, service = null, instance = null } = query
    return machineFigures(services.store.metrics, { ...range, host, service, instance }, context)
  },
  serviceHealth: ({ query, services, context }) =>
    serviceHealth(
      { promql: services.promql, reader: services.store.metrics },
      rangeOf(query, services.clock.nowUs()),
      query.service ?? null,
      context,
    ),
}

function rangeOf(query: { start?: number; end?: number; range: number }, nowUs: number): SystemRange {
  const end = query.end ?? Math.max(nowUs, query.start ?? 0)
  const start = query.start ?? end - query.range
  if (start > end) throw new GlassboxError('bad_request', `start: ${start} lies after end ${end}`)
  return { start: Math.floor(start / 1000), end: Math.floor(end / 1000), now: Math.floor(nowUs / 1000) }
}
