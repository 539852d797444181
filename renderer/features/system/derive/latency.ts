import type { ServiceHealth, ServiceRow } from '../../../../core/model/answers.ts'
import { type ChartMark, type ChartSeries, withGaps } from '../../../ui/chart/series.ts'

type Points = [time: number, value: number][]

/** The lines of the latency chart: one hue, told apart by their dashes. */
export function latencyLines(health: ServiceHealth, before: ServiceHealth | null): ChartSeries[] {
  const { lines, step } = health
  const line = (name: 'P50' | 'P95' | 'P99', points: Points, dash: ChartSeries['dash']): ChartSeries => ({
    id: name,
    name,
    colour: '--accent',
    dash,
    ...withGaps(points, step * 2),
  })
  const ghosts = before ? [ghost('P99', shifted(before.lines.p99, health, before), step * 2)] : []
  return [
    ...ghosts,
    line('P50', lines.p50, 'solid'),
    line('P95', lines.p95, 'dashed'),
    line('P99', lines.p99, 'dotted'),
  ]
}

export function errorLines(health: ServiceHealth, before: ServiceHealth | null, name: string): ChartSeries[] {
  const spacing = health.step * 2
  return [
    ...(before ? [ghost('errors', shifted(before.lines.errors, health, before), spacing)] : []),
    { id: 'errors', name, colour: '--err-fill', area: true, hatch: true, ...withGaps(health.lines.errors, spacing) },
  ]
}

function ghost(name: string, points: Points, spacing: number): ChartSeries {
  return { id: `ghost ${name}`, name, colour: '--text-3', ghost: true, ...withGaps(points, spacing) }
}

/** Points of the period before, moved onto the one that is shown. */
function shifted(points: Points, shown: { start: number }, before: { start: number }): Points {
  const by = shown.start - before.start
  return points.map(([time, value]) => [time + by, value])
}

export function deployMarks(health: ServiceHealth, say: (service: string, version: string) => string): ChartMark[] {
  return health.marks.map(({ time, service, version }) => ({ time, label: say(service, version) }))
}

/** How bad a change is: from half as slow again it is worth a look, from threefold it is bad. */
export function changeLevel(row: Pick<ServiceRow, 'change' | 'p99'>): 'bad' | 'warn' | 'fine' {
  const { change, p99 } = row
  if (change === null || p99 === null || p99 < LEAST_US) return 'fine'
  return change >= 4 ? 'bad' : change >= 2 ? 'warn' : 'fine'
}
/** What is faster than this is never a trouble, whatever it was before. */
const LEAST_US = 20_000
