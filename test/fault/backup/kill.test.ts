import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { inspectPlaces, verifyPlaces } from '../../../core/backup/operations.ts'
import { makeRestoreFolder, recoverRestore, stageConfig } from '../../../core/backup/staged-restore.ts'
import { ConfigStore } from '../../../core/config/config-store.ts'
import { SecretBox } from '../../../core/config/secret-box.ts'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import { openSqliteStore } from '../../../core/storage/sqlite/store.ts'
import { spanBatch } from '../../conformance/telemetry-rows.ts'

const root = mkdtempSync(join(tmpdir(), 'glassbox-kill-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const preload = new URL('./kill-at.mjs', import.meta.url).href
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
const settings = applySettings(defaultSettings, { 'storage.reserveBytes': 0 })

/** Runs a program; answers whether it was killed, and how many calls it made when it was not. */
function run(
  args: string[],
  killAt: number,
): Promise<{ killed: boolean; calls: number; stderr: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', preload, ...args], {
      env: { ...process.env, KILL_AT: String(killAt) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.once('error', reject)
    child.once('close', (code, by) =>
      resolve({ killed: by === 'SIGKILL', calls: Number(/calls (\d+)/.exec(stderr)?.[1] ?? 0), stderr, code }),
    )
  })
}

async function fill(dataDir: string, name: string, days: number): Promise<void> {
  const store = await openSqliteStore({ dataDir, settings, log: quiet })
  await store.writer.write({
    spans: [spanBatch(Array.from({ length: 20 }, (_, i) => ({ trace: i + 1, span: i + 1, at: i, name })))],
    logs: [],
  })
  await store.stop()
  const config = new ConfigStore(dataDir, settings, {})
  await config.patch({ 'retention.logs.days': days })
  await config.close()
}

/** Which data a folder holds, by the names of its spans and its setting. */
function holds(dataDir: string): { spans: number; days: number; wal: boolean } {
  const db = new Database(join(dataDir, 'auxiliary.db'), { readonly: true })
  const spans = db.prepare('SELECT sum(rows) FROM span_block').pluck().get() as number
  const stats = db.prepare('SELECT stats FROM span_block').pluck().get() as Buffer
  db.close()
  const config = new Database(join(dataDir, 'glassbox.db'), { readonly: true })
  const days = JSON.parse(
    config.prepare("SELECT value FROM setting WHERE key = 'retention.logs.days'").pluck().get() as string,
  ) as number
  config.close()
  return { spans, days, wal: stats.length === 0 }
}

const old = join(root, 'old')
const fresh = join(root, 'fresh')

beforeAll(async () => {
  await fill(old, 'old', 3)
  await fill(fresh, 'new', 5)
  // The two differ in size, so that nobody takes one for the other.
  const store = await openSqliteStore({ dataDir: fresh, settings, log: quiet })
  await store.writer.write({ spans: [spanBatch([{ trace: 99, span: 99, at: 1 }])], logs: [] })
  await store.stop()
}, 120_000)

it('kill -9 at every step of putting a restore in place: the next start has the old or the new as a whole, and says which', {
  timeout: 600_000,
}, async () => {
  let states = { before: 0, after: 0 }
  let every = 1
  // Without a kill first, to count the steps; then killed at each, or on a busy machine at some from the first to the last.
  for (let step = 0, last = 1; step <= last; step = step === 0 ? 1 : step + every) {
    const dataDir = join(root, `restore-${step}`)
    cpSync(old, dataDir, { recursive: true })
    const folder = makeRestoreFolder(dataDir, 'test')
    cpSync(join(fresh, 'auxiliary.db'), join(folder, 'auxiliary.db'))
    stageConfig(dataDir, 'test', [
      { name: 'setting', rows: [{ key: 'retention.logs.days', value: '5', updated_at: 1 }] },
    ])
    const { killed, stderr, code, calls } = await run(
      [new URL('./finish-restore.ts', import.meta.url).pathname, dataDir, 'test'],
      step,
    )
    if (!killed) expect(code, stderr).toBe(0)
    if (step === 0) {
      last = calls
      // More than five in a row lie after the decision, so that one of them is met.
      every = process.env.GLASSBOX_LONG ? 1 : 5
    }
    const recovered = recoverRestore(dataDir, new SecretBox(dataDir))
    const now = holds(dataDir)
    const isOld = now.spans === 20 && now.days === 3
    const isNew = now.spans === 21 && now.days === 5
    expect(isOld || isNew, `step ${step}: ${JSON.stringify(now)}`).toBe(true)
    if (killed) {
      // What is said is what is so; a kill after the last change may find nothing left to say.
      if (recovered) expect(recovered.state, `step ${step}`).toBe(isNew ? 'after' : 'before')
      else expect(isNew, `step ${step}`).toBe(true)
      states = { before: states.before + Number(isOld), after: states.after + Number(isNew) }
    } else expect([isNew, recovered]).toEqual([true, null])
    expect(recoverRestore(dataDir, new SecretBox(dataDir)), 'a second start finds nothing').toBeNull()
    rmSync(dataDir, { recursive: true, force: true })
  }
  expect(states.before).toBeGreaterThan(0)
  expect(states.after).toBeGreaterThan(0)
})

it('kill -9 at every step of a backup: no half archive has a name, and the old ones stay', {
  timeout: 900_000,
}, async () => {
  const folder = join(root, 'archives')
  mkdirSync(folder)
  const command = new URL('../../../core/cli/main.ts', import.meta.url).pathname
  const args = [command, 'backup', '--data-dir', old, '--to', `${folder}/`]
  const whole = await run(args, 0)
  expect(whole.code, whole.stderr).toBe(0)
  const [first] = readdirSync(folder)
  const bytes = readFileSync(join(folder, first))
  // Every step, or on a busy machine some of them, from the first to the last.
  const every = process.env.GLASSBOX_LONG ? 1 : Math.ceil(whole.calls / 5)
  for (let step = 1; step <= whole.calls; step += every) {
    await run(args, step)
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.glassbox'))) {
      const place = { places: [{ file: join(folder, name) }], secret: null }
      await verifyPlaces(
        { ...place, scratch: null },
        { signal: AbortSignal.timeout(60_000), progress: () => undefined },
      )
      expect((await inspectPlaces(place))[0].days[0].rows).toBe(20)
    }
    expect(readFileSync(join(folder, first)).equals(bytes)).toBe(true)
    expect(existsSync(join(old, 'auxiliary.db'))).toBe(true)
  }
})
