import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import { type BoardStore, createBoardStore } from './board-store.ts'
import { BOARD_TABLE } from './board-table.ts'
import { upgradeConfig } from './config-schema.ts'
import type { Keyring } from './keyring.ts'
import { checkReadable, damagedConfig, readSavedSettings } from './load-settings.ts'
import { createPinStore, type PinStore } from './pin-store.ts'
import { PIN_TABLES } from './pin-table.ts'
import { hasHidden, hideSecrets, keepSecrets, SECRET_SETTINGS, SecretBox } from './secret-box.ts'
import { settingTexts } from './setting-texts.ts'
import { applySettings, defaultSettings, flattenSettings, type SettingSource, type Settings } from './settings.ts'
import { readSettingsFile, type SettingsImport } from './settings-file.ts'

/** A job as it is kept (core/jobs); `body` is JSON. */
interface StoredJob {
  id: string
  createdAt: number
  body: string
  secret: string | null
}

/** A setting as the api shows it. */
export interface SettingValue {
  value: unknown
  default: unknown
  source: SettingSource
  /** It was changed since the start, which alone takes it up. */
  pending?: true
}

/** Settings for the parts that read, change and watch them. */
export interface SettingsService {
  now(): Settings
  /** Every key with its value, default and source. */
  all(): Record<string, SettingValue>
  /**
   * Checks and saves changes by dotted key, all or none; durable when it returns. Null is the way back to the default.
   * A key that a flag or the environment sets is saved, yet keeps the flag's value until a start without it.
   * @throws GlassboxError `bad_setting` naming the key; `storage_unavailable` when it cannot be saved.
   */
  patch(changes: Record<string, unknown>): Promise<Record<string, SettingValue>>
  /** Reads the saved settings anew, after a restore changed them. */
  reload(): void
  importFile(text: string, apply: boolean): Promise<SettingsImport>
  /** Calls `listener` after each change; answers how to stop that. */
  subscribe(listener: (settings: Settings) => void): () => void
}

const colorSlots = 12
const DEFAULTS = flattenSettings(defaultSettings)

/** Changes with the default where they ask for it by null. */
function withDefaults(changes: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(changes).map(([key, value]) => [key, value === null ? structuredClone(DEFAULTS[key]) : value]),
  )
}

/**
 * glassbox.db: what must never be lost. WAL with `synchronous=FULL`. The caller's thread opens it at start; changes are
 * written in a thread of their own, one after the other.
 */
export class ConfigStore implements SettingsService {
  #db: Database.Database
  #settings: Settings
  /** By key, as the parts of the host began with them. */
  readonly #atStart: Record<string, unknown>
  #sources: Record<string, SettingSource>
  #listeners = new Set<(settings: Settings) => void>()
  readonly #file: string
  readonly #secrets: SecretBox
  readonly #dataDir: string
  readonly #keyring: Keyring | undefined
  readonly boards: BoardStore = createBoardStore((method, argument) =>
    this.#inTurn(() => this.#rpc().call(method, argument)),
  )
  /** Refuses, by throwing, settings that a host could not start with. */
  guard: (after: Settings) => void = () => undefined
  /** Told of the pinned traces whenever they change. */
  onPinned: (traceIds: string[]) => void = () => undefined
  readonly pins: PinStore = createPinStore(
    (method, argument) => this.#inTurn(() => this.#rpc().call(method, argument)),
    (traceIds) => this.onPinned(traceIds),
  )
  #writer: { worker: Worker; rpc: RpcClient } | null = null
  /** Ends when the change before has been saved or refused. */
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws GlassboxError `data_damaged`, `data_newer`; the file is left as it is then. */
  constructor(dataDir: string, settings: Settings, sources: Record<string, SettingSource>, keyring?: Keyring) {
    this.#settings = settings
    this.#atStart = flattenSettings(settings)
    this.#sources = { ...sources }
    this.#dataDir = dataDir
    this.#keyring = keyring
    const file = join(dataDir, 'glassbox.db')
    this.#file = file
    this.#secrets = new SecretBox(dataDir, keyring)
    checkReadable(dataDir)
    try {
      this.#db = new Database(file, { timeout: 5000 })
      chmodSync(file, 0o600)
      this.#db.pragma('journal_mode = WAL')
      this.#db.pragma('synchronous = FULL')
      upgradeConfig(this.#db, file)
      this.#db.exec(`
        create table if not exists setting (key text primary key, value text not null, updated_at integer not null) strict;
        create table if not exists job (id text primary key, created_at integer not null, body text not null, secret text) strict;
        create table if not exists service_color (service text primary key, slot integer not null) strict;
        ${BOARD_TABLE}
        ${PIN_TABLES}
      `)
    } catch (error) {
      if (error instanceof GlassboxError) throw error
      const { code, message } = error as { code?: string; message: string }
      if (code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') throw damagedConfig(file, error as Error)
      throw new GlassboxError('storage_unavailable', `${file} cannot be opened: ${message}`)
    }
  }

  now(): Settings {
    return this.#settings
  }

  all(): Record<string, SettingValue> {
    const values = flattenSettings(this.#settings)
    return Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        {
          value: SECRET_SETTINGS.has(key) ? hideSecrets(value, key) : value,
          default: DEFAULTS[key],
          source: this.#sources[key] ?? 'default',
          ...(settingTexts[key]?.restart && !isDeepStrictEqual(value, this.#atStart[key]) ? { pending: true } : {}),
        },
      ]),
    )
  }

  /**
   * Reads a file of settings (settings-file.ts) against what is set now, and takes it over when asked to.
   * @throws GlassboxError `bad_setting` when it is to be taken over and has faults; `storage_unavailable`
   */
  async importFile(text: string, apply: boolean): Promise<SettingsImport> {
    const { values, ...answer } = readSettingsFile(text, this.#settings, this.#sources)
    if (!apply) return answer
    if (answer.faults.length > 0) {
      const [{ line, message }] = answer.faults
      throw new GlassboxError('bad_setting', `line ${line}: ${message}`)
    }
    await this.patch(values)
    return answer
  }

  async patch(asked: Record<string, unknown>): Promise<Record<string, SettingValue>> {
    return this.#inTurn(async () => {
      const changes = this.#withPasswords(asked)
      const values = withDefaults(changes)
      this.guard(applySettings(this.#settings, values))
      await this.#rpc().call('save', { changes: this.#sealed(changes), nowUs: Date.now() * 1000 })
      const free = Object.entries(values).filter(([key]) => !['flag', 'environment'].includes(this.#sources[key]))
      this.#settings = applySettings(this.#settings, Object.fromEntries(free))
      for (const [key] of free) {
        if (changes[key] === null) delete this.#sources[key]
        else this.#sources[key] = 'saved'
      }
      for (const listener of this.#listeners) listener(this.#settings)
      return this.all()
    })
  }

  /**
   * Reads the saved settings anew, after a restore changed them; what a flag or the environment sets stays.
   * @throws GlassboxError `data_damaged`, `bad_setting`
   */
  reload(): void {
    const saved = readSavedSettings(this.#dataDir, { keyring: this.#keyring })
    const fixed = Object.entries(flattenSettings(this.#settings)).filter(([key]) =>
      ['flag', 'environment'].includes(this.#sources[key]),
    )
    this.#settings = applySettings(defaultSettings, { ...saved, ...Object.fromEntries(fixed) })
    for (const [key, source] of Object.entries(this.#sources)) if (source === 'saved') delete this.#sources[key]
    for (const key of Object.keys(saved)) this.#sources[key] ??= 'saved'
    for (const listener of this.#listeners) listener(this.#settings)
    this.tellPinned()
  }

  /** Tells of the traces that are pinned now. @throws GlassboxError `storage_unavailable` */
  tellPinned(): void {
    try {
      const ids = this.#db.prepare('select trace_id from trace_pin order by trace_id').pluck().all() as string[]
      this.onPinned(ids)
    } catch (error) {
      throw new GlassboxError('storage_unavailable', `${this.#file} cannot be read: ${(error as Error).message}`)
    }
  }

  /** What seals secrets of this data directory. */
  get secrets(): SecretBox {
    return this.#secrets
  }

  /** Jobs as they were last saved, oldest first (core/jobs). @throws GlassboxError `data_damaged` without the right key */
  loadJobs(): StoredJob[] {
    const rows = this.#db
      .prepare('select id, created_at as createdAt, body, secret from job order by created_at, id')
      .all() as StoredJob[]
    return rows.map((row) => ({
      ...row,
      secret: row.secret === null ? null : String(this.#secrets.open(JSON.parse(row.secret))),
    }))
  }

  /** Durable when it resolves; the secret is sealed. @throws GlassboxError `storage_unavailable` */
  saveJob({ secret, ...job }: StoredJob): Promise<void> {
    const sealed = secret === null ? null : JSON.stringify(this.#secrets.seal(secret))
    return this.#inTurn(() => this.#rpc().call('saveJob', { ...job, secret: sealed }))
  }

  /** @throws GlassboxError `storage_unavailable` */
  removeJobs(ids: string[]): Promise<void> {
    return this.#inTurn(() => this.#rpc().call('removeJobs', ids))
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Secrets that came back as `all` shows them stay what they are. */
  #withPasswords(changes: Record<string, unknown>): Record<string, unknown> {
    const current = flattenSettings(this.#settings)
    return Object.fromEntries(
      Object.entries(changes).map(([key, value]) => {
        if (!SECRET_SETTINGS.has(key)) return [key, value]
        const own = keepSecrets(value, current[key], key)
        if (hasHidden(own))
          throw new GlassboxError('bad_setting', `${key} holds *** in place of a password that is not saved here`)
        return [key, own]
      }),
    )
  }

  #sealed(changes: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(changes).map(([key, value]) => [
        key,
        SECRET_SETTINGS.has(key) && value !== '' && value !== null ? this.#secrets.seal(value) : value,
      ]),
    )
  }

  /** The writer's thread, started at the first change and again should it have died. */
  #rpc(): RpcClient {
    if (this.#writer) return this.#writer.rpc
    const worker = new Worker(workerFile(import.meta.url, './config-writer.worker.ts'), {
      workerData: { file: this.#file },
    })
    const rpc = new RpcClient(worker)
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      rpc.close(new GlassboxError('storage_unavailable', 'the settings were not saved: the writing thread ended'))
      if (this.#writer?.worker === worker) this.#writer = null
    })
    this.#writer = { worker, rpc }
    return rpc
  }

  subscribe(listener: (settings: Settings) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The colour slot (0..11) of each service: given once, the least used first, and kept for good. */
  serviceColors(services: string[]): Record<string, number> {
    const rows = this.#db.prepare('select service, slot from service_color').all() as {
      service: string
      slot: number
    }[]
    const known = new Map(rows.map(({ service, slot }) => [service, slot]))
    const used = new Array<number>(colorSlots).fill(0)
    for (const slot of known.values()) used[slot]++
    const add = this.#db.prepare('insert or ignore into service_color values (?, ?)')
    this.#db.transaction(() => {
      for (const service of services) {
        if (known.has(service)) continue
        const slot = used.indexOf(Math.min(...used))
        used[slot]++
        known.set(service, slot)
        add.run(service, slot)
      }
    })()
    return Object.fromEntries(services.map((service) => [service, known.get(service) as number]))
  }

  /** Ends after the changes that were asked for. */
  async close(): Promise<void> {
    this.#listeners.clear()
    await this.#turn
    const writer = this.#writer
    this.#writer = null
    if (writer) {
      await writer.rpc.call('close', null).catch(() => undefined)
      await writer.worker.terminate()
    }
    this.#db.close()
  }
}
