import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import type { SecretBox } from '../config/secret-box.ts'
import { applySettings, defaultSettings } from '../config/settings.ts'

/** Rows of one table of glassbox.db in a form that no engine decides: JSON objects. */
export interface ConfigTable {
  name: string
  rows: Record<string, unknown>[]
}

/** Says nothing about the configuration, or only about this very process. */
const LEFT_OUT = new Set(['job', 'session'])
const NAME = /^[a-z][a-z0-9_]{0,63}$/

/** When a row was written is no difference to a person. */
const NO_DIFFERENCE = new Set(['updated_at'])

/** Whether a setting says where telemetry lies: that of an archive says where it lay, and nothing was moved there. */
function staysHere(key: string): boolean {
  return /^storage\.(engine|postgres)/.test(key)
}

/**
 * All configuration.
 * @param secrets opens sealed values, which then stand in the clear; null = they are left out
 */
export function readConfigTables(
  dataDir: string,
  secrets: SecretBox | null,
): { tables: ConfigTable[]; warnings: string[] } {
  const file = join(dataDir, 'glassbox.db')
  if (!existsSync(file)) return { tables: [], warnings: [] }
  const db = new Database(file, { readonly: true, timeout: 5000 })
  const omitted = new Set<string>()
  try {
    db.defaultSafeIntegers(true)
    db.exec('BEGIN')
    const names = db
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
      .pluck()
      .all() as string[]
    const tables = names
      .filter((name) => NAME.test(name) && !LEFT_OUT.has(name))
      .map((name) => {
        const rows = db.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[]
        return { name, rows: rows.map((row) => portable(row, secrets, name, omitted)) }
      })
    db.exec('COMMIT')
    const warnings =
      omitted.size > 0
        ? [
            `Passwords and keys are not in it, as it is not encrypted (${[...omitted].sort().join(', ')}); a restore keeps the ones that are there.`,
          ]
        : []
    return { tables, warnings }
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    throw new GlassboxError('data_damaged', `${file} cannot be read: ${(error as Error).message}`)
  } finally {
    db.close()
  }
}

function portable(
  row: Record<string, unknown>,
  secrets: SecretBox | null,
  table: string,
  omitted: Set<string>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (typeof value === 'bigint') {
        const number = Number(value)
        return [column, Number.isSafeInteger(number) ? number : { int: String(value) }]
      }
      if (Buffer.isBuffer(value)) return [column, { blob: value.toString('base64') }]
      const sealed = typeof value === 'string' ? sealedOf(value) : null
      if (!sealed) return [column, value]
      if (secrets) {
        const opened = secrets.open(sealed)
        return [
          column,
          typeof opened === 'string' ? { secret: opened } : { secret: JSON.stringify(opened), json: true },
        ]
      }
      omitted.add(table === 'setting' ? String(row.key) : table)
      return [column, { secret: null }]
    }),
  )
}

/** A value as SecretBox.seal makes it and JSON keeps it. */
function sealedOf(text: string): object | null {
  if (!text.startsWith('{"sealed":')) return null
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}

/** What a restore of configuration does or would do. */
export interface ConfigChange {
  table: string
  added: number
  changed: number
  removed: number
}

/**
 * Puts tables into glassbox.db, all in one transaction. Only tables and columns that this Glassbox made are touched:
 * nothing of an archive ever becomes SQL. Settings that are not valid here are passed over with a warning; those of the
 * engine in use stay.
 * @param options.replace rows that the archive does not have go; else they stay
 * @param options.dryRun changes nothing
 * @returns what changes by table, and the keys of the settings among it
 */
export function applyConfigTables(
  dataDir: string,
  tables: readonly ConfigTable[],
  secrets: SecretBox,
  options: { replace: boolean; dryRun: boolean },
): { changes: ConfigChange[]; settings: string[]; warnings: string[] } {
  const warnings: string[] = []
  const settings: string[] = []
  const db = new Database(join(dataDir, 'glassbox.db'), { timeout: 5000, fileMustExist: true })
  try {
    db.pragma('synchronous = FULL')
    db.exec('BEGIN IMMEDIATE')
    const changes = joined(tables).flatMap(
      (table) => applyTable(db, table, secrets, options, { warnings, settings }) ?? [],
    )
    db.exec(options.dryRun ? 'ROLLBACK' : 'COMMIT')
    return { changes, settings, warnings }
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error instanceof GlassboxError
      ? error
      : new GlassboxError('storage_unavailable', `the configuration was not restored: ${(error as Error).message}`)
  } finally {
    db.close()
  }
}

/** Tables that came in several parts. */
function joined(tables: readonly ConfigTable[]): ConfigTable[] {
  const byName = new Map<string, ConfigTable>()
  for (const { name, rows } of tables) {
    const known = byName.get(name)
    if (known) known.rows.push(...rows)
    else byName.set(name, { name, rows: [...rows] })
  }
  return [...byName.values()]
}

interface Column {
  name: string
  pk: number
}

function applyTable(
  db: Database.Database,
  { name, rows }: ConfigTable,
  secrets: SecretBox,
  { replace }: { replace: boolean },
  { warnings, settings }: { warnings: string[]; settings: string[] },
): ConfigChange | null {
  if (LEFT_OUT.has(name)) return null
  const known = NAME.test(name)
    ? (db.prepare(`SELECT name, pk FROM pragma_table_info('${name}')`).all() as Column[])
    : []
  if (known.length === 0) {
    warnings.push(`This Glassbox has no table ${name.slice(0, 64)}; its ${rows.length} rows are passed over.`)
    return null
  }
  const keys = known.filter(({ pk }) => pk > 0).map((column) => column.name)
  const before = new Map(
    (db.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[]).map((row) => [keyText(row, keys), row]),
  )
  const change: ConfigChange = { table: name, added: 0, changed: 0, removed: 0 }
  const wanted = new Map<string, Record<string, unknown>>()
  const stays = (row: Record<string, unknown>): boolean => name === 'setting' && staysHere(String(row.key))
  for (const [key, row] of before) if (stays(row)) wanted.set(key, row)
  for (const row of rows) {
    if (stays(row)) continue
    const problem = name === 'setting' ? settingProblem(row) : null
    if (problem) {
      warnings.push(problem)
      continue
    }
    const own = ownRow(row, known, secrets, before.get(keyText(row, keys)))
    if (own) wanted.set(keyText(own, keys), own)
  }
  const differs = (what: 'added' | 'changed' | 'removed', row: Record<string, unknown>): void => {
    change[what]++
    if (name === 'setting') settings.push(String(row.key))
  }
  for (const [key, row] of wanted) {
    const old = before.get(key)
    if (!old) differs('added', row)
    else if (Object.keys(row).some((column) => !NO_DIFFERENCE.has(column) && !same(row[column], old[column])))
      differs('changed', row)
  }
  if (replace) {
    for (const [key, row] of before) if (!wanted.has(key)) differs('removed', row)
    db.exec(`DELETE FROM "${name}"`)
  }
  for (const row of wanted.values()) {
    const columns = Object.keys(row)
    const list = columns.map((column) => `"${column}"`).join(', ')
    db.prepare(`INSERT OR REPLACE INTO "${name}" (${list}) VALUES (${columns.map(() => '?').join(', ')})`).run(
      columns.map((column) => row[column]),
    )
  }
  return change
}

const keyText = (row: Record<string, unknown>, keys: readonly string[]): string =>
  JSON.stringify(keys.map((key) => String(row[key])))

function same(a: unknown, b: unknown): boolean {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b)
  return a === b || String(a) === String(b)
}

/** The row with the columns that there are here; null when it is nothing without a secret that is not in the archive. */
function ownRow(
  row: Record<string, unknown>,
  known: readonly Column[],
  secrets: SecretBox,
  old: Record<string, unknown> | undefined,
): Record<string, unknown> | null {
  const own: Record<string, unknown> = {}
  for (const { name } of known) {
    if (!Object.hasOwn(row, name)) continue
    const value = row[name]
    if (value === null || typeof value === 'string' || typeof value === 'number') own[name] = value
    else if (typeof value === 'object' && 'int' in value) own[name] = BigInt(String(value.int))
    else if (typeof value === 'object' && 'blob' in value) own[name] = Buffer.from(String(value.blob), 'base64')
    else if (typeof value === 'object' && 'secret' in value) {
      if (typeof value.secret === 'string')
        own[name] = sealed('json' in value ? JSON.parse(value.secret) : value.secret, secrets, old?.[name])
      else if (old) own[name] = old[name]
      else return null
    } else throw new GlassboxError('archive_damaged', 'a row of configuration holds a value that is none')
  }
  return own
}

/** A secret as it is stored; the one that is there where it is the same, as sealing twice gives two texts. */
function sealed(secret: unknown, secrets: SecretBox, old: unknown): string {
  const there = typeof old === 'string' ? sealedOf(old) : null
  try {
    if (there && JSON.stringify(secrets.open(there)) === JSON.stringify(secret)) return String(old)
  } catch {
    // What is there cannot be opened any more: the one of the archive takes its place.
  }
  return JSON.stringify(secrets.seal(secret))
}

/** Why a saved setting cannot be taken over, or null. */
function settingProblem({ key, value }: Record<string, unknown>): string | null {
  if (value !== null && typeof value === 'object') return null
  try {
    applySettings(defaultSettings, { [String(key)]: JSON.parse(String(value)) })
    return null
  } catch (error) {
    return `Setting ${String(key).slice(0, 100)} is passed over: ${(error as Error).message.slice(0, 200)}`
  }
}
