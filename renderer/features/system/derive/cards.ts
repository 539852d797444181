import type { SystemMetrics, SystemSeries } from '../../../../core/model/answers.ts'
import type { Base } from '../../../ui/chart/scale.ts'
import { type ChartSeries, extremes, withGaps } from '../../../ui/chart/series.ts'

export const CARDS = ['cpu', 'memory', 'disk', 'diskIo', 'network', 'eventLoop', 'heap', 'queue'] as const
export type CardKey = (typeof CARDS)[number]
/** How a card's numbers are written: a share of 1, bytes, bytes or things a second, seconds, things. */
export type CardUnit = 'share' | 'bytes' | 'bytesRate' | 'seconds' | 'count' | 'rate'

export interface Card {
  key: CardKey
  unit: CardUnit
  base: Base
  /** The axis reaches at least so far. */
  atLeast: number
  lines: ChartSeries[]
  /** The figure in the head: the last value of the line that matters most; null without any. */
  value: number | null
  /** How far the figure lies above (positive) or below the mean of its own line, as a share; null when unknown. */
  change: number | null
  /** Whole of which the figure is a part (memory, disk), bytes. */
  of: number | null
  /** The host or mount point that the figure is of, where there are several. */
  name: string
}

type Points = [time: number, value: number][]

/** Slots of service colours stand for hosts too, where there are several. */
const hostColour = (index: number, hosts: number): string => (hosts <= 1 ? '--accent' : `--svc-${(index % 12) + 1}`)

/** The cards of the System screen. With one host its parts are lines, with several each host is a line. */
export function toCards(metrics: SystemMetrics): Card[] {
  const hosts = [...new Set(metrics.series.map(({ host }) => host))].sort()
  const one = hosts.length <= 1
  const of = (group: string, host: string | null = null): SystemSeries[] =>
    metrics.series.filter((series) => series.group === group && (host === null || series.host === host))
  const line = (
    id: string,
    name: string,
    colour: string,
    points: Points,
    look: Partial<ChartSeries> = {},
  ): ChartSeries => ({
    id,
    name,
    colour,
    ...withGaps(points, metrics.step),
    ...look,
  })
  const perHost = (make: (host: string) => Points, look: Partial<ChartSeries> = { area: one }): ChartSeries[] =>
    hosts
      .map((host, i) => line(host, host, hostColour(i, hosts.length), make(host), look))
      .filter(({ times }) => times.length > 0)
  /** One host: two lines by a label; several: their sum by host. */
  const pair = (group: string, wanted: readonly (readonly [match: string, name: string])[]): ChartSeries[] =>
    one
      ? wanted
          .map(([match, name], i) =>
            line(
              name,
              name,
              i === 0 ? '--accent' : '--text-3',
              summed(of(group).filter((s) => s.name.split(' ').includes(match))),
              {
                area: i === 0,
              },
            ),
          )
          .filter(({ times }) => times.length > 0)
      : perHost((host) => summed(of(group, host)))
  const cpu = perHost((host) => share(of('cpu', host), (name) => name !== 'idle' && name !== 'iowait'))
  const memory = perHost((host) => summed(of('memory', host).filter(({ name }) => name === 'used')))
  const disks = diskLines(metrics, hosts)
  return [
    card('cpu', 'share', 'decimal', cpu, { atLeast: 1 }),
    card('memory', 'bytes', 'binary', memory, {
      of: lastOf(of('memoryLimit')),
      atLeast: lastOf(of('memoryLimit')) ?? 0,
    }),
    disks,
    card(
      'diskIo',
      'bytesRate',
      'binary',
      pair('disk', [
        ['read', 'read'],
        ['write', 'write'],
      ]),
    ),
    card(
      'network',
      'bytesRate',
      'binary',
      pair('network', [
        ['receive', 'in'],
        ['transmit', 'out'],
      ]),
    ),
    card(
      'eventLoop',
      'seconds',
      'decimal',
      perHost((host) => summed(of('eventLoop', host).filter(({ name }) => name === '0.99'))),
    ),
    card(
      'heap',
      'bytes',
      'binary',
      perHost((host) => summed(of('heap', host).filter(({ name }) => name === 'used'))),
    ),
    card(
      'queue',
      'count',
      'decimal',
      perHost((host) => summed(of('queue', host))),
      { atLeast: 10 },
    ),
  ]
}

function card(
  key: CardKey,
  unit: CardUnit,
  base: Base,
  lines: ChartSeries[],
  more: Partial<Pick<Card, 'of' | 'atLeast'>> = {},
): Card {
  let lead: ChartSeries | null = null
  let value: number | null = null
  for (const one of lines) {
    const last = extremes(one)?.last.value
    if (last === undefined || (value !== null && last <= value)) continue
    lead = one
    value = last
  }
  return {
    key,
    unit,
    base,
    lines,
    value,
    change: lead && value !== null ? changeOf(lead, value) : null,
    atLeast: more.atLeast ?? 0,
    of: lines.length === 1 ? (more.of ?? null) : null,
    name: lines.length > 1 && lead ? lead.name : '',
  }
}

/** The fullest file system of each host, as a share of its size. */
function diskLines(metrics: SystemMetrics, hosts: readonly string[]): Card {
  const found: { line: ChartSeries; full: number; size: number; name: string }[] = []
  hosts.forEach((host, i) => {
    const own = metrics.series.filter((series) => series.group === 'filesystem' && series.host === host)
    let fullest: (typeof found)[number] | null = null
    for (const mount of new Set(own.map(({ name }) => name.slice(0, name.lastIndexOf(' '))))) {
      const parts = own.filter(({ name }) => name.startsWith(`${mount} `))
      const points = share(parts, (name) => name === `${mount} used`)
      const full = points[points.length - 1]?.[1] ?? 0
      if (points.length === 0 || (fullest && fullest.full >= full)) continue
      const name = hosts.length > 1 ? `${host} ${mount}` : mount
      const line = {
        id: host || mount,
        name,
        colour: hostColour(i, hosts.length),
        ...withGaps(points, metrics.step),
        area: hosts.length <= 1,
      }
      fullest = {
        line,
        full,
        size: parts.reduce((sum, { points: own }) => sum + (own[own.length - 1]?.[1] ?? 0), 0),
        name,
      }
    }
    if (fullest) found.push(fullest)
  })
  const made = card(
    'disk',
    'share',
    'decimal',
    found.map(({ line }) => line),
    { atLeast: 1 },
  )
  const lead = found.reduce<(typeof found)[number] | null>(
    (best, one) => (best && best.full >= one.full ? best : one),
    null,
  )
  return { ...made, of: lead?.size ?? null, name: lead?.name ?? '' }
}

/** Values of several series added up by time. */
export function summed(series: readonly SystemSeries[]): Points {
  if (series.length === 1) return series[0].points
  const sums = new Map<number, number>()
  for (const { points } of series) for (const [time, value] of points) sums.set(time, (sums.get(time) ?? 0) + value)
  return [...sums].sort(([a], [b]) => a - b)
}

/** What the wanted series are of all of them, by time. */
function share(series: readonly SystemSeries[], wanted: (name: string) => boolean): Points {
  const whole = new Map(summed(series))
  return summed(series.filter(({ name }) => wanted(name))).flatMap(([time, value]): Points => {
    const all = whole.get(time) ?? 0
    return all > 0 ? [[time, value / all]] : []
  })
}

function lastOf(series: readonly SystemSeries[]): number | null {
  let most: number | null = null
  for (const { points } of series) {
    const last = points[points.length - 1]?.[1]
    if (last !== undefined) most = Math.max(most ?? 0, last)
  }
  return most
}

function changeOf({ values }: ChartSeries, value: number): number | null {
  let sum = 0
  let count = 0
  for (const one of values) {
    if (one === null) continue
    sum += one
    count++
  }
  const mean = sum / count
  return count > 2 && mean > 0 ? value / mean - 1 : null
}
