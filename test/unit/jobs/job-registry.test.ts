import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { GlassboxError } from '../../../core/base/errors.ts'
import { ConfigStore } from '../../../core/config/config-store.ts'
import { defaultSettings } from '../../../core/config/settings.ts'
import type { JobKind, RunningJob } from '../../../core/jobs/job-kind.ts'
import { stopReason } from '../../../core/jobs/job-kind.ts'
import { JobRegistry } from '../../../core/jobs/job-registry.ts'
import { ProgressMeter } from '../../../core/jobs/progress-meter.ts'

let dataDir: string
let open: ConfigStore[] = []
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-jobs-'))
})
afterEach(async () => {
  for (const store of open) await store.close()
  open = []
  rmSync(dataDir, { recursive: true, force: true })
})

const log = { info: () => undefined, error: () => undefined }

/** A registry on the real glassbox.db of the folder, as one start of a host makes it. */
function registry(...kinds: JobKind<never, never>[]): JobRegistry {
  const store = new ConfigStore(dataDir, defaultSettings, {})
  open.push(store)
  const made = new JobRegistry(store, systemClock, log)
  for (const kind of kinds) made.register(kind)
  return made
}

/** A kind whose work is the function given. */
function kind(run: (job: RunningJob<unknown, number>) => Promise<unknown>, more: object = {}): JobKind<never, never> {
  return { kind: 'test', exclusive: null, resumable: false, run, ...more } as unknown as JobKind<never, never>
}

/** Ends when it is told to. */
const untilStopped = (job: RunningJob<unknown, number>): Promise<never> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(job.signal.reason)
    if (job.signal.aborted) stop()
    else job.signal.addEventListener('abort', stop)
  })

describe('a job', () => {
  it('runs, logs, tells its progress and keeps its result over a restart', async () => {
    const work = kind(async (job) => {
      job.log('half way')
      job.progress({ phase: 'copy', done: 5, total: 10, unit: 'rows' })
      return { copied: 10 }
    })
    const jobs = registry(work)
    const { id, state } = await jobs.start('test', { what: 'all' })
    expect(state).toBe('running')
    const ended = await jobs.ended(id)
    expect(ended).toMatchObject({
      state: 'done',
      input: { what: 'all' },
      result: { copied: 10 },
      progress: { phase: 'copy', done: 5, total: 10 },
      runs: 1,
    })
    expect(ended.log.map(({ text }) => text)).toEqual(['half way'])
    await jobs.stop()
    expect(registry(work).get(id)).toEqual(ended)
  })

  it('that fails says why, with the hint of its error', async () => {
    const jobs = registry(
      kind(async () => {
        throw new GlassboxError('postgres_login', 'refused')
      }),
    )
    const { id } = await jobs.start('test', null)
    expect(await jobs.ended(id)).toMatchObject({
      state: 'failed',
      error: { code: 'postgres_login', message: 'refused', hint: expect.stringContaining('password') },
    })
  })

  it('is cancelled once it has put back what it did; a failure in that is told', async () => {
    let cleared = false
    const jobs = registry(
      kind(async (job) => {
        await untilStopped(job).catch(() => undefined)
        cleared = stopReason(job.signal) === 'cancelled'
        throw job.input === 'breaks' ? new GlassboxError('storage_unavailable', 'still there') : job.signal.reason
      }),
    )
    const { id } = await jobs.start('test', null)
    expect((await jobs.cancel(id)).state).toBe('cancelling')
    expect(await jobs.ended(id)).toMatchObject({ state: 'cancelled', error: null })
    expect(cleared).toBe(true)
    expect((await jobs.cancel(id)).state).toBe('cancelled')
    const broken = await jobs.start('test', 'breaks')
    await jobs.cancel(broken.id)
    expect(await jobs.ended(broken.id)).toMatchObject({ state: 'cancelled', error: { message: 'still there' } })
  })

  it('past the point of no return refuses a cancel', async () => {
    let go: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    const jobs = registry(
      kind(async (job) => {
        expect(job.holdCancel()).toBe(true)
        await held
      }),
    )
    const { id } = await jobs.start('test', null)
    await expect(jobs.cancel(id)).rejects.toMatchObject({ code: 'job_not_cancellable' })
    go()
    expect((await jobs.ended(id)).state).toBe('done')
  })

  it('excludes others of its word, and only eight run at once', async () => {
    const jobs = registry(
      kind(untilStopped, { kind: 'move', exclusive: 'storage' }),
      kind(untilStopped, { kind: 'restore', exclusive: 'storage' }),
      kind(untilStopped, { kind: 'free' }),
    )
    await jobs.start('move', null)
    await expect(jobs.start('restore', null)).rejects.toMatchObject({ code: 'job_running' })
    for (let i = 0; i < 7; i++) await jobs.start('free', null)
    await expect(jobs.start('free', null)).rejects.toMatchObject({ code: 'overloaded' })
    await jobs.stop()
  })

  it('keeps a bounded log and counts what it let go', async () => {
    const jobs = registry(
      kind(async (job) => {
        for (let i = 0; i < 600; i++) job.log(`line ${i}`)
      }),
    )
    const { id } = await jobs.start('test', null)
    const { log: lines, logDropped } = await jobs.ended(id)
    expect(lines).toHaveLength(500)
    expect([lines[0].text, logDropped]).toEqual(['line 100', 100])
    expect(jobs.list()[0].log.map(({ text }) => text)).toEqual(['line 597', 'line 598', 'line 599'])
  })
})

describe('after the host ended', () => {
  it('a kind that can goes on from its checkpoint, with its secret, which lies sealed on disk', async () => {
    const seen: unknown[] = []
    let saved: () => void = () => undefined
    const reached = new Promise<void>((resolve) => {
      saved = resolve
    })
    const work = kind(
      async (job) => {
        seen.push([job.checkpoint, job.secret])
        if (job.checkpoint !== null) return 'went on'
        await job.save(41)
        saved()
        return untilStopped(job)
      },
      { resumable: true },
    )
    const first = registry(work)
    const { id } = await first.start('test', null, 'postgres://u:hunter2@h/d')
    await reached
    await first.stop()
    await open[0].close()
    expect(first.get(id).state).toBe('interrupted')
    const disk = ['glassbox.db', 'glassbox.db-wal'].map((name) => {
      try {
        return readFileSync(join(dataDir, name), 'latin1')
      } catch {
        return ''
      }
    })
    expect(disk.join('')).toContain(id)
    expect(disk.join('')).not.toContain('hunter2')
    open = []

    const second = registry(work)
    expect(second.get(id).state).toBe('interrupted')
    await second.resume()
    expect(await second.ended(id)).toMatchObject({ state: 'done', result: 'went on', runs: 2 })
    expect(seen).toEqual([
      [null, 'postgres://u:hunter2@h/d'],
      [41, 'postgres://u:hunter2@h/d'],
    ])
  })

  it('one that was clearing up runs again with its signal aborted; one that cannot go on is shown as interrupted', async () => {
    let kept: () => void = () => undefined
    const reached = new Promise<void>((resolve) => {
      kept = resolve
    })
    const clearing = kind(
      async (job) => {
        await untilStopped(job).catch(() => undefined)
        if (job.checkpoint === null) {
          await job.save(1)
          kept()
          return new Promise<never>(() => undefined)
        }
        expect(stopReason(job.signal)).toBe('cancelled')
        throw job.signal.reason
      },
      { resumable: true },
    )
    const lost = kind(untilStopped, { kind: 'lost' })
    const first = registry(clearing, lost)
    const cancelled = await first.start('test', null)
    const interrupted = await first.start('lost', null)
    await first.cancel(cancelled.id)
    await reached

    // The first host is gone without a word; its file is as it left it.
    const second = registry(clearing, lost)
    await second.resume()
    expect((await second.ended(cancelled.id)).state).toBe('cancelled')
    expect(second.get(interrupted.id)).toMatchObject({ state: 'interrupted', endedAt: expect.any(Number) })
    const third = registry(clearing, lost)
    await third.resume()
    expect(third.get(interrupted.id)).toEqual(second.get(interrupted.id))
  })
})

it('tells rate and time left from the last ten seconds of the phase', () => {
  const meter = new ProgressMeter()
  const at = (done: number, phase = 'copy') => ({ phase, done, total: 1000, unit: 'rows' as const })
  meter.add(at(0), 0)
  expect(meter.read(at(0))).toEqual({ rate: null, eta: null })
  for (let second = 1; second <= 30; second++) meter.add(at(second * 10), second * 1000)
  expect(meter.read(at(300))).toEqual({ rate: 10, eta: 70e6 })
  meter.add(at(0, 'verify'), 31_000)
  expect(meter.read(at(0, 'verify'))).toEqual({ rate: null, eta: null })
})
