import { listHosts } from '../../query/hosts.ts'
import { systemMetrics } from '../../query/system-metrics.ts'
import type { Handlers } from '../handler.ts'

export const systemHandlers: Handlers<'systemMetrics' | 'hosts'> = {
  hosts: async ({ services, context }) => ({
    items: await listHosts(services.store.metrics, Math.floor(services.clock.nowUs() / 1000), context),
  }),
  systemMetrics: ({ query, services, context }) => {
    const nowUs = services.clock.nowUs()
    const end = query.end ?? nowUs
    const start = query.start ?? end - query.range
    const range = { start: Math.floor(start / 1000), end: Math.floor(end / 1000) }
    return systemMetrics(services.store.metrics, range, query.host ?? null, context)
  },
}
