import type { bundleRoutes } from '../contract/bundles.ts'
import type { Handlers } from '../handler.ts'

export const bundleHandlers: Handlers<keyof typeof bundleRoutes> = {
  makeBundle: ({ services, body: { password, ...request } }) =>
    services.jobs.start('bundle', request, password ?? null),
  bundles: async ({ services }) => ({ items: services.opened.list() }),
  openBundle: ({ services, query, stream }) => services.opened.open(stream, query.name, null),
  unlockBundle: ({ services, params, body }) => services.opened.unlock(params.id, body.password),
  importBundle: ({ services, params, body }) =>
    services.backups.importFile(services.opened.file(params.id), `bundle ${params.id.slice(0, 12)}`, {
      password: body.password ?? services.opened.password(params.id) ?? undefined,
    }),
  async closeBundle({ services, params }) {
    await services.opened.close(params.id)
    return { closed: params.id }
  },
}
