import { describe, expect, it } from 'vitest'
import type { ServiceHealth, ServiceRow, SystemMetrics, SystemSeries } from '../../../core/model/answers.ts'
import { attention, shownAttention } from '../../../renderer/features/system/derive/attention.ts'
import { type Card, toCards, withBefore } from '../../../renderer/features/system/derive/cards.ts'
import { doorAt, doorOf, doorQuery, nearestBucket } from '../../../renderer/features/system/derive/door.ts'
import { changeLevel, errorLines, latencyLines } from '../../../renderer/features/system/derive/latency.ts'
import { restartMarks } from '../../../renderer/features/system/derive/marks.ts'
import { durationTicks } from '../../../renderer/features/system/format-value.ts'

const STEP = 10e6
const points = (values: number[]): [number, number][] => values.map((value, i) => [i * STEP, value])
const series = (group: string, host: string, name: string, values: number[]): SystemSeries => ({
  group,
  host,
  name,
  unit: '',
  points: points(values),
})
const metrics = (list: SystemSeries[]): SystemMetrics => ({
  start: 0,
  end: 100e6,
  step: STEP,
  downsampled: false,
  hosts: [],
  series: list,
})
const cardOf = (cards: readonly Card[], key: Card['key']): Card => {
  const found = cards.find((one) => one.key === key)
  if (!found) throw new Error(`there is no card ${key}`)
  return found
}
const row = (more: Partial<ServiceRow>): ServiceRow => ({
  service: 'cart',
  rate: 1,
  errors: 0,
  p50: 1e3,
  p95: 1e5,
  p99: 2e5,
  usualP99: 1e5,
  change: 2,
  peak: null,
  trend: [],
  ...more,
})
const health = (more: Partial<ServiceHealth>): ServiceHealth => ({
  start: 0,
  end: 100e6,
  step: STEP,
  trendStep: STEP,
  services: [],
  lines: { p50: [], p95: [], p99: [], errors: [], rate: [] },
  exemplars: [],
  marks: [],
  ...more,
})

describe('cards', () => {
  it('show one host by its parts', () => {
    const cards = toCards(
      metrics([
        series('cpuUsage', 'a', 'cpuUsage', [0.1, 0.2, 0.6]),
        series('memory', 'a', 'used', [4, 5]),
        series('memory', 'a', 'free', [9, 9]),
        series('memoryLimit', 'a', 'memoryLimit', [16, 16]),
        series('network', 'a', 'receive', [1, 2]),
        series('network', 'a', 'transmit', [3, 4]),
        series('filesystem', 'a', '/', [0.5, 0.6]),
        series('filesystem', 'a', '/data', [0.9, 0.95]),
        series('filesystemSize', 'a', '/data', [100, 100]),
      ]),
    )
    expect(cardOf(cards, 'cpu')).toMatchObject({ value: 0.6, atLeast: 1, name: '' })
    expect(cardOf(cards, 'cpu').change).toBeCloseTo(1)
    expect(cardOf(cards, 'memory')).toMatchObject({ value: 5, of: 16, atLeast: 16 })
    expect(cardOf(cards, 'network').lines.map(({ name }) => name)).toEqual(['receive', 'transmit'])
    // The fullest file system is the one that matters.
    expect(cardOf(cards, 'disk')).toMatchObject({ value: 0.95, of: 100, name: '/data' })
    expect(cardOf(cards, 'queue')).toMatchObject({ value: null, lines: [] })
  })

  it('show several hosts as lines of their own, and name the highest', () => {
    const cards = toCards(
      metrics([series('cpuUsage', 'a', 'cpuUsage', [0.1]), series('cpuUsage', 'b', 'cpuUsage', [0.7])]),
    )
    expect(cardOf(cards, 'cpu')).toMatchObject({ value: 0.7, name: 'b' })
    expect(cardOf(cards, 'cpu').lines.map(({ name, area }) => [name, area])).toEqual([
      ['a', false],
      ['b', false],
    ])
    expect(new Set(cardOf(cards, 'cpu').lines.map(({ colour }) => colour)).size).toBe(2)
  })

  it('show jobs where any ran', () => {
    const keys = (values: number[]) => toCards(metrics([series('jobs', 'a', 'jobs', values)])).map(({ key }) => key)
    expect(keys([0, 0])).not.toContain('jobs')
    expect(keys([0, 1, 0])).toContain('jobs')
  })

  it('show what apps tell of their runtimes by service, and have no place for it where none does', () => {
    const host = series('cpuUsage', 'a', 'cpuUsage', [0.1, 0.2])
    expect(toCards(metrics([host])).map(({ key }) => key)).not.toContain('appHeap')
    const cards = toCards(
      metrics([
        host,
        series('appHeap', '', 'shop/cart', [5, 6]),
        series('appHeap', '', 'pay', [9, 8]),
        series('appEventLoop', '', 'pay', [0.01, 0.02]),
      ]),
    )
    expect(cardOf(cards, 'appHeap')).toMatchObject({ value: 8, name: 'pay' })
    expect(cardOf(cards, 'appHeap').lines.map(({ name }) => name)).toEqual(['shop/cart', 'pay'])
    // One colour a service, on each of the cards; the host's card has still one host.
    const pay = cardOf(cards, 'appHeap').lines[1].colour
    expect(cardOf(cards, 'appEventLoop').lines[0].colour).toBe(pay)
    expect(cardOf(cards, 'cpu').lines[0].area).toBe(true)
    expect(cards.map(({ key }) => key)).not.toContain('appGc')
  })

  it('carry the period before as ghosts, moved onto the one shown', () => {
    const list = [series('cpuUsage', 'a', 'cpuUsage', [0.1, 0.2])]
    const [cpu] = withBefore(toCards(metrics(list)), toCards(metrics(list)), { start: 100e6 }, { start: 0 })
    expect(cpu.lines.map(({ ghost, times }) => [ghost ?? false, times[0]])).toEqual([
      [true, 100e6],
      [false, 0],
    ])
    expect(withBefore(toCards(metrics(list)), null, { start: 0 }, null)[0].lines).toHaveLength(1)
  })
})

describe('services', () => {
  it('have one hue for latency and a hatch for errors', () => {
    const found = health({ lines: { ...health({}).lines, p99: points([5, 6]), errors: points([0, 0.5]) } })
    const lines = latencyLines(found, null)
    expect(lines.map(({ name, dash }) => [name, dash])).toEqual([
      ['P50', 'solid'],
      ['P95', 'dashed'],
      ['P99', 'dotted'],
    ])
    expect(new Set(lines.map(({ colour }) => colour)).size).toBe(1)
    expect(latencyLines(found, found)[0]).toMatchObject({ ghost: true })
    expect(errorLines(found, null, 'Errors')).toMatchObject([{ hatch: true, colour: '--err-fill', values: [0, 0.5] }])
  })

  it.each([
    [{ change: 6.9, p99: 1.87e6 }, 'bad'],
    [{ change: 2.5, p99: 1e6 }, 'warn'],
    [{ change: 1.1, p99: 9e6 }, 'fine'],
    [{ change: 50, p99: 900 }, 'fine'],
    [{ change: null, p99: 9e6 }, 'fine'],
  ] as const)('%j is %s', (one, level) => {
    expect(changeLevel(one)).toBe(level)
  })

  it('need a look when they changed, with the deploy before their peak', () => {
    const slow = row({ change: 7, p99: 1.8e6, peak: { time: 50e6, value: 2e6 } })
    const found = health({
      services: [slow, row({ service: 'mail', change: 1, errors: 0.02 }), row({ service: 'ok', change: 1 })],
      marks: [
        { kind: 'deploy', time: 40e6, service: 'cart', version: '2.14.0' },
        { kind: 'deploy', time: 90e6, service: 'late', version: '1' },
      ],
    })
    expect(attention([], found, [{ name: 'db-1', online: false, lastSeen: 5 }])).toMatchObject([
      { kind: 'latency', row: { service: 'cart' }, deploy: { service: 'cart', version: '2.14.0' } },
      { kind: 'errors', row: { service: 'mail' } },
      { kind: 'offline', host: 'db-1' },
    ])
    expect(
      attention([], health({ services: [row({ change: 1 })] }), [{ name: 'a', online: true, lastSeen: 1 }]),
    ).toEqual([])
    expect(shownAttention(attention([], found, []))).toHaveLength(2)
  })

  it('say when a disk will be full, if it fills', () => {
    const filling = toCards(metrics([series('filesystem', 'a', '/', [0.9, 0.92])]))
    expect(attention(filling, null, [])).toMatchObject([{ kind: 'disk', share: 0.92 }])
    const [disk] = attention(filling, null, [])
    expect(disk.kind === 'disk' && disk.fullIn).toBeCloseTo(40e6)
    const steady = toCards(metrics([series('filesystem', 'a', '/', [0.95, 0.95])]))
    expect(attention(steady, null, [])).toMatchObject([{ kind: 'disk', fullIn: null }])
  })
})

describe('the door behind a point', () => {
  it('is a minute to both sides, as slow as the line or a second, and says what the line is', () => {
    expect(doorOf('latency', 120e6, 1_234_567, 'cart')).toEqual({
      start: 60e6,
      end: 180e6,
      minDuration: '1234ms',
      service: 'cart',
    })
    expect(doorOf('latency', 120e6, 812.7, null).minDuration).toBe('812us')
    expect(doorOf('errors', 120e6, 0.5, null)).toMatchObject({ minDuration: '1s', status: 'error' })
    expect(doorOf('other', 120e6, 99, null)).toEqual({ start: 60e6, end: 180e6, minDuration: '1s' })
    expect(doorQuery(doorOf('other', 120e6, 99, null))).toEqual({
      start: '60000000',
      end: '180000000',
      minDuration: '1s',
    })
  })
})

it('offers the nearest moment with traces where a point has none', () => {
  const buckets = [0, 5, 0, 0, 1].map((n, i) => ({ time: i * 100, counts: { ok: n, error: 0 } }))
  expect(nearestBucket(buckets, 100, 260)).toBe(150)
  expect(nearestBucket(buckets, 100, 400)).toBe(450)
  expect(nearestBucket([{ time: 0, counts: { ok: 0 } }], 100, 0)).toBeNull()
  expect(doorAt(doorOf('errors', 120e6, 0, 'cart'), 500e6)).toEqual({
    start: 440e6,
    end: 560e6,
    minDuration: '1s',
    status: 'error',
    service: 'cart',
  })
})

it('marks restarts and the beginning of drops', () => {
  const marks = restartMarks(
    metrics([series('uptime', 'a', 'uptime', [100, 110, 5, 15]), series('drops', 'a', 'drops', [0, 3, 4, 0, 2])]),
    (host) => `${host} restarted`,
    'drops',
  )
  expect(marks.map(({ time, label }) => [time, label])).toEqual([
    [10e6, 'drops'],
    [20e6, 'a restarted'],
    [40e6, 'drops'],
  ])
})

it('writes an axis of durations in one unit', () => {
  expect([0.5e6, 2.5e6].map(durationTicks(2.5e6))).toEqual(['0.5 s', '2.5 s'])
  expect([50e3, 1000e3].map(durationTicks(1e6))).toEqual(['50 ms', '1000 ms'])
  expect(durationTicks(900)(500)).toBe('500 µs')
})
