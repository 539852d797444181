import { settingCatalogue } from '../../config/setting-catalogue.ts'
import { settingsFile } from '../../config/settings-file.ts'
import type { Handlers } from '../handler.ts'
import { openApiDocument } from '../openapi.ts'

/** The host about itself. */
export const hostHandlers: Handlers<
  | 'pipeline'
  | 'status'
  | 'settings'
  | 'changeSettings'
  | 'settingCatalogue'
  | 'exportSettings'
  | 'importSettings'
  | 'openapi'
  | 'healthz'
  | 'readyz'
  | 'metrics'
> = {
  pipeline: async ({ services }) => ({ ...services.pipeline.ledger(), glassbox: services.pipelineState() }),
  status: ({ services }) => services.status(),
  settings: async ({ services }) => services.settings.all(),
  changeSettings: async ({ services, body }) => services.settings.patch(body),
  settingCatalogue: async () => ({ items: settingCatalogue() }),
  async exportSettings({ services, query, reply }) {
    reply.type('application/yaml; charset=utf-8')
    reply.header('content-disposition', 'attachment; filename="glassbox-settings.yaml"')
    return settingsFile(services.settingsNow(), query.all === 'true')
  },
  importSettings: ({ services, body }) => services.settings.importFile(body.yaml, body.apply),
  openapi: async ({ services }) => openApiDocument(services.version),
  healthz: async () => ({ status: 'ok' }),
  async readyz({ services, reply }) {
    const { mode } = await services.store.stats()
    if (mode !== 'normal') reply.code(503)
    return { status: mode === 'normal' ? 'ready' : mode }
  },
  async metrics({ services, reply }) {
    reply.type('text/plain; version=0.0.4; charset=utf-8')
    return services.metricsText()
  },
}
