import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainOf, type ListedArchive, listArchives, removable } from '../../../core/backup/keep-plan.ts'
import { isDue, nextRun } from '../../../core/backup/schedule.ts'
import { archiveName } from '../../../core/backup/targets/archive-name.ts'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'

const DAY = 86_400e6
const T0 = Date.UTC(2026, 0, 4, 2) * 1000
const id = (number: number): string => number.toString(16).padStart(32, '0')

function archive(number: number, at: number, kind: ListedArchive['kind'], base: number | null = null) {
  const name = archiveName({
    createdAt: at,
    kind,
    archive: id(number).split('').reverse().join(''),
    base: base === null ? null : { archive: id(base).split('').reverse().join('') },
  })
  return { name, bytes: 1, modifiedAt: at }
}

const keep = { full: 4, incremental: 14, config: 100 }

describe('what is kept', () => {
  it('never loses a base that is needed, nor the newest and the newest proven of a kind', () => {
    const steps = fc.array(
      fc.record({ kind: fc.constantFrom('full', 'incremental', 'config'), proven: fc.boolean() }),
      { maxLength: 60 },
    )
    const counts = fc.record({ full: fc.nat(5), incremental: fc.nat(8), config: fc.nat(5) })
    fc.assert(
      fc.property(steps, counts, (made, kept) => {
        let files: ReturnType<typeof archive>[] = []
        let last: number | null = null
        const verified = new Set<string>()
        made.forEach(({ kind, proven }, i) => {
          const own = kind === 'incremental' && last === null ? 'full' : (kind as 'full' | 'incremental' | 'config')
          const one = archive(i + 1, T0 + i * DAY, own, own === 'incremental' ? last : null)
          if (own !== 'config') last = i + 1
          files.push(one)
          if (proven) verified.add(one.name)
          const before = listArchives(files)
          const gone = new Set(removable(before, kept, verified))
          files = files.filter((file) => !gone.has(file.name))
          const after = listArchives(files)
          // Whatever is left restores.
          for (const left of after) expect(chainOf(left, after).missing).toBeNull()
          for (const of of ['full', 'incremental', 'config'] as const) {
            const newest = before.find((file) => file.kind === of)
            const newestProven = before.find((file) => file.kind === of && verified.has(file.name))
            for (const must of [newest, newestProven]) if (must) expect(gone.has(must.name)).toBe(false)
          }
        })
      }),
      { seed: 20_261_130, numRuns: 300 },
    )
  })

  it('leaves parts alone: somebody asked for them', () => {
    const files = Array.from({ length: 9 }, (_, i) => archive(i + 1, T0 + i * DAY, i % 3 === 0 ? 'full' : 'part'))
    const gone = removable(listArchives(files), { full: 1, incremental: 1, config: 1 }, new Set())
    expect(gone.sort()).toEqual([files[0].name, files[3].name].sort())
  })

  it('keeps the exact set on each of 365 days', () => {
    let files: ReturnType<typeof archive>[] = []
    let last = 0
    for (let day = 0; day < 365; day++) {
      const full = day % 7 === 0
      files.push(archive(day + 1, T0 + day * DAY, full ? 'full' : 'incremental', full ? null : last))
      last = day + 1
      const gone = new Set(removable(listArchives(files), keep, new Set()))
      files = files.filter((file) => !gone.has(file.name))
      const left = listArchives(files)
      const fulls = Math.floor(day / 7) + 1
      expect(left.filter(({ kind }) => kind === 'full').length, `day ${day}`).toBe(Math.min(4, fulls))
      // The newest 14, and those between the oldest of them and its full one.
      const incrementals = left.filter(({ kind }) => kind === 'incremental').length
      const made = day + 1 - fulls
      expect(incrementals, `day ${day}`).toBeGreaterThanOrEqual(Math.min(14, made))
      expect(incrementals, `day ${day}`).toBeLessThanOrEqual(Math.min(19, made))
    }
  })

  it('tells a chain that is broken or bites its tail', () => {
    const broken = listArchives([archive(3, T0, 'incremental', 2)])
    expect(chainOf(broken[0], broken).missing).toBe(id(2).split('').reverse().join('').slice(0, 12))
    const round = listArchives([archive(3, T0, 'incremental', 2), archive(2, T0 - DAY, 'incremental', 3)])
    expect(chainOf(round[0], round).missing).not.toBeNull()
  })
})

describe('when', () => {
  const berlin = { id: 'a', cron: '30 2 * * *', zone: 'Europe/Berlin' }

  it('runs once in the night of each change of summer time', () => {
    const runs = (from: number, to: number): string[] => {
      const found: string[] = []
      let last = from
      // Looked at every half minute, as the host does.
      for (let now = from; now < to; now += 30e6) {
        if (!isDue(berlin, last, now)) continue
        found.push(new Date(now / 1000).toISOString().slice(0, 16))
        last = now
      }
      return found
    }
    expect(runs(Date.UTC(2026, 2, 28, 12) * 1000, Date.UTC(2026, 2, 30, 12) * 1000).length).toBe(2)
    expect(runs(Date.UTC(2026, 9, 24, 12) * 1000, Date.UTC(2026, 9, 26, 12) * 1000).length).toBe(2)
  })

  it('catches up what was missed, once however much it was', () => {
    const last = Date.UTC(2026, 5, 1, 12) * 1000
    expect(isDue(berlin, last, last + 10 * DAY)).toBe(true)
    expect(isDue(berlin, last + 10 * DAY, last + 10 * DAY + 30e6)).toBe(false)
    // A clock that was set back undoes nothing.
    expect(isDue(berlin, last, last - 30 * DAY)).toBe(false)
  })

  it('says what it cannot read', () => {
    const saved = (cron: string, zone: string) =>
      applySettings(defaultSettings, { 'backup.schedules': [{ id: 'nightly', kind: 'full', cron, zone }] })
    for (const cron of ['x', '61 * * * *', '* * * *', '0 2 30 2 *x'])
      expect(() => saved(cron, ''), cron).toThrow(/backup.schedules.0.cron/)
    expect(() => saved('0 2 * * *', 'Mars/Base')).toThrow(/backup.schedules/)
    expect(() => saved('0 2 * * *', 'Asia/Tokyo')).not.toThrow()
    expect(nextRun({ id: 'x', cron: '0 0 30 2 *', zone: 'UTC' }, T0)).toBeNull()
  })
})
