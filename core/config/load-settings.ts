import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import { refuseNewer } from './config-schema.ts'
import type { Keyring } from './keyring.ts'
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
  allowedHosts: 'server.allowedHosts',
}

const nameOf = (key: string): string | undefined =>
  Object.keys(namedSettings).find((name) => namedSettings[name] === key)
const asVariable = (name: string): string =>
  `GLASSBOX_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
const asFlag = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** The environment variable that sets this setting; null without one. */
export function variableOf(key: string): string | null {
  const name = nameOf(key)
  return name === undefined ? null : asVariable(name)
}

/** The flag of `glassbox serve` that sets this setting; null without one. */
export function flagOf(key: string): string | null {
  const name = nameOf(key)
  return name === undefined ? null : asFlag(name)
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
  keyring?: Keyring
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
  const given = Object.entries(namedSettings).map(([name, key]) => {
    const variable = asVariable(name)
    return {
      key,
      variable,
      flagName: asFlag(name),
      fromEnvironment: input.environment[variable] || undefined,
      flag: input.flags[name],
    }
  })
  // A value given anew needs no key for the saved one: the way out when that is lost.
  const passOver = new Set(
    given.filter((one) => one.fromEnvironment !== undefined || one.flag !== undefined).map(({ key }) => key),
  )
  for (const [key, value] of Object.entries(readSavedSettings(input.dataDir, { keyring: input.keyring, passOver }))) {
    lay(key, value, 'saved', `saved setting ${key}`)
  }
  for (const { key, variable, flagName, fromEnvironment, flag } of given) {
    if (fromEnvironment !== undefined) lay(key, fromText(key, fromEnvironment), 'environment', variable)
    if (flag !== undefined) lay(key, fromText(key, flag), 'flag', flagName)
  }
  return { settings, sources }
}

/** Ports as numbers, lists from words with commas between. */
function fromText(key: string, value: unknown): unknown {
  if (key === 'server.allowedHosts' && typeof value === 'string')
    return value
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean)
  if (!key.endsWith('Port') || typeof value !== 'string') return value
  return /^\d+$/.test(value) ? Number(value) : value
}

/**
 * Saved settings by key; empty when nothing was saved yet. Opens glassbox.db for reading only, at start.
 * @param options.passOver keys that are left out, their secrets closed
 * @throws GlassboxError `secrets_locked`, `data_damaged`
 */
export function readSavedSettings(
  dataDir: string,
  options: { keyring?: Keyring | undefined; passOver?: ReadonlySet<string> } = {},
): Record<string, unknown> {
  const secrets = new SecretBox(dataDir, options.keyring)
  const rows = savedRows(dataDir).filter(({ key }) => !options.passOver?.has(key))
  return Object.fromEntries(rows.map(({ key, value }) => [key, secrets.open(JSON.parse(value))]))
}

/** @throws GlassboxError `data_damaged` when what was saved cannot be read, secrets left closed. */
export function checkReadable(dataDir: string): void {
  savedRows(dataDir)
}

function savedRows(dataDir: string): { key: string; value: string }[] {
  const file = join(dataDir, 'glassbox.db')
  if (!existsSync(file)) return []
  let db: Database.Database | null = null
  try {
    db = new Database(file, { readonly: true, timeout: 2000 })
    refuseNewer(db, file)
    const hasTable = db.prepare("select 1 from sqlite_master where type = 'table' and name = 'setting'").get()
    if (!hasTable) return []
    const rows = db.prepare('select key, value from setting').all() as { key: string; value: string }[]
    for (const { value } of rows) JSON.parse(value)
    return rows
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
