import { SampleKind } from '../../../model/series.ts'
import type { MatrixSeries } from '../answer.ts'
import { type FloatHistogram, toModel } from '../histogram/float-histogram.ts'
import type { Expr, MatrixSelector } from '../syntax/ast.ts'
import type { Evaluator } from './evaluator.ts'
import { firstAt, interpolate } from './extended-rate.ts'
import { withoutMetadata } from './labels.ts'
import { evaluationError } from './query-run.ts'
import { type SampleSeries, splitSeries } from './series.ts'

/** A range vector as the answer itself: `x[5m]` or a subquery, at the evaluator's only step. */
export function rangeVector(evaluator: Evaluator, expr: Expr): MatrixSeries[] {
  switch (expr.kind) {
    case 'paren':
    case 'invariant':
      return rangeVector(evaluator, expr.expr)
    case 'subquery':
      return evaluator.subquery(expr).map((series) => {
        const drops = series.dropName && evaluator.run.delayedNames
        return { ...slice(series, 0, series.times.length), ...(drops && { labels: withoutMetadata(series.labels) }) }
      })
    case 'matrix':
      return ofSelector(evaluator, expr)
    default:
      throw evaluationError('unexpected range vector')
  }
}

function ofSelector(evaluator: Evaluator, node: MatrixSelector): MatrixSeries[] {
  const { selector } = node
  const { lookbackMs } = evaluator.run.settings
  const end = evaluator.steps.start - selector.offset
  const start = end - node.range
  const extended = selector.anchored || selector.smoothed
  const loaded = evaluator.run.loaded.get(selector) ?? []
  return loaded.flatMap((series) => {
    if (extended) return extendedRange(series, start, end, selector.smoothed, lookbackMs)
    const from = firstAt(series.times, 0, series.times.length, start, true)
    const to = firstAt(series.times, from, series.times.length, end, true)
    const part = slice(series, from, to)
    return part.times.length > 0 ? [part] : []
  })
}

/** Samples [from, to) without stale markers. */
function slice(series: SampleSeries, from: number, to: number): MatrixSeries {
  const indexes: number[] = []
  for (let i = from; i < to; i++) if (series.kinds?.[i] !== SampleKind.stale) indexes.push(i)
  const histograms = series.histograms as (FloatHistogram | null)[] | null
  return {
    labels: series.labels,
    times: Float64Array.from(indexes, (i) => series.times[i]),
    values: Float64Array.from(indexes, (i) => series.values[i]),
    histograms:
      histograms &&
      indexes.map((i) => {
        const histogram = histograms[i]
        return histogram ? toModel(histogram) : null
      }),
  }
}

/** `x[r] anchored` and `x[r] smoothed`: with a value at either bound. */
function extendedRange(
  series: SampleSeries,
  start: number,
  end: number,
  smoothed: boolean,
  lookbackMs: number,
): MatrixSeries[] {
  const { floatTimes: all, floats, histogramTimes } = splitSeries(series)
  const lastMs = smoothed ? end + lookbackMs : end
  const inside = (times: Float64Array): [from: number, to: number] => {
    const from = firstAt(times, 0, times.length, start - lookbackMs, true)
    return [from, firstAt(times, from, times.length, lastMs, true)]
  }
  const [fromHistogram, toHistogram] = inside(histogramTimes)
  if (toHistogram > fromHistogram)
    throw evaluationError(`${smoothed ? 'smoothed' : 'anchored'} modifier is not supported with histograms`)
  const [from, to] = inside(all)
  if (to === from) return []
  let first = Math.max(from, firstAt(all, from, to - 1, start, true) - 1)
  let last = smoothed ? firstAt(all, from, to - 1, end, false) : to - 1
  if (all[last] <= start) return []
  const left =
    smoothed && all[first] < start
      ? interpolate(all[first], floats[first], all[first + 1], floats[first + 1], start, false)
      : floats[first]
  const right =
    smoothed && last > from && all[last] > end
      ? interpolate(all[last - 1], floats[last - 1], all[last], floats[last], end, false)
      : floats[last]
  if (all[first] <= start) first++
  if (all[last] >= end) last--
  const middle = Math.max(0, last - first + 1)
  const times = new Float64Array(middle + 2)
  const values = new Float64Array(middle + 2)
  times[0] = start
  values[0] = left
  times.set(all.subarray(first, first + middle), 1)
  values.set(floats.subarray(first, first + middle), 1)
  times[middle + 1] = end
  values[middle + 1] = right
  return [{ labels: series.labels, times, values, histograms: null }]
}
