import { niceTop, timeTicks } from './axis.ts'
import { count } from './format.ts'
import { tickTime, zoneLabel } from './format-time.ts'

export interface HistogramSeries {
  key: string
  /** Name of a colour token, such as `--heat-3`. */
  colour: string
  /** Hatched, so that colour is not alone. */
  hatch?: boolean
}

export interface HistogramView {
  buckets: { time: number; counts: Record<string, number> }[]
  bucketUs: number
  start: number
  end: number
  series: HistogramSeries[]
  zone: string
  locale: string
  /** Chosen bars, both inclusive. */
  selection: { from: number; to: number } | null
}

const GUTTER = 41
const AXIS = 20
const GAP = 2

/** px from the left edge of the canvas at a time, and back. */
function timeToX(view: { start: number; end: number }, width: number, time: number): number {
  return GUTTER + ((time - view.start) / (view.end - view.start)) * (width - GUTTER)
}
export function xToTime(view: { start: number; end: number }, width: number, x: number): number {
  const share = Math.min(1, Math.max(0, (x - GUTTER) / (width - GUTTER)))
  return view.start + share * (view.end - view.start)
}

/** Draws everything; colours are read from `token`, once a painting. */
export function paintHistogram(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: HistogramView,
  token: (name: string) => string,
): void {
  const plot = height - AXIS
  g.clearRect(0, 0, width, height)
  const sum = (counts: Record<string, number>): number => view.series.reduce((n, s) => n + (counts[s.key] ?? 0), 0)
  const top = niceTop(Math.max(0, ...view.buckets.map((bucket) => sum(bucket.counts))))
  const y = (n: number): number => Math.round(plot - (n / top) * (plot - 8))

  g.font = `11px ${token('--font-ui')}`
  g.textBaseline = 'middle'
  g.textAlign = 'right'
  for (const n of [0, top / 2, top]) {
    g.globalAlpha = n === 0 ? 1 : 0.6
    g.fillStyle = token('--line')
    g.fillRect(GUTTER, y(n) - (n === 0 ? 0 : 0.5), width - GUTTER, 1)
    g.globalAlpha = 1
    g.fillStyle = token('--text-3')
    g.fillText(count(n), GUTTER - 9, y(n))
  }
  paintSelection(g, width, plot, view, token)
  view.buckets.forEach((bucket, index) => {
    const left = Math.max(GUTTER, timeToX(view, width, bucket.time))
    const right = Math.min(width, timeToX(view, width, bucket.time + view.bucketUs))
    const bar = Math.max(1, right - left - GAP)
    let base = 0
    // The last series lies at the bottom: errors stand on the axis.
    for (const series of [...view.series].reverse()) {
      const n = bucket.counts[series.key] ?? 0
      if (n === 0) continue
      const from = y(base)
      const to = Math.min(y(base + n), from - 1)
      g.fillStyle = token(series.colour)
      g.globalAlpha = view.selection && (index < view.selection.from || index > view.selection.to) ? 0.45 : 1
      g.fillRect(left + 1, to, bar, from - to)
      if (series.hatch) paintHatch(g, left + 1, to, bar, from - to, token('--bg-1'))
      g.globalAlpha = 1
      base += n
    }
  })
  paintTimeAxis(g, width, plot, view, token)
}

function paintSelection(
  g: CanvasRenderingContext2D,
  width: number,
  plot: number,
  view: HistogramView,
  token: (name: string) => string,
): void {
  const first = view.selection && view.buckets[view.selection.from]
  const last = view.selection && view.buckets[view.selection.to]
  if (!first || !last) return
  const left = timeToX(view, width, first.time)
  const right = timeToX(view, width, last.time + view.bucketUs)
  g.fillStyle = token('--selected')
  g.fillRect(left, 0, right - left, plot)
  g.fillStyle = token('--accent')
  g.fillRect(left - 1, 0, 1, plot)
  g.fillRect(right, 0, 1, plot)
}

function paintHatch(g: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string): void {
  g.save()
  g.beginPath()
  g.rect(x, y, w, h)
  g.clip()
  g.strokeStyle = colour
  g.globalAlpha *= 0.4
  g.lineWidth = 1
  g.beginPath()
  for (let at = x - h; at < x + w; at += 4) {
    g.moveTo(at, y + h)
    g.lineTo(at + h, y)
  }
  g.stroke()
  g.restore()
}

function paintTimeAxis(
  g: CanvasRenderingContext2D,
  width: number,
  plot: number,
  view: HistogramView,
  token: (name: string) => string,
): void {
  const { step, at } = timeTicks(view.start, view.end, Math.max(2, Math.floor(width / 150)), view.zone)
  g.fillStyle = token('--text-3')
  g.textAlign = 'right'
  const label = zoneLabel(view.end, view.zone)
  g.fillText(label, GUTTER - 9 + Math.max(0, g.measureText(label).width - GUTTER + 9), plot + 12)
  const free = Math.max(GUTTER, g.measureText(label).width + 8)
  g.textAlign = 'center'
  for (const time of at) {
    const text = tickTime(time, step, view.zone, view.locale)
    const half = g.measureText(text).width / 2
    const x = timeToX(view, width, time)
    if (x - half < free || x + half > width) continue
    g.fillText(text, x, plot + 12)
  }
}
