import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applySettings, defaultSettings, type Settings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { installedPgBouncer, olderPostgres, pooled } from '../fixtures/installed-postgres.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { spreadOverShards } from '../fixtures/postgres-shards.ts'
import { installedProgram } from '../fixtures/server-program.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

export interface OpenedStore {
  store: TelemetryStore
  dataDir: string
  settings: Settings
  close(): Promise<void>
}

/** One engine, whose stores are each empty and apart from all others. */
export interface Engine {
  name: 'sqlite' | 'postgres'
  start(): Promise<void>
  open(changes?: Record<string, unknown>): Promise<OpenedStore>
  stop(): Promise<void>
}

function inFolder(settingsOf: (changes: Record<string, unknown>) => Promise<Settings>) {
  return async (changes: Record<string, unknown> = {}): Promise<OpenedStore> => {
    const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-conformance-'))
    const settings = await settingsOf({ 'storage.reserveBytes': 0, ...changes })
    const store = await openStore({ dataDir, settings, log })
    return {
      store,
      dataDir,
      settings,
      async close() {
        await store.stop()
        rmSync(dataDir, { recursive: true, force: true })
      },
    }
  }
}

function postgres(
  server: () => PostgresServer | null,
  prepare: (url: string) => Promise<void> = async () => undefined,
) {
  return inFolder(async (changes) => {
    const postgresUrl = (await server()?.freshUrl()) ?? ''
    await prepare(postgresUrl)
    return applySettings(defaultSettings, {
      'storage.engine': 'postgres',
      'storage.postgresUrl': postgresUrl,
      ...changes,
    })
  })
}

/** Both engines; the suites run on each. */
export function engines(): Engine[] {
  return [
    {
      name: 'sqlite',
      start: async () => undefined,
      open: inFolder(async (changes) => applySettings(defaultSettings, changes)),
      stop: async () => undefined,
    },
    engineOf(() => startPostgres()),
  ]
}

/** Postgres with the parts of the next days spread over two servers. */
function shardedEngine(): Engine {
  let servers: PostgresServer[] = []
  return {
    name: 'postgres',
    async start() {
      servers = await Promise.all([startPostgres(), startPostgres()])
    },
    open: postgres(
      () => servers[0],
      (url) => spreadOverShards(url, servers[1]),
    ),
    async stop() {
      for (const server of servers) await server.stop()
    },
  }
}

function engineOf(start: () => Promise<PostgresServer>): Engine {
  let server: PostgresServer | null = null
  return {
    name: 'postgres',
    async start() {
      server = await start()
    },
    open: postgres(() => server),
    async stop() {
      await server?.stop()
    },
  }
}

/**
 * Postgres in other forms, for the long run: over two servers, and where they are installed an older version and
 * PgBouncer in transaction mode.
 */
export function furtherEngines(): [what: string, engine: Engine][] {
  const older = olderPostgres()
  const bouncer = installedPgBouncer()
  return [
    ['over two servers', shardedEngine()],
    ...(older
      ? [[older, engineOf(() => startPostgres([], undefined, installedProgram(older)))] as [string, Engine]]
      : []),
    ...(bouncer
      ? [['through PgBouncer', engineOf(async () => pooled(await startPostgres(), bouncer))] as [string, Engine]]
      : []),
  ]
}
