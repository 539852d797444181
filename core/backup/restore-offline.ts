import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GlassboxError } from '../base/errors.ts'
import { ConfigStore } from '../config/config-store.ts'
import { loadSettings } from '../config/load-settings.ts'
import { SecretBox } from '../config/secret-box.ts'
import { backupKind } from './archive/manifest.ts'
import { applyConfigTables, readConfigTables } from './config-tables.ts'
import {
  backupToFile,
  configOfPlaces,
  type Hooks,
  inspectPlaces,
  type RestoreOrder,
  stageTelemetry,
} from './operations.ts'
import { holdsTelemetry, replaceScope } from './replace-scope.ts'
import {
  commitRestore,
  finishRestore,
  makeRestoreFolder,
  recoverRestore,
  restoreFolder,
  stageConfig,
} from './staged-restore.ts'

export interface OfflineRestore extends RestoreOrder {
  dataDir: string
  id: string
  /** Whether what is there is kept in `backups/` first. */
  safetyBackup: boolean
  product: string
}

export interface OfflineResult {
  spans: number
  logs: number
  samples: number
  /** File that holds what was there before, or null. */
  safetyBackup: string | null
  warnings: string[]
}

/**
 * Replaces what a data directory holds, with no host on it (the caller holds its lock). It is as it was until the
 * journal is written; a kill afterwards is finished by the next start.
 */
export async function restoreOffline(order: OfflineRestore, hooks: Hooks): Promise<OfflineResult> {
  const { dataDir, id } = order
  const manifests = await inspectPlaces(order)
  // A bundle is somebody else's telemetry: it is never put in place of the own.
  for (const { kind } of manifests) backupKind(kind)
  const newest = manifests[manifests.length - 1]
  const selection = { ...order.selection, telemetry: order.selection.telemetry && holdsTelemetry(newest) }
  const secrets = new SecretBox(dataDir)
  const warnings: string[] = []
  const recovered = recoverRestore(dataDir, secrets)
  if (recovered)
    warnings.push(
      `An earlier restore had been cut off: ${recovered.state === 'after' ? 'it was finished first' : 'nothing of it had happened'}.`,
    )
  const hadConfig = existsSync(join(dataDir, 'glassbox.db'))
  const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: process.env })
  if (selection.telemetry && settings.storage.engine !== 'sqlite') {
    throw new GlassboxError(
      'bad_setting',
      'the telemetry of this data directory lies in Postgres',
      'Start Glassbox and restore from its Backups page, or restore the settings alone with --no-telemetry.',
    )
  }
  const folder = makeRestoreFolder(dataDir, id)
  try {
    const scope =
      selection.telemetry && existsSync(join(dataDir, 'auxiliary.db')) ? replaceScope(newest, selection) : null
    const before = scope && { dataDir, storage: settings.storage, scope, upTo: null, beforeMs: null }
    const staged = selection.telemetry
      ? await stageTelemetry({ ...order, selection, folder, before }, hooks)
      : { counts: { spans: 0, logs: 0, samples: 0, rejectedSamples: {} }, config: await configOfPlaces(order) }
    let safetyBackup: string | null = null
    if (order.safetyBackup && (hadConfig || existsSync(join(dataDir, 'auxiliary.db'))))
      safetyBackup = await keepWhatIsThere(order, settings.storage, hooks)
    if (selection.config) {
      // The tables are made by whoever reads them; a dry run finds what cannot be taken over before anything changes.
      await new ConfigStore(dataDir, settings, sources).close()
      warnings.push(...applyConfigTables(dataDir, staged.config, secrets, { replace: true, dryRun: true }).warnings)
      stageConfig(dataDir, id, staged.config)
    }
    hooks.signal.throwIfAborted()
    const what = `the restore of ${order.places.length} archives`
    const journal = {
      id,
      what,
      telemetry: selection.telemetry,
      config: selection.config ? ('replace' as const) : ('no' as const),
      carry: null,
      replace: null,
    }
    commitRestore(dataDir, journal)
    finishRestore(dataDir, journal, secrets)
    for (const [reason, count] of Object.entries(staged.counts.rejectedSamples))
      warnings.push(`${count} samples were not taken: ${reason}`)
    const { spans, logs, samples } = staged.counts
    return { spans, logs, samples, safetyBackup, warnings }
  } catch (error) {
    rmSync(restoreFolder(dataDir, id), { recursive: true, force: true })
    throw error
  }
}

async function keepWhatIsThere(
  order: OfflineRestore,
  storage: Parameters<typeof backupToFile>[0]['storage'],
  hooks: Hooks,
): Promise<string> {
  const { dataDir, secret } = order
  const { tables, warnings } = readConfigTables(dataDir, secret ? new SecretBox(dataDir) : null)
  const kind = existsSync(join(dataDir, 'auxiliary.db')) ? 'full' : 'config'
  const about = {
    dataDir,
    storage,
    kind,
    base: null,
    config: tables,
    warnings,
    secret,
    product: order.product,
  } as const
  return (
    await backupToFile(
      { ...about, nowUs: Date.now() * 1000, to: { folder: join(dataDir, 'backups', 'safety') } },
      hooks,
    )
  ).file
}
