import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupsAnswer, SettingsAnswer } from '../api/contract/shapes.ts'
import type { Settings } from '../config/settings.ts'
import type { Check } from './doctor-check.ts'

const HOUR_MS = 3_600_000
const DAY_US = 86_400_000_000
/** Of a data directory written now; a network disk may be a little ahead. */
const CLOCK_SLACK_MS = HOUR_MS
/** An older backup is worth a word. */
const OLD_BACKUP_DAYS = 8

/** Whether the clock can be right: data from the future says that it is behind, which would confuse retention. */
export function clock(dataDir: string, nowMs = Date.now()): Check {
  const newest = newestFile(dataDir)
  if (newest > nowMs + CLOCK_SLACK_MS)
    return {
      name: 'clock',
      ok: false,
      detail: `it is ${iso(nowMs)} here, and data was written at ${iso(newest)}`,
      hint: 'Set the clock of this machine (timedatectl set-ntp true); until then retention takes new data for old.',
    }
  const { stdout, status } = spawnSync('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 2000,
  })
  const unsure = status === 0 && stdout.trim() === 'no'
  return {
    name: 'clock',
    ok: !unsure,
    detail: `${iso(nowMs)}${unsure ? ', not synchronised with the network' : ''}`,
    hint: unsure ? 'Run timedatectl set-ntp true, or times of several machines will not fit together.' : '',
    advice: unsure,
  }
}

function newestFile(dataDir: string): number {
  if (!existsSync(dataDir)) return 0
  const times = readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => statSync(join(dataDir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return Math.max(0, ...times)
}

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

/** Whether the engine that a start would use can be used. */
export async function engine({ storage }: Settings): Promise<Check> {
  if (storage.engine === 'sqlite')
    return { name: 'engine', ok: true, detail: 'SQLite, in the data directory', hint: '' }
  const { testConnection } = await import('../storage/postgres/test-connection.ts')
  const { ok, steps } = await testConnection(storage.postgresUrl, storage.postgresSchema)
  const failed = steps.find((step) => !step.ok)
  const took = steps.reduce((sum, { ms }) => sum + ms, 0)
  return {
    name: 'engine',
    ok,
    detail: failed
      ? `Postgres: ${failed.name}: ${failed.error}`
      : `Postgres takes, keeps and gives back, in ${took} ms`,
    hint: failed?.hint ?? '',
  }
}

/** What a running host says of its backups. */
export function backups({ items, lastGood, attention, targets }: BackupsAnswer, settings: SettingsAnswer): Check[] {
  const checks: Check[] = targets
    .filter(({ error }) => error !== null)
    .map(({ name, error }) => ({
      name: 'backup target',
      ok: false,
      detail: `${name}: ${error}`,
      hint: 'Correct it in Settings, Backups, and test it there.',
    }))
  if (attention !== null)
    return [
      ...checks,
      { name: 'backups', ok: false, detail: attention, hint: 'Look at the Backups screen and its jobs.' },
    ]
  if (settings['backup.enabled']?.value !== true || lastGood === null) {
    const detail =
      lastGood === null ? 'there is none' : `schedules are off; the newest is of ${iso(lastGood.createdAt / 1000)}`
    const hint = 'Switch schedules on (backup.enabled), or run glassbox backup from cron.'
    return [...checks, { name: 'backups', ok: false, detail, hint, advice: true }]
  }
  const old = Date.now() * 1000 - lastGood.createdAt > OLD_BACKUP_DAYS * DAY_US
  const proven = items.some(({ provenAt }) => provenAt !== null) ? '' : ', none proven by a test restore yet'
  return [
    ...checks,
    {
      name: 'backups',
      ok: !old,
      detail: `${items.length}, the newest whole one of ${iso(lastGood.createdAt / 1000)}${proven}`,
      hint: old ? 'Make one now: glassbox backup.' : '',
    },
  ]
}
