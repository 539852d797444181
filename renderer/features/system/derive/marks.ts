import type { SystemMetrics } from '../../../../core/model/answers.ts'
import type { ChartMark } from '../../../ui/chart/series.ts'

/** More marks than this would hide the lines; the newest are kept. */
const MOST_MARKS = 12

/** When a host started anew (its uptime fell) and when Glassbox began to drop what it was sent. */
export function restartMarks(
  metrics: SystemMetrics,
  restarted: (host: string) => string,
  dropped: string,
): ChartMark[] {
  const marks: ChartMark[] = []
  for (const { group, host, points } of metrics.series) {
    if (group !== 'uptime' && group !== 'drops') continue
    points.forEach(([time, value], i) => {
      const before = points[i - 1]?.[1]
      if (group === 'uptime' && before !== undefined && value < before) marks.push({ time, label: restarted(host) })
      if (group === 'drops' && value > 0 && (before ?? 0) === 0)
        marks.push({ time, label: dropped, colour: '--warn-fill' })
    })
  }
  return marks.sort((a, b) => a.time - b.time).slice(-MOST_MARKS)
}
