import { type ResultSeries, readNumber } from './matrix.ts'

/** Counts by time and value, for a heat map. */
export interface HeatCells {
  /** µs, start of the first column. */
  start: number
  stepUs: number
  columns: number
  /** Ascending, one more than there are rows. */
  edges: number[]
  /** Column by column, `edges.length - 1` counts each. */
  counts: number[]
}

/** Rows of a heat map at most; native histograms have more buckets, which are then put together. */
const MOST_ROWS = 48

/** Whether the result can be drawn as a heat map. */
export function isHistogram(series: readonly ResultSeries[]): boolean {
  return series.some(({ labels, histograms }) => histograms.length > 0 || labels['le'] !== undefined)
}

/**
 * A heat map of classic buckets (series by `le`, cumulative) or native histograms. Several histograms are added up.
 * Null when the result holds neither.
 */
export function heatCells(
  series: readonly ResultSeries[],
  range: { start: number; end: number; step: number },
): HeatCells | null {
  const stepUs = range.step * 1e6
  const start = Math.ceil(range.start / stepUs) * stepUs
  const columns = Math.max(1, Math.floor((range.end - start) / stepUs) + 1)
  const frame = { start, stepUs, columns }
  const classic = series.filter(({ labels }) => labels['le'] !== undefined)
  if (classic.length > 0) return classicCells(classic, frame)
  return series.some(({ histograms }) => histograms.length > 0) ? nativeCells(series, frame) : null
}

type Frame = Pick<HeatCells, 'start' | 'stepUs' | 'columns'>

const columnOf = (time: number, { start, stepUs }: Frame): number => Math.round((time - start) / stepUs)

function classicCells(series: readonly ResultSeries[], frame: Frame): HeatCells | null {
  const bounds = [...new Set(series.map(({ labels }) => readNumber(labels['le'] ?? '')))].sort((a, b) => a - b)
  const rows = bounds.length
  if (rows === 0) return null
  const totals = new Float64Array(frame.columns * rows)
  for (const { labels, times, values } of series) {
    const row = bounds.indexOf(readNumber(labels['le'] ?? ''))
    times.forEach((time, i) => {
      const column = columnOf(time, frame)
      if (column >= 0 && column < frame.columns && Number.isFinite(values[i])) totals[column * rows + row] += values[i]
    })
  }
  const counts = new Array<number>(frame.columns * rows).fill(0)
  for (let column = 0; column < frame.columns; column++)
    for (let row = 0; row < rows; row++) {
      const below = row === 0 ? 0 : totals[column * rows + row - 1]
      counts[column * rows + row] = Math.max(0, totals[column * rows + row] - below)
    }
  return { ...frame, edges: [lowEdge(bounds), ...bounds.map((bound) => highEdge(bound, bounds))], counts }
}

/** The first bucket begins at zero unless its bound lies below. */
const lowEdge = (bounds: readonly number[]): number => (bounds[0] <= 0 ? bounds[0] * 2 : 0)

/** What lies above the last bound is drawn as one row more, half as high again. */
function highEdge(bound: number, bounds: readonly number[]): number {
  if (Number.isFinite(bound)) return bound
  return (bounds.at(-2) ?? 1) * 1.5
}

function nativeCells(series: readonly ResultSeries[], frame: Frame): HeatCells | null {
  const edgeSet = new Set<number>()
  for (const { histograms } of series)
    for (const { buckets } of histograms)
      for (const { low, high } of buckets) {
        if (Number.isFinite(low)) edgeSet.add(low)
        if (Number.isFinite(high)) edgeSet.add(high)
      }
  let edges = [...edgeSet].sort((a, b) => a - b)
  if (edges.length < 2) return null
  if (edges.length - 1 > MOST_ROWS) {
    const every = Math.ceil((edges.length - 1) / MOST_ROWS)
    edges = edges.filter((_, index) => index % every === 0 || index === edges.length - 1)
  }
  const rows = edges.length - 1
  const counts = new Array<number>(frame.columns * rows).fill(0)
  for (const { histograms } of series)
    for (const { time, buckets } of histograms) {
      const column = columnOf(time, frame)
      if (column < 0 || column >= frame.columns) continue
      for (const { low, high, count } of buckets) {
        const row = rowOf(edges, (Math.max(low, edges[0]) + Math.min(high, edges[rows])) / 2)
        counts[column * rows + row] += count
      }
    }
  return { ...frame, edges, counts }
}

function rowOf(edges: readonly number[], value: number): number {
  let row = 0
  while (row < edges.length - 2 && edges[row + 1] <= value) row++
  return row
}
