import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from '../derive/layout.ts'
import type { TimeWindow } from '../derive/time-window.ts'
import type { Palette } from './palette.ts'
import { toX } from './scale.ts'

/** Room above for the ticks of errors, px. */
const ERROR_BAND = 6

/**
 * All spans at once: the tree from top to bottom pressed into the height, each span a thin line. A pixel is painted at
 * most a few times, whatever the number of spans.
 */
export function paintMinimap(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  trace: TraceStructure,
  layout: TraceLayout,
  slotOf: (span: number) => number,
  palette: Palette,
): void {
  const whole: TimeWindow = { from: layout.from, to: Math.max(layout.to, layout.from + 0.01) }
  const { order } = layout.tree
  const plot = height - ERROR_BAND - 4
  // Equal siblings share a line, as they do below.
  const shared = layout.groups.reduce((sum, group) => sum + group.members.length - 1, 0)
  const step = Math.min(3, plot / Math.max(1, layout.count - shared))
  const lineOf = minimapLines(layout)
  const thick = Math.max(1, Math.min(2, step - 0.5))
  const filled = new Map<number, number>()
  for (let row = 0; row < layout.count; row++) {
    const span = order[row]
    const y = Math.floor(ERROR_BAND + lineOf[row] * step)
    const a = Math.floor(toX(whole, width, layout.start[span]))
    const b = Math.max(a + 1, Math.ceil(toX(whole, width, layout.start[span] + trace.dur[span])))
    if (step < 1) {
      // Only what a line of pixels does not show yet is worth a fill.
      const key = y * 8192 + a
      if ((filled.get(key) ?? 0) >= b) continue
      filled.set(key, b)
    }
    g.globalAlpha = layout.self.total[span] >= trace.dur[span] * 0.5 ? 1 : 0.55
    g.fillStyle = palette.slots[slotOf(span)]
    g.fillRect(a, y, b - a, thick)
  }
  g.globalAlpha = 1
  g.fillStyle = palette.errFill
  let last = -10
  for (let span = 0; span < layout.count; span++) {
    if (trace.status[span] !== 2) continue
    const x = Math.round(toX(whole, width, layout.start[span] + trace.dur[span]))
    if (Math.abs(x - last) < 2) continue
    g.fillRect(x - 1, 1, 3, 4)
    last = x
  }
}

/** Line of each row when equal siblings lie on one; what hangs below them keeps lines of its own. */
function minimapLines(layout: TraceLayout): Float64Array {
  const lines = new Float64Array(layout.count)
  const leader = new Map<number, number>()
  for (const group of layout.groups) for (const span of group.members) leader.set(layout.tree.rowOf[span], group.first)
  let next = 0
  for (let row = 0; row < layout.count; row++) {
    const first = leader.get(row)
    if (first === undefined || first === row) lines[row] = next++
    else lines[row] = lines[first]
  }
  return lines
}

/** Dims what lies outside the window and draws its frame with handles. */
export function paintBrush(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  left: number,
  right: number,
  palette: Palette,
): void {
  g.globalAlpha = 0.6
  g.fillStyle = palette.bg2
  g.fillRect(0, 0, left, height)
  g.fillRect(right, 0, width - right, height)
  g.globalAlpha = 1
  g.strokeStyle = palette.accent
  g.lineWidth = 2
  g.strokeRect(left, 1, Math.max(2, right - left), height - 2)
  for (const x of [left, right]) {
    g.fillStyle = palette.bg1
    g.lineWidth = 1.5
    g.beginPath()
    g.roundRect(x - 3.5, height / 2 - 9, 7, 18, 3)
    g.fill()
    g.stroke()
  }
}
