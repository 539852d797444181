import type { SystemMetrics, SystemSeries } from '../../../../core/model/answers.ts'
import type { Base } from '../../../ui/chart/scale.ts'
import { type ChartSeries, extremes, withGaps } from '../../../ui/chart/series.ts'

export type CardKey =
  | 'cpu'
  | 'memory'
  | 'disk'
  | 'network'
  | 'eventLoop'
  | 'diskIo'
  | 'heap'
  | 'queue'
  | 'drops'
  | 'load'
  | 'jobs'
  | 'appEventLoop'
  | 'appHeap'
  | 'appGc'
/** How a card's numbers are written: a share of 1, bytes, bytes or things a second, seconds, things. */
export type CardUnit = 'share' | 'bytes' | 'bytesRate' | 'seconds' | 'count' | 'rate' | 'number'

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

/** Points further apart than so much of the range are a gap: the core sends up to 1,200 points. */
const GAP_SHARE = 1 / 300

/** The cards of the System screen. With one host its parts are lines, with several each host is a line. */
export function toCards(metrics: SystemMetrics): Card[] {
  // Lines of apps are of services, not of a host.
  const hosts = [...new Set(metrics.series.map(({ host }) => host))].filter((host) => host !== '').sort()
  const one = hosts.length <= 1
  const spacing = Math.max(metrics.step, (metrics.end - metrics.start) * GAP_SHARE)
  const colours = new Map(hosts.map((host, i) => [host, one ? '--accent' : `--svc-${(i % 12) + 1}`]))
  const of = (group: string, name?: string): SystemSeries[] =>
    metrics.series.filter((series) => series.group === group && (name === undefined || series.name === name))
  const line = (series: SystemSeries, name: string, look: Partial<ChartSeries> = {}): ChartSeries => ({
    id: one ? name : series.host,
    name: one ? name : series.host,
    colour: colours.get(series.host) ?? '--accent',
    area: one,
    ...withGaps(series.points, spacing),
    ...look,
  })
  const lines = (found: readonly SystemSeries[], name: string): ChartSeries[] =>
    found.map((series) => line(series, name))
  /** Two directions of one host; of several the core sends their sum. */
  const pair = (group: string, first: string, second: string): ChartSeries[] =>
    one
      ? [
          ...of(group, first).map((series) => line(series, first)),
          ...of(group, second).map((series) => line(series, second, { colour: '--text-3', area: false })),
        ]
      : lines(of(group), group)
  const limit = lastOf(of('memoryLimit'))
  return [
    card('cpu', 'share', 'decimal', lines(of('cpuUsage'), 'CPU'), { atLeast: 1 }),
    card('memory', 'bytes', 'binary', lines(of('memory', 'used'), 'used'), { of: limit, atLeast: limit ?? 0 }),
    diskCard(of('filesystem'), of('filesystemSize'), line, one),
    card('network', 'bytesRate', 'binary', pair('network', 'receive', 'transmit'), { atLeast: 1024 }),
    card('eventLoop', 'seconds', 'decimal', lines(of('eventLoop', '0.99'), 'P99')),
    card('diskIo', 'bytesRate', 'binary', pair('disk', 'read', 'write'), { atLeast: 1024 }),
    card('heap', 'bytes', 'binary', lines(of('heap', 'used'), 'used')),
    card('queue', 'count', 'decimal', lines(of('queue'), 'waiting'), { atLeast: 10 }),
    card('drops', 'rate', 'decimal', lines(of('drops'), 'dropped'), { atLeast: 1 }),
    card('load', 'number', 'decimal', lines(of('load'), '1 m'), { atLeast: 1 }),
    ...jobsCard(lines(of('jobs'), 'running')),
    ...appCards(metrics),
  ]
}

/** Long work of Glassbox; there is no card for a range in which none ran. */
function jobsCard(lines: ChartSeries[]): Card[] {
  const ran = lines.some(({ values }) => values.some((value) => value !== null && value > 0))
  return ran ? [card('jobs', 'count', 'decimal', lines, { atLeast: 2 })] : []
}

/** What apps tell of their runtimes, a line a service; there is no card where none tells. */
function appCards({ series, step, start, end }: SystemMetrics): Card[] {
  const spacing = Math.max(step, (end - start) * GAP_SHARE)
  const services = [...new Set(series.flatMap(({ host, name }) => (host === '' ? [name] : [])))].sort()
  const lines = (group: string): ChartSeries[] =>
    series
      .filter((one) => one.group === group)
      .map(({ name, points }) => ({
        id: name,
        name,
        colour: `--svc-${(services.indexOf(name) % 12) + 1}`,
        area: false,
        ...withGaps(points, spacing),
      }))
  return [
    card('appEventLoop', 'seconds', 'decimal', lines('appEventLoop')),
    card('appHeap', 'bytes', 'binary', lines('appHeap')),
    card('appGc', 'share', 'decimal', lines('appGc')),
  ].filter((one) => one.lines.length > 0)
}

/** The fullest file system of each host, as a share of its size. */
function diskCard(
  shares: readonly SystemSeries[],
  sizes: readonly SystemSeries[],
  line: (series: SystemSeries, name: string) => ChartSeries,
  one: boolean,
): Card {
  const last = ({ points }: SystemSeries): number => points[points.length - 1]?.[1] ?? 0
  const fullest = new Map<string, SystemSeries>()
  for (const series of shares) {
    const known = fullest.get(series.host)
    if (!known || last(series) > last(known)) fullest.set(series.host, series)
  }
  const made = card(
    'disk',
    'share',
    'decimal',
    [...fullest.values()].map((series) => line(series, series.name)),
    { atLeast: 1 },
  )
  const lead = [...fullest.values()].sort((a, b) => last(b) - last(a))[0]
  const size = lead && sizes.find(({ host, name }) => host === lead.host && name === lead.name)
  return { ...made, of: size ? last(size) : null, name: lead ? (one ? lead.name : `${lead.host} ${lead.name}`) : '' }
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

/** The cards with the lines of the period before as ghosts behind their own. */
export function withBefore(
  cards: readonly Card[],
  before: readonly Card[] | null,
  shown: { start: number },
  previous: { start: number } | null,
): Card[] {
  const by = previous ? shown.start - previous.start : 0
  return cards.map((card) => {
    const old = before?.find(({ key }) => key === card.key)
    if (!old) return card
    const ghosts = old.lines.map((line) => ({
      ...line,
      id: `ghost ${line.id}`,
      colour: '--text-3',
      area: false,
      ghost: true,
      times: line.times.map((time) => time + by),
    }))
    return { ...card, lines: [...ghosts, ...card.lines] }
  })
}
