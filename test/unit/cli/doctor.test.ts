import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BackupItem, BackupsAnswer, SettingsAnswer } from '../../../core/api/contract/shapes.ts'
import type { Check } from '../../../core/cli/doctor-check.ts'
import { localChecks } from '../../../core/cli/doctor-checks.ts'
import { backups, clock } from '../../../core/cli/doctor-upkeep.ts'
import { glassbox } from '../../fixtures/command.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-doctor-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What `glassbox doctor --json` says of a directory that no host runs on, on ports that are free unless named. */
async function doctor(
  dataDir: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; checks: Check[] }> {
  const ports = { GLASSBOX_API_PORT: '0', GLASSBOX_OTLP_PORT: '0', GLASSBOX_OTLP_GRPC_PORT: '0' }
  const { code, stdout } = await glassbox(['doctor', '--json', '--data-dir', dataDir], { env: { ...ports, ...env } })
  return { code, checks: (JSON.parse(stdout) as { checks: Check[] }).checks }
}
const named = (checks: Check[], name: string): Check | undefined => checks.find((check) => check.name === name)

describe('glassbox doctor, where nothing runs', () => {
  it('finds a directory that others can read, a clock that is not set, and settings that cannot be used', async () => {
    const dataDir = join(folder, 'data')
    mkdirSync(dataDir)
    chmodSync(dataDir, 0o755)
    const tools = join(folder, 'bin')
    mkdirSync(tools)
    writeFileSync(join(tools, 'timedatectl'), '#!/bin/sh\necho no\n', { mode: 0o755 })
    const { code, checks } = await doctor(dataDir, {
      GLASSBOX_LOG_LEVEL: 'loud',
      PATH: `${tools}:${process.env['PATH']}`,
    })
    expect(code).toBe(1)
    expect(named(checks, 'data directory')).toMatchObject({ ok: false, advice: true, hint: `Run chmod 700 ${dataDir}` })
    expect(named(checks, 'clock')).toMatchObject({ ok: false, advice: true, hint: expect.stringContaining('set-ntp') })
    expect(named(checks, 'settings')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('GLASSBOX_LOG_LEVEL'),
    })
  })

  it('finds a directory that cannot be written, and a disk that is full', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const inFile = await localChecks(join(file, 'data'), true)
    expect(named(inFile, 'data directory')).toMatchObject({ ok: false, hint: expect.stringContaining('--data-dir') })
    // A file system without a single free byte.
    const full = await localChecks(join(platform() === 'darwin' ? '/dev' : '/proc', 'glassbox'), true)
    expect(named(full, 'disk space')).toMatchObject({
      ok: false,
      detail: '0 MiB are free where the data lies',
      hint: expect.stringContaining('retention.traces.bytes'),
    })
  })

  it('finds a clock that is behind the data', () => {
    const file = join(folder, 'auxiliary.db')
    writeFileSync(file, '')
    const later = new Date(Date.now() + 2 * 86_400_000)
    utimesSync(file, later, later)
    expect(clock(folder)).toMatchObject({
      ok: false,
      detail: expect.stringContaining(later.toISOString().slice(0, 10)),
      hint: expect.stringContaining('Set the clock'),
    })
    expect(clock(folder, later.getTime()).detail).toContain(later.toISOString().slice(0, 10))
  })

  it('finds a database server that does not answer, a database that is none, and says that it is damage', async () => {
    writeFileSync(join(folder, 'auxiliary.db'), 'this is no database at all, and never was one'.repeat(100))
    const { code, checks } = await doctor(folder, {
      GLASSBOX_ENGINE: 'postgres',
      GLASSBOX_POSTGRES_URL: 'postgres://me:hunter2@127.0.0.1:9/team',
    })
    expect(code).toBe(4)
    const engine = named(checks, 'engine')
    expect(engine).toMatchObject({
      ok: false,
      detail: expect.stringContaining('connect'),
      hint: expect.stringMatching(/./),
    })
    expect(JSON.stringify(checks)).not.toContain('hunter2')
    expect(named(checks, 'database auxiliary.db')).toMatchObject({ ok: false, damaged: true })
  })
})

describe('what it says of backups', () => {
  const item = { createdAt: Date.now() * 1000, provenAt: null } as BackupItem
  const answer = (changes: Partial<BackupsAnswer>): BackupsAnswer =>
    ({ items: [item], targets: [], lastGood: item, attention: null, ...changes }) as BackupsAnswer
  const on = { 'backup.enabled': { value: true } } as unknown as SettingsAnswer
  const off = { 'backup.enabled': { value: false } } as unknown as SettingsAnswer
  const old = { ...item, createdAt: (Date.now() - 9 * 86_400_000) * 1000 }
  const target = { name: 'nas', kind: 'sftp', address: '', freeBytes: null, error: 'the host key changed' } as const

  it.each([
    ['all is well', answer({}), on, [{ ok: true, detail: expect.stringContaining('none proven by a test restore') }]],
    ['the last is old', answer({ lastGood: old }), on, [{ ok: false, hint: 'Make one now: glassbox backup.' }]],
    [
      'a run failed',
      answer({ attention: 'full: bucket refused' }),
      on,
      [{ ok: false, detail: 'full: bucket refused' }],
    ],
    [
      'there is none',
      answer({ items: [], lastGood: null }),
      on,
      [{ ok: false, advice: true, detail: 'there is none' }],
    ],
    ['schedules are off', answer({}), off, [{ ok: false, advice: true, detail: expect.stringContaining('off') }]],
    [
      'a place is away',
      answer({ targets: [target] }),
      on,
      [{ ok: false, detail: 'nas: the host key changed' }, { ok: true }],
    ],
  ])('%s', (_name, given, settings, expected) => {
    expect(backups(given, settings)).toMatchObject(expected)
  })
})
