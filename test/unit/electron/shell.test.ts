import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LiveMessage } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import { emptyLedger } from '../../../core/pipeline/ledger.ts'
import { droppedOf, healthOf } from '../../../electron/health.ts'
import { menuTemplate } from '../../../electron/menu.ts'
import { noticeOfHealth, noticeOfJob } from '../../../electron/notices.ts'
import { openingsOf, parseLink } from '../../../electron/opening.ts'
import { textsFor } from '../../../electron/texts.ts'
import { boundsFor, readWindowState, writeWindowState } from '../../../electron/window-state.ts'

const en = textsFor('en-GB')
const traceId = '0af7651916cd43dd8448eb211c80319c'

describe('what the system asks to open', () => {
  it('takes a link to a trace and nothing else', () => {
    expect(parseLink(`glassbox://trace/${traceId.toUpperCase()}`)).toEqual({ kind: 'page', path: `/traces/${traceId}` })
    for (const link of [
      'glassbox://trace/123',
      `glassbox://trace/${traceId}/../../settings`,
      `glassbox://settings/${traceId}`,
      `https://trace/${traceId}`,
      'glassbox:',
      'javascript:alert(1)',
      '',
    ])
      expect([link, parseLink(link)]).toEqual([link, null])
  })

  it('takes telemetry files and archives of a command line, wherever it was given', () => {
    const files = ['shop.otlp.jsonl', '/abs/shop.otlp.pb.gz', 'full.glassbox', 'lines.jsonl', 'notes.txt', 'a.json']
    const args = ['.', '--data-dir', '/d', ...files, '--shop.otlp.json']
    expect(openingsOf([...args, `glassbox://trace/${traceId}`], '/home/me')).toEqual([
      { kind: 'file', file: '/home/me/shop.otlp.jsonl' },
      { kind: 'file', file: '/abs/shop.otlp.pb.gz' },
      { kind: 'file', file: '/home/me/full.glassbox' },
      { kind: 'file', file: '/home/me/lines.jsonl' },
      { kind: 'page', path: `/traces/${traceId}` },
    ])
  })
})

describe('window', () => {
  const display = { x: 0, y: 0, width: 1920, height: 1080 }
  const state = { x: 200, y: 100, width: 1200, height: 700, maximized: false, zoom: 1.2 }

  it('opens where it was, within what is there now', () => {
    expect(boundsFor(state, [display])).toEqual({ x: 200, y: 100, width: 1200, height: 700 })
    expect(boundsFor({ ...state, x: 4000 }, [display])).toEqual({ width: 1200, height: 700 })
    expect(boundsFor({ ...state, width: 5000, height: 20 }, [display])).toMatchObject({ width: 1920, height: 600 })
    expect(boundsFor(null, [{ x: 0, y: 0, width: 1280, height: 720 }])).toEqual({ width: 1280, height: 720 })
  })

  it('forgets a place that cannot be read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'glassbox-window-'))
    const file = join(folder, 'window.json')
    expect(readWindowState(file)).toBe(null)
    writeWindowState(file, state)
    expect(readWindowState(file)).toEqual(state)
    for (const text of ['', '{', '{"x":"left"}', JSON.stringify({ ...state, zoom: 900 })]) {
      writeFileSync(file, text)
      expect(readWindowState(file)).toBe(null)
    }
    rmSync(folder, { recursive: true })
  })
})

describe('menu', () => {
  const actions = { send: () => undefined, importFile: () => undefined, openFolder: () => undefined }
  const labels = (platform: string) => menuTemplate(platform, en, actions).map(({ label, role }) => label ?? role)

  it('has the application first on macOS, and Settings and Quit under File elsewhere', () => {
    expect(labels('darwin')[0]).toBe('appMenu')
    expect(labels('linux')[0]).toBe('File')
    const file = menuTemplate('win32', en, actions)[0].submenu as { label?: string }[]
    expect(file.map(({ label }) => label)).toEqual(expect.arrayContaining([en.settings, en.quit]))
  })

  it('gives no accelerator twice', () => {
    for (const platform of ['linux', 'darwin']) {
      const keys = menuTemplate(platform, en, actions).flatMap(({ submenu }) =>
        ((submenu ?? []) as { accelerator?: string }[]).flatMap(({ accelerator }) => accelerator ?? []),
      )
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  it('speaks every word in both languages', () => {
    const zh = textsFor('zh-CN')
    expect(Object.keys(zh)).toEqual(Object.keys(en))
    expect(Object.values(zh).filter((word) => word === '')).toEqual([])
  })
})

type Status = Extract<LiveMessage, { type: 'status' }>['data']

function status(mode: string, dropped = 0, breaker = 'closed'): Status {
  const ledger = emptyLedger()
  ledger.traces.dropped = { queue_full: dropped, paused: 5 }
  return { storage: { mode }, pipeline: { ...ledger, glassbox: { breaker } } } as unknown as Status
}

describe('health', () => {
  it('shows the worst thing', () => {
    expect(healthOf(status('normal'), false, null)).toEqual({ level: 'ok', reason: 'healthy' })
    expect(healthOf(status('normal'), true, 0)).toEqual({ level: 'paused', reason: 'paused' })
    expect(healthOf(status('away'), true, 0).reason).toBe('away')
    expect(healthOf(status('disk-full'), false, 0)).toEqual({ level: 'error', reason: 'diskFull' })
    expect(healthOf(status('normal', 0, 'open'), false, 0).reason).toBe('readOnly')
  })

  it('warns of drops since the last look, not of what was paused', () => {
    expect(healthOf(status('normal', 3), false, null).level).toBe('ok')
    expect(healthOf(status('normal', 3), false, 2).level).toBe('warn')
    expect(droppedOf(status('normal', 3))).toBe(3)
  })

  it('is told once when it turns bad', () => {
    const away = { level: 'error', reason: 'away' } as const
    expect(noticeOfHealth(null, away, en)?.body).toBe(en.away)
    expect(noticeOfHealth(away, away, en)).toBe(null)
    expect(noticeOfHealth(away, { level: 'ok', reason: 'healthy' }, en)).toBe(null)
  })
})

it('tells of jobs that ended while they were watched', () => {
  const job = (state: string, message?: string, schedule: string | null = null) =>
    ({ id: 'j1', state, kind: 'backup', input: { schedule }, error: message ? { message } : null }) as unknown as Job
  expect(noticeOfJob('running', job('done'), en)).toMatchObject({ title: 'Done: Backup', path: '/jobs/j1' })
  expect(noticeOfJob('running', job('done'), textsFor('zh-CN'))?.title).toBe('完成: 备份')
  // Every four hours one would be told of what went as it should.
  expect(noticeOfJob('running', job('done', undefined, 'config'), en)).toBe(null)
  expect(noticeOfJob('running', job('failed', 'full', 'config'), en)?.body).toBe('full')
  expect(noticeOfJob('running', job('failed', 'the target is full'), en)?.body).toBe('the target is full')
  expect(noticeOfJob(undefined, job('done'), en)).toBe(null)
  expect(noticeOfJob('running', job('cancelled'), en)).toBe(null)
})
