import { describe, expect, it } from 'vitest'
import { inputTime } from '../../../renderer/ui/format-time.ts'
import { parseRange, relativeLength } from '../../../renderer/ui/parse-range.ts'

const NOW = Date.UTC(2026, 10, 25, 6, 2, 31) * 1000
const ZONE = 'Asia/Shanghai'
const read = (text: string, zone = ZONE): string => {
  const parsed = parseRange(text, zone, NOW)
  if (!parsed) return 'unreadable'
  return parsed.kind === 'relative' ? parsed.range : `${inputTime(parsed.start, zone)} / ${inputTime(parsed.end, zone)}`
}

describe('time ranges as people write them', () => {
  it.each([
    ['15m', '15m'],
    ['last 2 hours', '2h'],
    ['past 90 minutes', '90m'],
    ['now-3d', '3d'],
    ['最近 30 分钟', '30m'],
    ['yesterday', '2026-11-24 00:00:00 / 2026-11-25 00:00:00'],
    ['昨天', '2026-11-24 00:00:00 / 2026-11-25 00:00:00'],
    ['today', '2026-11-25 00:00:00 / 2026-11-25 14:02:31'],
    ['2026-11-20', '2026-11-20 00:00:00 / 2026-11-21 00:00:00'],
    ['14:00-14:30', '2026-11-25 14:00:00 / 2026-11-25 14:30:00'],
    ['23:30 to 00:15', '2026-11-25 23:30:00 / 2026-11-26 00:15:00'],
    ['2026-11-24 10:00 to 11:00', '2026-11-24 10:00:00 / 2026-11-24 11:00:00'],
    ['2026-11-24 10:00 – 2026-11-24 12:30', '2026-11-24 10:00:00 / 2026-11-24 12:30:00'],
    ['13:00 to now', '2026-11-25 13:00:00 / 2026-11-25 14:02:31'],
    ['1764050551', '2025-11-25 14:01:31 / 2025-11-25 14:03:31'],
    ['1764050551482', '2025-11-25 14:01:31 / 2025-11-25 14:03:31'],
    ['2026-11-25T06:02:31.482Z', '2026-11-25 14:01:31 / 2026-11-25 14:03:31'],
    ['2026-11-25 14:02:31,482 ERROR pool exhausted', '2026-11-25 14:01:31 / 2026-11-25 14:03:31'],
    ['soon', 'unreadable'],
    ['14:30-14:00x', 'unreadable'],
    ['9999999d', 'unreadable'],
    ['', 'unreadable'],
  ])('%s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it('knows that a day may have 23 or 25 hours', () => {
    const hours = (date: string): number => {
      const parsed = parseRange(date, 'Europe/Berlin', NOW)
      return parsed?.kind === 'absolute' ? (parsed.end - parsed.start) / 3600e6 : 0
    }
    expect([hours('2026-03-29'), hours('2026-10-25'), hours('2026-11-20')]).toEqual([23, 25, 24])
  })

  it('measures relative ranges', () => {
    expect([relativeLength('90m'), relativeLength('7d'), relativeLength('0h'), relativeLength('1y')]).toEqual([
      5400e6,
      604_800e6,
      null,
      null,
    ])
  })
})
