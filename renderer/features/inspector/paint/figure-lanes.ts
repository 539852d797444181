import type { Piece } from '../derive/figures.ts'
import type { TimeWindow } from '../derive/time-window.ts'
import type { Palette } from './palette.ts'
import { toX } from './scale.ts'

export interface Lane {
  /** Times in µs after the start of the trace. */
  pieces: readonly Piece[]
  /** Value at the top of the lane. */
  top: number
}

export const LANE_HEIGHT = 22
const PAD = 3

/** One lane below the other, each a filled line over the window of the waterfall. */
export function paintLanes(
  g: CanvasRenderingContext2D,
  width: number,
  window: TimeWindow,
  lanes: readonly Lane[],
  palette: Palette,
): void {
  lanes.forEach(({ pieces, top }, row) => {
    const base = (row + 1) * LANE_HEIGHT - 0.5
    const y = (value: number): number => base - (Math.min(value, top) / (top || 1)) * (LANE_HEIGHT - PAD * 2)
    g.strokeStyle = palette.line
    g.lineWidth = 1
    g.beginPath()
    g.moveTo(0, base)
    g.lineTo(width, base)
    g.stroke()
    let reach = Number.NaN
    let height = 0
    g.strokeStyle = palette.text2
    g.lineWidth = 1.25
    for (const { from, to, a, b } of pieces) {
      if (to < window.from || from > window.to) continue
      const left = Math.max(-2, toX(window, width, from))
      const right = Math.min(width + 2, Math.max(left + 1, toX(window, width, to)))
      const at = (time: number): number => (to > from ? a + ((b - a) * (time - from)) / (to - from) : b)
      const span = window.to - window.from
      const first = y(at(Math.max(from, window.from - span)))
      const last = y(at(Math.min(to, window.to + span)))
      g.globalAlpha = 0.16
      g.fillStyle = palette.text2
      g.beginPath()
      g.moveTo(left, base)
      g.lineTo(left, first)
      g.lineTo(right, last)
      g.lineTo(right, base)
      g.fill()
      g.globalAlpha = 1
      g.beginPath()
      // Levels that follow each other are joined, gaps stay gaps.
      if (Math.abs(left - reach) < 0.5) g.moveTo(reach, height)
      else g.moveTo(left, first)
      g.lineTo(left, first)
      g.lineTo(right, last)
      g.stroke()
      reach = right
      height = last
    }
  })
}
