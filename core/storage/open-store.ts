import type { Settings } from '../config/settings.ts'
import { openPostgresStore } from './postgres/store.ts'
import { openSqliteStore } from './sqlite/store.ts'
import type { TelemetryStore } from './store.ts'

/** What an engine is opened with. */
export interface OpenOptions {
  dataDir: string
  settings: Settings
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

/** Opens the engine that the settings name. @throws GlassboxError saying what stands in the way and what to do */
export async function openStore(options: OpenOptions): Promise<TelemetryStore> {
  return options.settings.storage.engine === 'sqlite' ? openSqliteStore(options) : openPostgresStore(options)
}
