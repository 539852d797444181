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
  if (options.settings.storage.engine === 'sqlite') return openSqliteStore(options)
  // Metrics have no place in Postgres yet: each host keeps its own in its data directory.
  const local = await openSqliteStore(options)
  try {
    return await openPostgresStore({ ...options, local })
  } catch (error) {
    await local.stop()
    throw error
  }
}
