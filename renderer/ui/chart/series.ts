/** What a chart draws. Times are whole µs, ascending; a null value is a gap and is drawn as one. */
export interface ChartSeries {
  /** Stays the same from update to update. */
  id: string
  name: string
  /** Name of a colour token: `--accent`, `--svc-3`. */
  colour: string
  times: readonly number[]
  values: readonly (number | null)[]
  dash?: 'solid' | 'dashed' | 'dotted'
  /** Filled down to zero. */
  area?: boolean
  /** The fill is hatched, so that colour is not alone. Only with `area`. */
  hatch?: boolean
  /** A line of comparison behind the others: it is neither hit nor counted. */
  ghost?: boolean
  /** Drawn pale, because another line is pointed at. */
  faint?: boolean
  /** What the points measure, where `values` is where they lie (piled up, on a log scale); same length. */
  told?: readonly (number | null)[]
}

/** A single observation with a trace of its own, drawn as a dot. */
export interface ChartExemplar {
  /** µs */
  time: number
  value: number
  traceId: string
  spanId?: string
}

/** Something that happened at a moment, drawn as a vertical line with its label. */
export interface ChartMark {
  /** µs */
  time: number
  label: string
  /** Name of a colour token; `--info` when left out. */
  colour?: string
}

/** A point of a line that the pointer or the keyboard stands on. */
export interface ChartHit {
  series: ChartSeries
  index: number
  /** µs */
  time: number
  /** Where it lies on the axis. */
  value: number
  /** What it measures: the same unless the series says otherwise. */
  told: number
}

/** One and a half steps without a point are a gap. */
const GAP_STEPS = 1.5

/** Points as columns, with a null in the middle of every gap. @param step µs between points */
export function withGaps(
  points: readonly (readonly [time: number, value: number | null])[],
  step: number,
): Pick<ChartSeries, 'times' | 'values'> {
  const times: number[] = []
  const values: (number | null)[] = []
  for (const [time, value] of points) {
    const before = times[times.length - 1]
    if (before !== undefined && time - before > step * GAP_STEPS) {
      times.push((before + time) / 2)
      values.push(null)
    }
    times.push(time)
    values.push(value !== null && Number.isFinite(value) ? value : null)
  }
  return { times, values }
}

/** The place of the time nearest to `time`; -1 when there is none. */
export function nearestIndex(times: readonly number[], time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle] < time) low = middle + 1
    else high = middle
  }
  if (low === 0) return times.length > 0 ? 0 : -1
  if (low === times.length) return low - 1
  return times[low] - time < time - times[low - 1] ? low : low - 1
}

/** The point of the series nearest to a time that is no gap and at most `reach` µs away. */
export function pointNear(series: ChartSeries, time: number, reach: number): ChartHit | null {
  const at = nearestIndex(series.times, time)
  if (at < 0) return null
  for (const index of [at, at - 1, at + 1]) {
    const value = series.values[index]
    if (value == null || Math.abs(series.times[index] - time) > reach) continue
    return { series, index, time: series.times[index], value, told: series.told?.[index] ?? value }
  }
  return null
}

/** At most `most` series: those with the highest peaks, in their own order, and the sum of the rest as one. */
export function limitSeries(series: readonly ChartSeries[], most: number, otherName: string): readonly ChartSeries[] {
  if (series.length <= most) return series
  const peak = (one: ChartSeries): number => one.values.reduce<number>((top, v) => Math.max(top, v ?? 0), 0)
  const ranked = [...series].sort((a, b) => peak(b) - peak(a))
  const kept = new Set(ranked.slice(0, most - 1))
  const sums = new Map<number, number>()
  for (const one of series) {
    if (kept.has(one)) continue
    one.times.forEach((time, i) => {
      const value = one.values[i]
      if (value !== null) sums.set(time, (sums.get(time) ?? 0) + value)
    })
  }
  const times = [...sums.keys()].sort((a, b) => a - b)
  const other: ChartSeries = {
    id: 'other',
    name: otherName,
    colour: '--text-3',
    times,
    values: times.map((time) => sums.get(time) ?? null),
    dash: 'dotted',
  }
  return [...series.filter((one) => kept.has(one)), other]
}

export interface Extremes {
  last: { time: number; value: number }
  least: { time: number; value: number }
  most: { time: number; value: number }
}

/** Last, lowest and highest point; null when there is none. */
export function extremes(series: Pick<ChartSeries, 'times' | 'values'>): Extremes | null {
  let found: Extremes | null = null
  series.values.forEach((value, i) => {
    if (value === null) return
    const point = { time: series.times[i], value }
    found ??= { last: point, least: point, most: point }
    found.last = point
    if (value < found.least.value) found.least = point
    if (value > found.most.value) found.most = point
  })
  return found
}
