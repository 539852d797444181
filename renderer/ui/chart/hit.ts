import { type Plot, reachOf, xOf, yOf } from './scale.ts'
import { type ChartExemplar, type ChartHit, type ChartSeries, pointNear } from './series.ts'

/** A dot is hit within so many px. */
const DOT_REACH = 9

/** µs between the points of the series with most of them. */
function stepOf(series: readonly ChartSeries[]): number {
  let step = 0
  for (const { times } of series)
    if (times.length > 1) step = Math.max(step, (times[times.length - 1] - times[0]) / (times.length - 1))
  return step
}

/** The points of all lines at the pointer's time, in the order of the series. */
export function pointsAt(series: readonly ChartSeries[], plot: Plot, time: number): ChartHit[] {
  const reach = reachOf(plot, stepOf(series))
  return series.filter((one) => !one.ghost).flatMap((one) => pointNear(one, time, reach) ?? [])
}

/** Of the points at a time the one that lies nearest to the pointer's height. */
export function nearestByHeight(points: readonly ChartHit[], plot: Plot, y: number): ChartHit | null {
  let found: ChartHit | null = null
  let least = Number.POSITIVE_INFINITY
  for (const point of points) {
    const distance = Math.abs(yOf(plot, point.value) - y)
    if (distance >= least) continue
    least = distance
    found = point
  }
  return found
}

export function exemplarAt(
  exemplars: readonly ChartExemplar[],
  plot: Plot,
  x: number,
  y: number,
): ChartExemplar | null {
  let found: ChartExemplar | null = null
  let least = DOT_REACH
  for (const one of exemplars) {
    const distance = Math.hypot(xOf(plot, one.time) - x, yOf(plot, one.value) - y)
    if (distance > least) continue
    least = distance
    found = one
  }
  return found
}
