import { timeTicks } from './axis.ts'
import { timeOfDaySeconds, timeOfDayShort, zoneLabel } from './format-time.ts'

export interface HeatView {
  start: number
  bucketUs: number
  columns: number
  /** Ascending, one more than there are rows. */
  edges: number[]
  counts: number[]
  errors: number[]
  zone: string
  edgeText: (value: number) => string
  /** How counts become shades: traces differ by magnitudes, shares of a histogram do not. */
  shades: 'log' | 'linear'
  /** Cells chosen, all inclusive. */
  selection: CellRange | null
}

export interface CellRange {
  fromColumn: number
  toColumn: number
  fromRow: number
  toRow: number
}

/** Times are µs; `most` is included, `end` is not. */
export interface HeatArea {
  start: number
  end: number
  least: number
  most: number
}

type Grid = Pick<HeatView, 'start' | 'bucketUs' | 'columns' | 'edges'>

/** The cells that an area covers, wholly or partly; null where it lies outside of the map. */
export function rangeOf({ start, bucketUs, columns, edges }: Grid, area: HeatArea): CellRange | null {
  const rows = edges.length - 1
  if (rows < 1 || area.end <= start || area.start >= start + columns * bucketUs) return null
  const column = (time: number): number => Math.min(columns - 1, Math.max(0, Math.floor((time - start) / bucketUs)))
  const row = (value: number): number => {
    const above = edges.findIndex((edge) => edge > value)
    return Math.min(rows - 1, Math.max(0, (above === -1 ? rows : above) - 1))
  }
  return {
    fromColumn: column(area.start),
    toColumn: column(area.end - 1),
    fromRow: row(area.least),
    toRow: row(area.most),
  }
}

const BESIDE_WIDTH = 380
const BESIDE_HEIGHT = 40

/** Where something of one line fits beside the cells: below them, or above, or over them. */
export function placeOf(view: Grid, area: CellRange, width: number, height: number): { x: number; y: number } {
  const plot = height - AXIS
  const rows = view.edges.length - 1
  const left = GUTTER + (area.fromColumn / view.columns) * (width - GUTTER)
  const top = plot - ((area.toRow + 1) / rows) * plot
  const bottom = plot - (area.fromRow / rows) * plot
  const y = bottom + BESIDE_HEIGHT <= height ? bottom + 4 : Math.max(4, top - BESIDE_HEIGHT)
  return { x: Math.max(0, Math.min(left, width - BESIDE_WIDTH)), y }
}

const GUTTER = 52
const AXIS = 20

export function cellAt(
  view: HeatView,
  width: number,
  height: number,
  x: number,
  y: number,
): { column: number; row: number } {
  const rows = view.edges.length - 1
  const column = Math.floor(((x - GUTTER) / (width - GUTTER)) * view.columns)
  const row = rows - 1 - Math.floor((y / (height - AXIS)) * rows)
  return { column: Math.min(view.columns - 1, Math.max(0, column)), row: Math.min(rows - 1, Math.max(0, row)) }
}

/** Time to the right, rows upwards as given; the more there are in a cell, the stronger its colour. */
export function paintHeat(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: HeatView,
  token: (name: string) => string,
): void {
  const rows = view.edges.length - 1
  const plot = height - AXIS
  const cellWidth = (width - GUTTER) / Math.max(1, view.columns)
  const cellHeight = plot / Math.max(1, rows)
  g.clearRect(0, 0, width, height)
  let most = 1
  for (const n of view.counts) most = Math.max(most, n)
  const shades = ['--heat-1', '--heat-2', '--heat-3', '--heat-4', '--heat-5'].map(token)
  const failed = token('--err-fill')
  view.counts.forEach((n, index) => {
    if (n === 0) return
    const column = Math.floor(index / rows)
    const row = index % rows
    const x = GUTTER + column * cellWidth
    const y = plot - (row + 1) * cellHeight
    const share = view.shades === 'linear' ? n / most : Math.log(n) / Math.log(most)
    const strength = most === 1 ? 2 : Math.max(0, Math.min(4, Math.floor(share * 4.999)))
    g.fillStyle = shades[strength]
    g.fillRect(x, y, Math.max(1, cellWidth - 1), Math.max(1, cellHeight - 1))
    if (view.errors[index] > 0) {
      // Errors as a mark in the cell's corner, so that they show in any shade.
      const size = Math.min(cellWidth - 1, cellHeight - 1, 5)
      g.fillStyle = failed
      g.beginPath()
      g.moveTo(x, y)
      g.lineTo(x + size, y)
      g.lineTo(x, y + size)
      g.fill()
    }
  })
  paintSelection(g, view, cellWidth, cellHeight, plot, token)
  paintAxes(g, width, height, view, token)
}

function paintSelection(
  g: CanvasRenderingContext2D,
  view: HeatView,
  cellWidth: number,
  cellHeight: number,
  plot: number,
  token: (name: string) => string,
): void {
  const chosen = view.selection
  if (!chosen) return
  const x = GUTTER + chosen.fromColumn * cellWidth
  const y = plot - (chosen.toRow + 1) * cellHeight
  const w = (chosen.toColumn - chosen.fromColumn + 1) * cellWidth
  const h = (chosen.toRow - chosen.fromRow + 1) * cellHeight
  g.fillStyle = token('--accent')
  g.globalAlpha = 0.16
  g.fillRect(x, y, w, h)
  g.globalAlpha = 1
  g.strokeStyle = token('--accent')
  g.lineWidth = 1.5
  g.strokeRect(x, y, w, h)
}

function paintAxes(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: HeatView,
  token: (name: string) => string,
): void {
  const plot = height - AXIS
  const rows = view.edges.length - 1
  g.font = `11px ${token('--font-ui')}`
  g.fillStyle = token('--text-3')
  g.textBaseline = 'middle'
  g.textAlign = 'right'
  const step = Math.max(1, Math.ceil(rows / 4))
  for (let row = 0; row <= rows; row += step) {
    const y = Math.min(plot - 6, Math.max(6, plot - (row / rows) * plot))
    g.fillText(view.edgeText(view.edges[row]), GUTTER - 8, y)
  }
  const end = view.start + view.bucketUs * view.columns
  const ticks = timeTicks(view.start, end, Math.max(2, Math.floor(width / 150)), view.zone)
  g.fillText(zoneLabel(end, view.zone), GUTTER - 8, plot + 12)
  g.textAlign = 'center'
  for (const time of ticks.at) {
    const text = ticks.step < 60e6 ? timeOfDaySeconds(time, view.zone) : timeOfDayShort(time, view.zone)
    const x = GUTTER + ((time - view.start) / (end - view.start)) * (width - GUTTER)
    const half = g.measureText(text).width / 2
    if (x - half > GUTTER && x + half < width) g.fillText(text, x, plot + 12)
  }
}
