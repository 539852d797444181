import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import type { Settings } from '../config/settings.ts'
import { connect, readTarget } from '../storage/postgres/connection.ts'
import * as chunks from '../storage/postgres/metrics/scan-metrics.ts'
import { startReader as startPostgresReader } from '../storage/postgres/reader.ts'
import { scanExemplars, scanMetadata, scanSamples } from '../storage/sqlite/metrics/scan-samples.ts'
import { startReader } from '../storage/sqlite/read/reader.ts'
import type { BackupSource, MetricScanner } from './write-backup.ts'

export type OpenSource = BackupSource & { close(): Promise<void> }

const QUERY_MS = 120_000

/**
 * Opens what a backup reads, with connections of its own, so that it works beside a running host and without one.
 * @throws GlassboxError `storage_unavailable` when there is nothing stored, `postgres_…`
 */
export async function openBackupSource(dataDir: string, storage: Settings['storage']): Promise<OpenSource> {
  if (storage.engine === 'postgres') {
    const target = readTarget(storage.postgresUrl, storage.postgresSchema)
    const storeId = await postgresStoreId(storage)
    const scanner = startPostgresReader(target, QUERY_MS)
    const client = await connect(target)
    return {
      engine: 'postgres',
      scanner,
      metrics: {
        samples: (start, end) => chunks.scanSamples(client, target.schema, start, end),
        metadata: () => chunks.scanMetadata(client, target.schema),
        exemplars: () => chunks.scanExemplars(client, target.schema),
      },
      storeId,
      async close() {
        await scanner.stop()
        await client.end()
      },
    }
  }
  const file = join(dataDir, 'auxiliary.db')
  if (!existsSync(file))
    throw new GlassboxError('storage_unavailable', `${dataDir} holds no telemetry`, 'Name another one with --data-dir.')
  const db = new Database(file, { readonly: true, timeout: 5000 })
  const scanner = await startReader(dataDir, QUERY_MS)
  return {
    engine: 'sqlite',
    scanner,
    metrics: metricScanner(db),
    storeId: String(db.prepare("SELECT value FROM meta WHERE key = 'store'").pluck().get() ?? ''),
    async close() {
      await scanner.stop()
      db.close()
    },
  }
}

function metricScanner(db: Database.Database): MetricScanner {
  return {
    samples: (start, end) => scanSamples(db, start, end),
    metadata: () => scanMetadata(db),
    exemplars: () => scanExemplars(db),
  }
}

/** A schema that is made anew is another store. */
async function postgresStoreId({ postgresUrl, postgresSchema }: Settings['storage']): Promise<string> {
  const client = await connect(readTarget(postgresUrl, postgresSchema))
  try {
    const { rows } = await client.query(
      "SELECT d.oid || ':' || n.oid AS id FROM pg_namespace n, pg_database d WHERE n.nspname = $1 AND d.datname = current_database()",
      [postgresSchema],
    )
    return (rows[0] as { id: string } | undefined)?.id ?? ''
  } finally {
    await client.end()
  }
}
