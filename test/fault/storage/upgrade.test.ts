import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CONFIG_VERSION, snapshotFolder } from '../../../core/config/config-schema.ts'
import { ConfigStore } from '../../../core/config/config-store.ts'
import { loadSettings } from '../../../core/config/load-settings.ts'
import { glassbox } from '../../fixtures/command.ts'

let dataDir: string
const file = (): string => join(dataDir, 'glassbox.db')
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-upgrade-'))
  const store = new ConfigStore(dataDir, loadSettings({ dataDir, flags: {}, environment: {} }).settings, {})
  await store.patch({ 'retention.logs.days': 3, 'pipeline.queueLimit': 77 })
  await store.close()
  // As a program of before the first version wrote it.
  const db = new Database(file())
  db.pragma('user_version = 0')
  db.close()
  rmSync(snapshotFolder(file()), { recursive: true, force: true })
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const upgrade = (until: string) =>
  spawnSync(process.execPath, [
    fileURLToPath(new URL('../../fixtures/upgrade-step.ts', import.meta.url)),
    file(),
    until,
  ])

/** Settings, version, and whether each step's work is there. */
function look(path: string): { version: number; settings: number; two: boolean; three: boolean; check: unknown } {
  const db = new Database(path, { readonly: true })
  try {
    const tables = db.prepare('select name from sqlite_master').pluck().all()
    const columns = db.prepare("select name from pragma_table_info('setting')").pluck().all()
    return {
      version: db.pragma('user_version', { simple: true }) as number,
      settings: db.prepare('select count(*) from setting').pluck().get() as number,
      two: columns.includes('note'),
      three: tables.includes('three'),
      check: db.pragma('integrity_check', { simple: true }),
    }
  } finally {
    db.close()
  }
}

it.each([
  ['snapshot', 0],
  ['snapshot written', 0],
  ['step 1', 0],
  ['end of step 1', 0],
  ['step 2', 1],
  ['end of step 2', 1],
  ['step 3', 2],
  ['end of step 3', 2],
  ['done', 3],
])(
  'killed at "%s", the file is at the end of a step, and the next start goes on',
  (until, version) => {
    expect(upgrade(until).signal).toBe('SIGKILL')
    expect(look(file())).toEqual({ version, settings: 2, two: version >= 2, three: version >= 3, check: 'ok' })
    expect(upgrade('never').status).toBe(0)
    expect(look(file())).toEqual({ version: 3, settings: 2, two: true, three: true, check: 'ok' })
    // The copy is of before the whole upgrade, or of the step that the kill left, and nothing unfinished lies beside it.
    const copies = readdirSync(snapshotFolder(file()))
    expect(copies).toContain('glassbox-schema-0.db')
    expect(copies.filter((name) => name.endsWith('.part'))).toEqual([])
    expect(look(join(snapshotFolder(file()), 'glassbox-schema-0.db'))).toMatchObject({
      version: 0,
      settings: 2,
      two: false,
    })
  },
  60_000,
)

it('an old program refuses newer data politely, changes nothing, and its copy can be put back', async () => {
  expect(upgrade('never').status).toBe(0)
  const before = look(file())
  const refused = await glassbox([
    'serve',
    '--data-dir',
    dataDir,
    '--api-port',
    '0',
    '--otlp-port',
    '0',
    '--otlp-grpc-port',
    '0',
  ])
  expect([refused.code, refused.stderr]).toEqual([
    5,
    expect.stringMatching(/schema version 3, and this Glassbox knows 1\n.*newer Glassbox.*before-upgrade/),
  ])
  expect(look(file())).toEqual(before)
  cpSync(join(snapshotFolder(file()), 'glassbox-schema-0.db'), file())
  for (const rest of ['-wal', '-shm']) rmSync(file() + rest, { force: true })
  const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: {} })
  const store = new ConfigStore(dataDir, settings, sources)
  expect([store.now().retention.logs.days, store.now().pipeline.queueLimit]).toEqual([3, 77])
  await store.close()
  expect(look(file()).version).toBe(CONFIG_VERSION)
}, 60_000)

it('refuses telemetry of a newer program, naming the file', async () => {
  const db = new Database(join(dataDir, 'auxiliary.db'))
  db.pragma('user_version = 99')
  db.close()
  const { code, stderr } = await glassbox([
    'serve',
    '--data-dir',
    dataDir,
    '--api-port',
    '0',
    '--otlp-port',
    '0',
    '--otlp-grpc-port',
    '0',
  ])
  expect([code, stderr]).toEqual([5, expect.stringMatching(/auxiliary\.db has schema version 99/)])
}, 60_000)
