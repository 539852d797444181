import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BackupItem, BackupRun, RestorePlan } from '../../../core/api/contract/shapes.ts'
import { openTarget } from '../../../core/backup/targets/open-target.ts'
import { cronAt, cronWords, weekdayText } from '../../../renderer/features/backups/derive/cron-words.ts'
import { dayStrip } from '../../../renderer/features/backups/derive/day-strip.ts'
import { planRows } from '../../../renderer/features/backups/derive/plan-rows.ts'
import {
  fromBase64,
  newPassword,
  passwordStrength,
  sheetText,
  toBase64,
} from '../../../renderer/features/backups/derive/recovery-sheet.ts'
import {
  emptyTarget,
  hostKeyIn,
  missingTargetFields,
  readTargetAddress,
  targetAddress,
} from '../../../renderer/features/backups/derive/target-address.ts'

describe('a schedule in words', () => {
  it.each([
    ['0 2 * * *', { key: 'daily', time: '02:00' }],
    ['30 14 * * 0', { key: 'weekly', time: '14:30', days: [0] }],
    ['0 2 * * 1-6', { key: 'weekly', time: '02:00', days: [1, 2, 3, 4, 5, 6] }],
    ['0 2 * * SUN,fri', { key: 'weekly', time: '02:00', days: [5, 0] }],
    ['5 */4 * * *', { key: 'hourly', minute: 5, every: 4 }],
    ['0 * * * *', { key: 'hourly', minute: 0, every: 1 }],
    ['*/15 * * * *', { key: 'minutes', every: 15 }],
    ['0 3 1 * *', { key: 'monthly', time: '03:00', day: 1 }],
    ['0 2 * 6 *', null],
    ['0 2,14 * * *', null],
    ['61 2 * * *', null],
    ['0 2 1 * 1', null],
    ['nonsense', null],
  ])('%s', (cron, words) => {
    expect(cronWords(cron)).toEqual(words)
  })

  it('names a run of days by its ends, other days one by one', () => {
    expect(weekdayText([1, 2, 3, 4, 5, 6], 'en')).toBe('Mon–Sat')
    expect(weekdayText([0], 'en')).toBe('Sunday')
    expect(weekdayText([5, 0], 'en')).toBe('Fri, Sun')
  })

  it('is read back as it was made', () => {
    const day = fc.integer({ min: 0, max: 6 })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), day, (hour, minute, weekday) => {
        const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
        expect(cronWords(cronAt(time, '*'))).toEqual({ key: 'daily', time })
        expect(cronWords(cronAt(time, String(weekday)))).toEqual({ key: 'weekly', time, days: [weekday] })
      }),
      { seed: 20_261_130 },
    )
  })
})

describe('the address of a place', () => {
  const text = fc.string({ minLength: 1, maxLength: 12 }).filter((one) => one.isWellFormed())
  const part = text.filter((one) => !/[/\\]/.test(one) && one !== '.' && one !== '..' && one.trim() !== '')

  it('goes to fields and back unchanged, whatever stands in them, and the core can read it', async () => {
    const s3 = fc.record({
      kind: fc.constant('s3' as const),
      host: fc.domain(),
      bucket: part.filter((one) => one !== '~'),
      prefix: part,
      region: fc.constantFrom('', 'eu-central-1'),
      user: text,
      password: text,
      tls: fc.boolean(),
    })
    const sftp = fc.record({
      kind: fc.constant('sftp' as const),
      host: fc.domain(),
      folder: part.map((one) => `/${one}`),
      user: text,
      password: text,
      hostKey: fc.constantFrom('', 'SHA256:abc+/9'),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(s3, sftp), async (given) => {
        const fields = { ...emptyTarget, ...given }
        const address = targetAddress(fields)
        expect(readTargetAddress(address)).toEqual(fields)
        await (await openTarget(address)).close()
      }),
      { seed: 20_261_130, numRuns: 200 },
    )
  })

  it('sends a saved password back as it was shown', () => {
    const shown = 's3://KEY:***@host:9000/bucket/a/b?tls=0'
    expect(targetAddress(readTargetAddress(shown))).toBe(shown)
    expect(readTargetAddress('/mnt/backups')).toMatchObject({ kind: 'folder', folder: '/mnt/backups' })
  })

  it('says what is missing, and finds the host key that a failed test names', () => {
    expect(missingTargetFields({ ...emptyTarget, kind: 'sftp', host: 'h' }, false)).toEqual([
      'user',
      'password',
      'folder',
    ])
    expect(missingTargetFields({ ...emptyTarget, kind: 'sftp', host: 'h', user: 'u', folder: '/' }, true)).toEqual([])
    expect(hostKeyIn('the host key of box is not known yet: SHA256:ab+/cd. If it is')).toBe('SHA256:ab+/cd')
    expect(hostKeyIn('box showed the host key SHA256:new instead of SHA256:old: it may be')).toBe('SHA256:new')
    expect(hostKeyIn('connect ECONNREFUSED')).toBeNull()
  })
})

describe('thirty days', () => {
  const now = Date.UTC(2026, 10, 30, 12) * 1000
  const run = (days: number, ok: boolean, missed: number | null = null): BackupRun => ({
    at: now - days * 86_400e6,
    schedule: 'full',
    kind: 'full',
    target: 'local',
    ok,
    name: null,
    error: ok ? null : 'bucket refused',
    seconds: 1,
    missed: missed === null ? null : now - missed * 86_400e6,
  })

  it('show what became of each, the last run of a day deciding', () => {
    const item = { createdAt: now - 5 * 86_400e6, problem: null } as BackupItem
    const runs = [run(0, true), run(2, true, 3), { ...run(4, false), at: now - 4 * 86_400e6 + 1e6 }, run(4, true)]
    const days = dayStrip([item], runs, now, 'UTC')
    expect(days).toHaveLength(30)
    const states = Object.fromEntries(days.map(({ day, state }) => [day, state]))
    expect(states).toMatchObject({
      '2026-11-30': 'good',
      '2026-11-29': 'none',
      '2026-11-28': 'good',
      '2026-11-27': 'missed',
      '2026-11-26': 'failed',
      '2026-11-25': 'good',
    })
    expect(days.find(({ state }) => state === 'failed')?.error).toBe('bucket refused')
  })
})

it('a plan becomes one row a signal and a table, what changes first', () => {
  const plan = {
    days: [
      { signal: 'traces', day: '2026-11-29', rows: 5, now: 9 },
      { signal: 'traces', day: '2026-11-30', rows: 0, now: 3 },
      { signal: 'logs', day: '2026-11-30', rows: 2, now: 0 },
    ],
    removed: { traces: 12, logs: 0, metrics: 0 },
    config: [
      { table: 'board', added: 0, changed: 0, removed: 0 },
      { table: 'setting', added: 1, changed: 2, removed: 3 },
    ],
  } as unknown as RestorePlan
  expect(planRows(plan)).toMatchObject([
    { what: 'setting', signal: false, adds: 1, replaces: 2, removes: 3 },
    { what: 'board', adds: 0, replaces: 0, removes: 0 },
    { what: 'traces', signal: true, adds: 5, removes: 12, from: '2026-11-29', to: '2026-11-29' },
    { what: 'logs', adds: 2, removes: 0, from: '2026-11-30' },
  ])
})

describe('a recovery sheet', () => {
  it('carries what is needed, as text', () => {
    const text = sheetText({ title: 'Sheet', lines: [['Password', 'x y']], steps: ['first', 'second'] })
    expect(text).toBe('Sheet\n=====\n\nPassword: x y\n\n1. first\n2. second\n')
  })

  it('keys go through base64 unchanged, made passwords are good and all different', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256)
    expect(fromBase64(toBase64(bytes))).toEqual(bytes)
    const made = Array.from({ length: 20 }, newPassword)
    expect(new Set(made).size).toBe(20)
    expect(made.map(passwordStrength)).toEqual(made.map(() => 2))
    expect(['', 'aaaaaaaaaaaaaaaaaaaa', 'short1!'].map(passwordStrength)).toEqual([0, 0, 0])
  })
})
