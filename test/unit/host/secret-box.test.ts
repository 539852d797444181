import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ConfigStore } from '../../../core/config/config-store.ts'
import type { Keyring } from '../../../core/config/keyring.ts'
import { loadSettings, readSavedSettings } from '../../../core/config/load-settings.ts'
import { hidePassword, keepPassword } from '../../../core/config/secret-box.ts'
import { defaultSettings } from '../../../core/config/settings.ts'

let dataDir = ''
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-secret-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const url = 'postgres://me:hunter2%40@db:5432/team?sslmode=require'

it('keeps the password of the Postgres address encrypted, and shows the address without it', async () => {
  const store = new ConfigStore(dataDir, defaultSettings, {})
  const shown = await store.patch({ 'storage.postgresUrl': url })
  expect(shown['storage.postgresUrl'].value).toBe('postgres://me:***@db:5432/team?sslmode=require')
  expect(store.now().storage.postgresUrl).toBe(url)
  // What the page sends back is what it was shown.
  await store.patch({ 'storage.postgresUrl': shown['storage.postgresUrl'].value })
  expect(store.now().storage.postgresUrl).toBe(url)
  await store.close()
  for (const file of ['glassbox.db', 'glassbox.db-wal']) {
    const bytes = statSync(join(dataDir, file), { throwIfNoEntry: false }) ? readFileSync(join(dataDir, file)) : ''
    expect(bytes.includes('hunter2')).toBe(false)
  }
  expect(statSync(join(dataDir, 'secret.key')).mode & 0o777).toBe(0o600)
  expect(readSavedSettings(dataDir)).toEqual({ 'storage.postgresUrl': url })
})

it('refuses to start with a lost key, naming the file', async () => {
  const store = new ConfigStore(dataDir, defaultSettings, {})
  await store.patch({ 'storage.postgresUrl': url })
  await store.close()
  rmSync(join(dataDir, 'secret.key'))
  expect(() => readSavedSettings(dataDir)).toThrow(/secret\.key/)
})

/** A keychain that turns bytes round, and only opens what it closed itself. */
function turning(by: number): Keyring {
  return {
    wrap: (key) => Buffer.from([by, ...key.map((byte) => byte ^ by)]),
    unwrap: (wrapped) => {
      if (wrapped[0] !== by) throw new Error('made by another keychain')
      return Buffer.from(wrapped.subarray(1).map((byte) => byte ^ by))
    },
  }
}

it('lets a keychain guard the key, takes over a bare one, and says so where that keychain is away', async () => {
  const bare = new ConfigStore(dataDir, defaultSettings, {})
  await bare.patch({ 'storage.postgresUrl': url })
  await bare.close()
  const key = readFileSync(join(dataDir, 'secret.key'))
  const keyring = turning(7)
  expect(readSavedSettings(dataDir, { keyring })).toEqual({ 'storage.postgresUrl': url })
  expect(readFileSync(join(dataDir, 'secret.key')).includes(key)).toBe(false)
  expect(readSavedSettings(dataDir, { keyring })).toEqual({ 'storage.postgresUrl': url })
  const locked = { code: 'secrets_locked', message: expect.stringContaining('secret.key') }
  expect(() => readSavedSettings(dataDir)).toThrow(expect.objectContaining(locked))
  expect(() => readSavedSettings(dataDir, { keyring: turning(8) })).toThrow(expect.objectContaining(locked))
  const given = { dataDir, flags: { postgresUrl: 'postgres://new@db/team' }, environment: {} }
  expect(loadSettings(given).settings.storage.postgresUrl).toBe('postgres://new@db/team')
  const guarded = new ConfigStore(dataDir, defaultSettings, {}, keyring)
  await guarded.patch({ 'storage.postgresUrl': 'postgres://me:second@db/team' })
  await guarded.close()
  expect(readSavedSettings(dataDir, { keyring })).toEqual({ 'storage.postgresUrl': 'postgres://me:second@db/team' })
})

it('hides passwords of any shape', () => {
  expect(hidePassword('postgres://u:p@h/d')).toBe('postgres://u:***@h/d')
  expect(hidePassword('postgres://u:a:b@h/d')).toBe('postgres://u:***@h/d')
  expect(hidePassword('postgres://u@h/d')).toBe('postgres://u@h/d')
  expect(keepPassword('postgres://u:***@other/d', 'postgres://u:p@h/d')).toBe('postgres://u:***@other/d')
  // Written another way it is still the same place.
  expect(keepPassword('postgres://u:***@h:5432/d?sslmode=require', 'postgres://u:p%40@h/d')).toBe(
    'postgres://u:p%40@h:5432/d?sslmode=require',
  )
})
