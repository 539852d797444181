import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import { SecretBox } from './secret-box.ts'
import { applySettings, defaultSettings, type SettingSource, type Settings } from './settings.ts'

export interface LoadedSettings {
  settings: Settings
  /** Where each changed key came from; the rest is `default`. */
  sources: Record<string, SettingSource>
}

/** Setting keys that a flag of `glassbox serve` and `GLASSBOX_<NAME>` set; the flag's name in camel case. */
const namedSettings: Record<string, string> = {
  host: 'server.host',
  apiPort: 'server.apiPort',
  otlpPort: 'server.otlpPort',
  otlpGrpcPort: 'server.otlpGrpcPort',
  engine: 'storage.engine',
  postgresUrl: 'storage.postgresUrl',
  logLevel: 'log.level',
}

/**
 * Settings as a start finds them: flags over environment (`GLASSBOX_API_PORT`) over saved over default.
 * @param input.flags values by flag name in camel case (`apiPort`); undefined ones and others are passed over.
 * @throws GlassboxError `bad_setting` naming the flag or variable; `data_damaged` when saved settings cannot be read.
 */
export function loadSettings(input: {
  dataDir: string
  flags: Record<string, unknown>
  environment: Record<string, string | undefined>
}): LoadedSettings {
  const sources: Record<string, SettingSource> = {}
  let settings = defaultSettings
  const lay = (key: string, value: unknown, source: SettingSource, from: string): void => {
    try {
      settings = applySettings(settings, { [key]: value })
    } catch (error) {
      throw new GlassboxError('bad_setting', `${from}: ${(error as Error).message}`)
    }
    sources[key] = source
  }
  for (const [key, value] of Object.entries(readSavedSettings(input.dataDir))) {
    lay(key, value, 'saved', `saved setting ${key}`)
  }
  for (const [name, key] of Object.entries(namedSettings)) {
    const variable = `GLASSBOX_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
    const fromEnvironment = input.environment[variable]
    if (fromEnvironment !== undefined && fromEnvironment !== '') {
      lay(key, asNumber(key, fromEnvironment), 'environment', variable)
    }
    const flag = input.flags[name]
    const flagName = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    if (flag !== undefined) lay(key, asNumber(key, flag), 'flag', flagName)
  }
  return { settings, sources }
}

function asNumber(key: string, value: unknown): unknown {
  if (!key.endsWith('Port') || typeof value !== 'string') return value
  return /^\d+$/.test(value) ? Number(value) : value
}

/** Saved settings by key; empty when nothing was saved yet. Opens glassbox.db for reading only, at start. */
export function readSavedSettings(dataDir: string): Record<string, unknown> {
  const file = join(dataDir, 'glassbox.db')
  if (!existsSync(file)) return {}
  let db: Database.Database | null = null
  try {
    db = new Database(file, { readonly: true, timeout: 2000 })
    const hasTable = db.prepare("select 1 from sqlite_master where type = 'table' and name = 'setting'").get()
    if (!hasTable) return {}
    const rows = db.prepare('select key, value from setting').all() as { key: string; value: string }[]
    const secrets = new SecretBox(dataDir)
    return Object.fromEntries(rows.map(({ key, value }) => [key, secrets.open(JSON.parse(value))]))
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    throw damagedConfig(file, error as Error)
  } finally {
    db?.close()
  }
}

/** Settings are never reset in silence: the start stops with this instead. */
export function damagedConfig(file: string, error: Error): GlassboxError {
  return new GlassboxError(
    'data_damaged',
    `${file} holds the settings and cannot be read: ${error.message}`,
    'Restore it from a backup, or move it away to start with default settings.',
  )
}
