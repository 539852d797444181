import type { NodeTrend } from '../../../../core/model/answers.ts'
import { type ChartSeries, withGaps } from '../../../ui/chart/series.ts'
import { errorShare } from './view.ts'

/** A node called now and then still has a line: parts without a call are drawn over up to so many. */
const BRIDGED = 4

export interface TrendLines {
  requests: ChartSeries
  errors: ChartSeries
  p95: ChartSeries
}

/** Lines of calls a second, of the share of errors, and of P95 in µs. Without calls there is neither share nor P95. */
export function trendLines({ step, buckets }: NodeTrend, names: Record<keyof TrendLines, string>): TrendLines {
  const middle = (time: number): number => Math.round(time + step / 2)
  const called = buckets.filter(({ calls }) => calls > 0)
  const bridged = (points: [time: number, value: number | null][]) => withGaps(points, step * BRIDGED)
  return {
    requests: {
      ...{ id: 'requests', name: names.requests, colour: '--accent', area: true },
      times: buckets.map(({ time }) => middle(time)),
      values: buckets.map(({ calls }) => calls / (step / 1e6)),
    },
    errors: {
      ...{ id: 'errors', name: names.errors, colour: '--err-fill', area: true, hatch: true },
      ...bridged(called.map((bucket) => [middle(bucket.time), errorShare(bucket)])),
    },
    p95: {
      ...{ id: 'p95', name: names.p95, colour: '--accent', area: true },
      ...bridged(called.map(({ time, p95 }) => [middle(time), p95])),
    },
  }
}
