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

/** The engines of one data directory, each open once at most: the one in use, and during a switch the other. */
export class Engines {
  readonly #options: OpenOptions
  #open = new Set<TelemetryStore>()

  constructor(options: OpenOptions) {
    this.#options = options
  }

  /** @throws GlassboxError saying what stands in the way and what to do */
  async open(storage: Pick<Settings['storage'], 'engine' | 'postgresUrl'>): Promise<TelemetryStore> {
    const { settings } = this.#options
    const options = { ...this.#options, settings: { ...settings, storage: { ...settings.storage, ...storage } } }
    const store = await openStore(options)
    this.#open.add(store)
    return store
  }

  /** Closes a store that `open` answered. */
  async close(store: TelemetryStore): Promise<void> {
    if (this.#open.delete(store)) await store.stop()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#open].map((store) => this.close(store)))
  }
}

/** Opens the engine that the settings name. @throws GlassboxError saying what stands in the way and what to do */
export async function openStore(options: OpenOptions): Promise<TelemetryStore> {
  return options.settings.storage.engine === 'sqlite' ? openSqliteStore(options) : openPostgresStore(options)
}
