import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ConfigStore } from '../../../core/config/config-store.ts'
import { loadSettings } from '../../../core/config/load-settings.ts'
import { settingCatalogue } from '../../../core/config/setting-catalogue.ts'
import { settingTexts } from '../../../core/config/setting-texts.ts'
import { applySettings, defaultSettings, flattenSettings } from '../../../core/config/settings.ts'
import { readSettingsFile, settingsFile } from '../../../core/config/settings-file.ts'
import { settingHelp } from '../../../renderer/i18n/zh-CN/setting-help.ts'

const keys = Object.keys(flattenSettings(defaultSettings))

it('says of every setting what it is, in both languages', () => {
  expect(Object.keys(settingTexts).sort()).toEqual([...keys].sort())
  expect(Object.keys(settingHelp).sort()).toEqual([...keys].sort())
  const catalogue = settingCatalogue()
  expect(catalogue.map(({ key }) => key)).toEqual(keys)
  const info = (key: string) => catalogue.find((one) => one.key === key)
  expect(info('server.apiPort')).toMatchObject({
    kind: 'number',
    integer: true,
    min: 0,
    max: 65535,
    restart: true,
    variable: 'GLASSBOX_API_PORT',
    flag: '--api-port',
  })
  expect(info('retention.logs.days')).toMatchObject({ min: 0, aboveMin: true, integer: false, unit: 'days', max: null })
  expect(info('pipeline.overflow')).toMatchObject({ kind: 'choice', choices: ['drop', 'refuse'] })
  expect(info('privacy.maskKeys')?.kind).toBe('list')
  expect(info('collectors.scrape.jobs')?.kind).toBe('document')
  expect(info('backup.password')).toMatchObject({ kind: 'text', secret: true })
  for (const { key, kind, unit } of catalogue)
    if (/Ms$|bytes$/i.test(key)) expect([key, kind, unit !== '']).toEqual([key, 'number', true])
})

it('comes back from YAML as it went, passwords left out', () => {
  const settings = applySettings(defaultSettings, {
    'retention.logs.days': 3,
    'privacy.removeKeys': ['a: b', '#c'],
    'backup.password': 'hunter2',
    'storage.postgresUrl': 'postgres://me:hunter2@db/team',
  })
  const changed = settingsFile(settings, false)
  expect(parse(changed)).toEqual({ retention: { logs: { days: 3 } }, privacy: { removeKeys: ['a: b', '#c'] } })
  expect(changed).not.toContain('hunter2')
  expect(changed).toContain('storage.postgresUrl, backup.password')
  const back = readSettingsFile(changed, defaultSettings, {})
  expect(back.faults).toEqual([])
  expect(back.changes).toEqual([
    { key: 'privacy.removeKeys', from: [], to: ['a: b', '#c'], restart: false },
    { key: 'retention.logs.days', from: 7, to: 3, restart: false },
  ])
  const all = settingsFile(defaultSettings, true)
  expect(all).toContain(`# ${settingTexts['pipeline.queueLimit'].help}`)
  expect(readSettingsFile(all, defaultSettings, {})).toMatchObject({ changes: [], faults: [], locked: [] })
})

it('names the line of whatever it refuses, and what a flag sets', () => {
  const text = [
    'retention:',
    '  logs:',
    '    days: 0',
    'pipeline:',
    '  queue: 5',
    'server:',
    '  apiPort: 99',
    'backup:',
    '  password: "***"',
    '  schedules:',
    '    - id: one',
    '      kind: full',
    '      cron: nonsense',
  ].join('\n')
  const { faults, locked, changes } = readSettingsFile(text, defaultSettings, { 'server.apiPort': 'flag' })
  expect(faults.map(({ line, key }) => [line, key])).toEqual([
    [3, 'retention.logs.days'],
    [5, 'pipeline.queue'],
    [9, 'backup.password'],
    [13, 'backup.schedules'],
  ])
  expect([locked, changes]).toEqual([['server.apiPort'], []])
  for (const broken of [
    'a: [',
    '- 1',
    '[[',
    `${'['.repeat(50_000)}`,
    'retention: 5',
    'a: &a [*a]',
    `a: &a [1]\nb: [${'*a,'.repeat(500)}]`,
  ])
    expect(readSettingsFile(broken, defaultSettings, {}).faults[0]?.line).toBe(1)
  expect(readSettingsFile('', defaultSettings, {})).toMatchObject({ changes: [], faults: [] })
})

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-settings-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

it('goes back to the default for good, and says what a restart takes up', async () => {
  const open = () => {
    const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: {} })
    return new ConfigStore(dataDir, settings, sources)
  }
  const store = open()
  const answer = await store.patch({ 'server.apiPort': 5000, 'retention.logs.days': 3, 'backup.password': 'hunter2' })
  expect(answer['server.apiPort']).toEqual({ value: 5000, default: 4380, source: 'saved', pending: true })
  expect(answer['retention.logs.days'].pending).toBeUndefined()
  await expect(store.patch({ 'storage.postgresUrl': 'postgres://me:***@db/team' })).rejects.toThrow(/\*\*\*/)
  await expect(store.importFile('retention: {logs: {days: 0}}', true)).rejects.toThrow(/^line 1: retention\.logs\.days/)
  const imported = await store.importFile('retention: {logs: {days: 9}}', true)
  expect(imported.changes).toEqual([{ key: 'retention.logs.days', from: 3, to: 9, restart: false }])
  expect(store.now().retention.logs.days).toBe(9)
  const reset = await store.patch({ 'server.apiPort': null, 'retention.logs.days': null, 'backup.password': null })
  expect(reset['server.apiPort']).toEqual({ value: 4380, default: 4380, source: 'default' })
  await store.close()
  const again = open()
  expect(Object.values(again.all()).filter(({ source }) => source !== 'default')).toEqual([])
  await again.close()
})
