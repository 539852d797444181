/** Where things lie on a chart: pure arithmetic in px and data units. */

export interface Plot {
  /** px of the plot's edges within the chart. */
  left: number
  right: number
  top: number
  bottom: number
  /** µs at the left and right edge. */
  start: number
  end: number
  /** Values at the bottom and top edge. */
  low: number
  high: number
}

export const xOf = (plot: Plot, time: number): number =>
  plot.left + ((time - plot.start) / (plot.end - plot.start)) * (plot.right - plot.left)

export const yOf = (plot: Plot, value: number): number =>
  plot.bottom - ((value - plot.low) / (plot.high - plot.low)) * (plot.bottom - plot.top)

/** The time under a px, held within the plot. */
export function timeAt(plot: Plot, x: number): number {
  const share = (x - plot.left) / (plot.right - plot.left)
  return plot.start + Math.min(1, Math.max(0, share)) * (plot.end - plot.start)
}

/** How far, in µs, a point may lie from the pointer: 24 px, or a step and a half where points are rarer. */
export function reachOf(plot: Plot, stepUs: number): number {
  return Math.max(stepUs * 1.5, (24 / Math.max(1, plot.right - plot.left)) * (plot.end - plot.start))
}

export interface ValueTicks {
  low: number
  high: number
  step: number
  at: number[]
}

/** In what numbers people count: tens, powers of 1024, or time (µs to s in tens, then minutes and hours). */
export type Base = 'decimal' | 'binary' | 'time'

const ROUND = [1, 2, 2.5, 5, 10]
const MINUTE = 60e6
const LONG_STEPS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE)

/**
 * Round values from at or below `least` to at or above `most`, about `count` steps of them. The axis starts at 0 unless
 * a value lies below, or it need not (`fromZero` false: a close look at values far from zero).
 */
export function valueTicks(
  least: number,
  most: number,
  count: number,
  base: Base = 'decimal',
  fromZero = true,
): ValueTicks {
  const from = fromZero ? Math.min(0, least) : least
  const to = most > from ? most : from + 1
  const step = roundStep((to - from) / count, base)
  const low = Math.floor(from / step + 1e-9) * step
  const high = Math.ceil(to / step - 1e-9) * step
  const at: number[] = []
  for (let i = 0; i <= Math.round((high - low) / step); i++) at.push(cleaned(low + i * step))
  return { low: cleaned(low), high: cleaned(high), step, at }
}

function roundStep(rough: number, base: Base): number {
  if (base === 'time' && rough > 10e6) {
    const known = LONG_STEPS.find((size) => size >= rough)
    if (known) return known
  }
  const unit = base === 'binary' && rough >= 1 ? 1024 ** Math.floor(Math.log2(rough) / 10) : 1
  const size = 10 ** Math.floor(Math.log10(rough / unit))
  const factor = ROUND.find((one) => one * size * unit >= rough * 0.999) ?? 10
  return cleaned(factor * size) * unit
}

/** Without the dust of binary fractions. */
const cleaned = (value: number): number => Number(value.toPrecision(12))

/** Places for labels so that none lies closer than `gap` to the next; order is kept and all stay within the bounds. */
export function spreadLabels(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y || a.i - b.i)
  const placed = order.map(({ y }) => Math.min(bottom, Math.max(top, y)))
  for (let i = 1; i < placed.length; i++) placed[i] = Math.max(placed[i], placed[i - 1] + gap)
  let limit = bottom
  for (let i = placed.length - 1; i >= 0; i--) {
    placed[i] = Math.min(placed[i], limit)
    limit = placed[i] - gap
  }
  const out = new Array<number>(wanted.length).fill(0)
  order.forEach(({ i }, place) => {
    out[i] = placed[place]
  })
  return out
}

/**
 * On which side of its line each label of a mark stands so that none covers another; null = there is room on neither. The
 * one furthest right is placed first.
 * @param widthOf px of a label
 */
export function labelSides(
  marks: readonly { x: number; label: string }[],
  { left, right }: Pick<Plot, 'left' | 'right'>,
  widthOf: (label: string) => number,
): ('before' | 'after' | null)[] {
  const taken: [from: number, to: number][] = []
  const sides = new Array<'before' | 'after' | null>(marks.length).fill(null)
  const order = marks.map((mark, i) => ({ ...mark, i })).sort((a, b) => b.x - a.x || a.i - b.i)
  for (const { x, label, i } of order) {
    const width = widthOf(label)
    for (const side of ['before', 'after'] as const) {
      const [from, to] = side === 'before' ? [x - width, x] : [x, x + width]
      if (from < left || to > right || taken.some(([a, b]) => from < b && to > a)) continue
      taken.push([from, to])
      sides[i] = side
      break
    }
  }
  return sides
}
