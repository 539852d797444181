import { describe, expect, it } from 'vitest'
import { bytes, count, duration, parseDuration, percent } from '../../../renderer/ui/format.ts'
import {
  inputTime,
  listTime,
  parseTime,
  timeOfDay,
  timeOfDayExact,
  zoneLabel,
} from '../../../renderer/ui/format-time.ts'

describe('durations', () => {
  it.each([
    [0, '0 µs'],
    [812, '812 µs'],
    [999.6, '1.00 ms'],
    [2100, '2.10 ms'],
    [83_400, '83.4 ms'],
    [106_000, '106 ms'],
    [999_600, '1.00 s'],
    [2_310_000, '2.31 s'],
    [59_940_000, '59.9 s'],
    [59_960_000, '1 m 00 s'],
    [247_000_000, '4 m 07 s'],
    [4_320_000_000, '1 h 12 m'],
    [3_599_600_000, '1 h 00 m'],
    [273_600_000_000, '3 d 4 h'],
    [-83_400, '-83.4 ms'],
    [null, '–'],
  ])('%s µs reads %s', (us, text) => {
    expect(duration(us)).toBe(text)
  })

  it.each([
    ['250ms', 250_000],
    ['1.5 s', 1_500_000],
    ['2m', 120_000_000],
    ['900us', 900],
    ['soon', null],
  ])('%s is read as %s', (text, us) => {
    expect(parseDuration(text)).toBe(us)
  })
})

describe('counts, bytes, shares', () => {
  it.each([
    [0, '0'],
    [1204, '1,204'],
    [9999, '9,999'],
    [12_345, '12.3 k'],
    [999_960, '1 M'],
    [4_100_000, '4.1 M'],
  ])('%s counts as %s', (n, text) => {
    expect(count(n)).toBe(text)
  })

  it.each([
    [512, '512 B'],
    [86_016, '84 KiB'],
    [412 * 1024 * 1024, '412 MiB'],
    [1024 ** 3, '1 GiB'],
  ])('%s bytes read %s', (n, text) => {
    expect(bytes(n)).toBe(text)
  })

  it('never rounds a share to a lie', () => {
    expect(percent(0)).toBe('0 %')
    expect(percent(0.00001)).toBe('< 0.01 %')
    expect(percent(0.0012)).toBe('0.12 %')
    expect(percent(0.83)).toBe('83 %')
    expect(percent(0.99999)).toBe('99.9 %')
    expect(percent(1)).toBe('100 %')
  })
})

describe('times', () => {
  const at = Date.UTC(2026, 10, 25, 6, 2, 31, 482) * 1000 + 105
  it('shows the zone it says', () => {
    expect(timeOfDay(at, 'Asia/Shanghai')).toBe('14:02:31.482')
    expect(timeOfDayExact(at, 'UTC')).toBe('06:02:31.482105')
    expect(zoneLabel(at, 'Asia/Shanghai')).toBe('UTC+8')
    expect(zoneLabel(at, 'Asia/Kolkata')).toBe('UTC+5:30')
    expect(zoneLabel(at, 'UTC')).toBe('UTC')
  })

  it('names the day only when it is another', () => {
    expect(listTime(at, 'UTC', 'en', at + 1e6)).toBe('06:02:31.482')
    expect(listTime(at - 86400e6, 'UTC', 'en', at)).toBe('Nov 24 06:02:31.482')
    expect(listTime(at - 86400e6, 'UTC', 'zh-CN', at)).toBe('11月24日 06:02:31.482')
  })

  it('reads what it writes, and what people paste', () => {
    const whole = Math.floor(at / 1e6) * 1e6
    expect(parseTime(inputTime(whole, 'America/New_York'), 'America/New_York', at)).toBe(whole)
    expect(parseTime('14:02', 'Asia/Shanghai', at)).toBe(Date.UTC(2026, 10, 25, 6, 2) * 1000)
    expect(parseTime('2026-11-25T06:02:31.482Z', 'Asia/Shanghai', at)).toBe(at - 105)
    expect(parseTime('1795586551', 'UTC', at)).toBe(1795586551e6)
    expect(parseTime('1795586551482', 'UTC', at)).toBe(1795586551482e3)
    expect(parseTime('1795586551482105', 'UTC', at)).toBe(1795586551482105)
    expect(parseTime('whenever', 'UTC', at)).toBeNull()
  })

  it('reads both sides of a change of the clocks', () => {
    const before = Date.UTC(2026, 2, 29, 0, 30) * 1000
    const after = Date.UTC(2026, 2, 29, 1, 30) * 1000
    expect(parseTime('2026-03-29 01:30', 'Europe/Berlin', before)).toBe(before)
    expect(parseTime('2026-03-29 03:30', 'Europe/Berlin', before)).toBe(after)
  })
})
