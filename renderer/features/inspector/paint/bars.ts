import { SpanMark } from '../../../../core/model/columns.ts'
import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import { duration } from '../../../ui/format.ts'
import type { SpanGroup } from '../derive/groups.ts'
import type { TraceLayout } from '../derive/layout.ts'
import type { SelfTimes } from '../derive/self-time.ts'
import { type TimeWindow, windowTicks } from '../derive/time-window.ts'
import { Line, type Lines } from '../derive/visible-rows.ts'
import type { Palette } from './palette.ts'
import { PAD_LEFT, PAD_RIGHT, toX } from './scale.ts'

export interface BarView {
  trace: TraceStructure
  layout: TraceLayout
  lines: Lines
  /** First line in sight, how far it is scrolled out, how many to draw. */
  first: number
  shift: number
  count: number
  rowHeight: number
  window: TimeWindow
  /** Place of the colour in the palette's slots, by span. */
  slotOf: (span: number) => number
  critical: boolean
  selected: number
  /** Log records by span, for diamonds; empty when logs are off. */
  logs: ReadonlyMap<number, readonly number[]>
  /** Events by span; empty when events are off. */
  events: ReadonlyMap<number, readonly number[]>
  /** By span: 1 = found by the search. Others fade when it is there. */
  matches: Uint8Array | null
}

const BAR = 10
const NARROWEST = 3
const CLUSTER = 8
const INCOMPLETE = SpanMark.unfinished | SpanMark.endBeforeStart

/** Draws the grid, the bars and what lies on them for the lines in sight. */
export function paintBars(
  g: CanvasRenderingContext2D,
  width: number,
  height: number,
  view: BarView,
  palette: Palette,
): void {
  const { lines, first, shift, count, rowHeight } = view
  const x = (time: number): number => toX(view.window, width, time)
  paintGrid(g, width, height, view, palette)
  g.textBaseline = 'middle'
  g.font = `12px ${palette.font}`
  g.save()
  g.beginPath()
  g.rect(0, 0, width, height)
  g.clip()
  for (let i = 0; i < count; i++) {
    const line = first + i
    const top = i * rowHeight - shift
    const kind = lines.kind[line]
    if (kind === Line.span) paintSpan(g, width, top, lines.ref[line], view, palette, x)
    else if (kind === Line.folded || kind === Line.opened)
      paintGroup(g, width, top, view.layout.groups[lines.ref[line]], view, palette, x)
  }
  g.restore()
}

function paintGrid(g: CanvasRenderingContext2D, width: number, height: number, view: BarView, palette: Palette): void {
  const { lines, first, shift, count, rowHeight } = view
  const xs = windowTicks(view.window, tickCount(width)).map((tick) => Math.round(toX(view.window, width, tick)))
  g.fillStyle = palette.line
  g.globalAlpha = 0.7
  // The lines stop at log records, whose text runs over the whole width.
  let from = 0
  const stretch = (a: number, b: number): void => {
    if (b <= a) return
    g.fillRect(0, a, 1, b - a)
    for (const x of xs) g.fillRect(x, a, 1, b - a)
  }
  for (let i = 0; i < count; i++) {
    if (lines.kind[first + i] < Line.log) continue
    stretch(from, i * rowHeight - shift)
    from = (i + 1) * rowHeight - shift
  }
  stretch(from, height)
  g.globalAlpha = 1
}

/** Ticks that fit a plot of this width without touching. */
export function tickCount(width: number): number {
  return Math.max(2, Math.floor((width - PAD_LEFT - PAD_RIGHT) / 52))
}

function paintSpan(
  g: CanvasRenderingContext2D,
  width: number,
  top: number,
  span: number,
  view: BarView,
  palette: Palette,
  x: (time: number) => number,
): void {
  const { trace, layout } = view
  const start = layout.start[span]
  const dur = trace.dur[span]
  const left = x(start)
  const right = Math.max(left + NARROWEST, x(start + dur))
  const y = top + (view.rowHeight - BAR) / 2
  const colour = palette.slots[view.slotOf(span)]
  const off = (view.critical && layout.critical.total[span] === 0) || (view.matches !== null && !view.matches[span])
  g.globalAlpha = off ? 0.5 : 1
  if (right >= 0 && left <= width) {
    const l = Math.max(-2, left)
    const r = Math.min(width + 2, right)
    g.fillStyle = palette.bg1
    g.fillRect(l, y, r - l, BAR)
    const alpha = g.globalAlpha
    g.globalAlpha = alpha * 0.2
    g.fillStyle = colour
    g.fillRect(l, y, r - l, BAR)
    g.globalAlpha = alpha
    const { self } = layout
    if (right - left > 4) paintPieces(g, self, span, y, l, r, x)
    else if (self.total[span] * 2 >= dur) g.fillRect(l, y, r - l, BAR)
    g.strokeStyle = span === view.selected ? palette.text1 : colour
    g.lineWidth = 1
    if (trace.marks[span] & INCOMPLETE) paintOpenEnd(g, l, y, palette, colour)
    else if (r - l > 4) g.strokeRect(Math.round(l) + 0.5, y + 0.5, Math.max(1, Math.round(r - l) - 1), BAR - 1)
  }
  g.globalAlpha = 1
  if (view.critical && layout.critical.total[span] > 0) paintCritical(g, span, top, view, palette, x)
  paintLabel(
    g,
    width,
    left,
    right,
    top + view.rowHeight / 2,
    trace.marks[span] & SpanMark.unfinished ? '…' : duration(dur),
    palette,
    trace.status[span] === 2,
    false,
  )
  paintMarks(g, span, top, view, palette, x)
}

/** Solid pieces; pieces that fall into one pixel are drawn once. */
function paintPieces(
  g: CanvasRenderingContext2D,
  self: SelfTimes,
  span: number,
  y: number,
  left: number,
  right: number,
  x: (time: number) => number,
): void {
  let open = Number.NaN
  let reach = Number.NaN
  const fill = (): void => {
    const a = Math.max(left, open)
    if (!Number.isNaN(open)) g.fillRect(a, y, Math.max(0.5, Math.min(right, reach) - a), BAR)
  }
  for (let i = self.offset[span]; i < self.offset[span + 1]; i++) {
    const a = x(self.from[i])
    const b = Math.max(x(self.to[i]), a + 0.5)
    if (b < left) continue
    if (a > right) break
    if (a <= reach + 0.25) reach = Math.max(reach, b)
    else {
      fill()
      open = a
      reach = b
    }
  }
  fill()
}

/** A span that never ended: an open edge and dashes that run on. */
function paintOpenEnd(g: CanvasRenderingContext2D, left: number, y: number, palette: Palette, colour: string): void {
  g.fillStyle = colour
  g.fillRect(left, y, 2, BAR)
  g.strokeStyle = palette.text3
  g.setLineDash([3, 3])
  g.beginPath()
  g.moveTo(left + 4, y + BAR / 2)
  g.lineTo(left + 28, y + BAR / 2)
  g.stroke()
  g.setLineDash([])
}

function paintCritical(
  g: CanvasRenderingContext2D,
  span: number,
  top: number,
  view: BarView,
  palette: Palette,
  x: (time: number) => number,
): void {
  const { critical } = view.layout
  const y = top + (view.rowHeight + BAR) / 2 + 2
  g.fillStyle = palette.text1
  for (const piece of piecesOf(view.layout, span)) {
    const a = x(critical.from[piece])
    const b = x(critical.to[piece])
    if (b - a >= 3) g.fillRect(a, y, b - a, 2)
  }
}

const pieceLists = new WeakMap<TraceLayout, Map<number, number[]>>()

/** Pieces of the critical path by span. */
function piecesOf(layout: TraceLayout, span: number): readonly number[] {
  let lists = pieceLists.get(layout)
  if (!lists) {
    lists = new Map()
    layout.critical.span.forEach((one, piece) => {
      const list = lists?.get(one)
      if (list) list.push(piece)
      else lists?.set(one, [piece])
    })
    pieceLists.set(layout, lists)
  }
  return lists.get(span) ?? []
}

/** All members of a folded group on one line. */
function paintGroup(
  g: CanvasRenderingContext2D,
  width: number,
  top: number,
  group: SpanGroup,
  view: BarView,
  palette: Palette,
  x: (time: number) => number,
): void {
  const { trace, layout } = view
  const y = top + (view.rowHeight - BAR) / 2
  const colour = palette.slots[view.slotOf(group.members[0])]
  const left = x(group.from)
  const right = Math.max(left + NARROWEST, x(group.to))
  const onPath = group.members.some((span) => layout.critical.total[span] > 0)
  g.globalAlpha = view.critical && !onPath ? 0.25 : 0.45
  g.fillStyle = colour
  g.fillRect(left, y, right - left, BAR)
  g.globalAlpha = view.critical && !onPath ? 0.5 : 1
  let reach = Number.NEGATIVE_INFINITY
  for (const span of group.members) {
    const start = x(layout.start[span])
    const end = x(layout.start[span] + trace.dur[span])
    if (end < 0 || end <= reach) continue
    if (start > width) break
    // A gap shows where one call ends and the next begins, as long as there is room for it.
    const a = Math.max(start, reach)
    const b = end - a > 2 ? end - 0.75 : Math.max(end, a + 0.5)
    g.fillStyle = trace.status[span] === 2 ? palette.errFill : colour
    g.fillRect(a, y, b - a, BAR)
    reach = Math.max(end, b)
  }
  g.globalAlpha = 1
  if (view.critical && onPath) {
    g.fillStyle = palette.text1
    let from = Number.NaN
    let until = Number.NaN
    for (const span of group.members) {
      if (layout.critical.total[span] === 0) continue
      const a = x(layout.start[span])
      const b = x(layout.start[span] + trace.dur[span])
      if (a <= until + 3) until = Math.max(until, b)
      else {
        if (until - from >= 3) g.fillRect(from, y + BAR + 2, until - from, 2)
        from = a
        until = b
      }
    }
    if (until - from >= 3) g.fillRect(from, y + BAR + 2, until - from, 2)
  }
  paintLabel(g, width, left, right, top + view.rowHeight / 2, duration(group.sum), palette, group.errors > 0, true)
  if (view.logs.size > 0) {
    const records: number[] = []
    for (const span of group.members) records.push(...(view.logs.get(span) ?? []))
    paintDiamonds(g, records, top, view, palette, x)
  }
}

/** The duration beside the bar, on the side with room. */
function paintLabel(
  g: CanvasRenderingContext2D,
  width: number,
  left: number,
  right: number,
  y: number,
  text: string,
  palette: Palette,
  failed: boolean,
  strong: boolean,
): void {
  g.fillStyle = failed ? palette.err : strong ? palette.text1 : palette.text2
  g.font = `${strong ? '600 ' : ''}12px ${palette.font}`
  if (right < 0 || left > width) {
    // Out of the window: an arrow says on which side.
    g.textAlign = right < 0 ? 'left' : 'right'
    g.fillText(right < 0 ? `◂ ${text}` : `${text} ▸`, right < 0 ? 4 : width - 4, y)
    return
  }
  const size = g.measureText(text).width
  if (right + 7 + size <= width) {
    g.textAlign = 'left'
    g.fillText(text, Math.max(right + 7, 4), y)
  } else if (left - 7 - size >= 0) {
    g.textAlign = 'right'
    g.fillText(text, left - 7, y)
  } else {
    g.textAlign = 'right'
    g.fillStyle = palette.bg1
    g.globalAlpha = 0.85
    g.fillRect(width - size - 10, y - 8, size + 8, 16)
    g.globalAlpha = 1
    g.fillStyle = failed ? palette.err : palette.text1
    g.fillText(text, width - 6, y)
  }
}

function paintMarks(
  g: CanvasRenderingContext2D,
  span: number,
  top: number,
  view: BarView,
  palette: Palette,
  x: (time: number) => number,
): void {
  const events = view.events.get(span)
  if (events) {
    g.fillStyle = palette.text1
    const y = top + (view.rowHeight - BAR) / 2
    for (const event of events) {
      const at = x(view.trace.eventTime[event])
      g.beginPath()
      g.moveTo(at - 3.5, y - 4)
      g.lineTo(at + 3.5, y - 4)
      g.lineTo(at, y + 2)
      g.fill()
    }
  }
  const records = view.logs.get(span)
  if (records) paintDiamonds(g, records, top, view, palette, x)
}

/** Diamonds at the records' times; those less than 8 px apart are one, with the gravest colour. */
function paintDiamonds(
  g: CanvasRenderingContext2D,
  records: readonly number[],
  top: number,
  view: BarView,
  palette: Palette,
  x: (time: number) => number,
): void {
  const y = top + view.rowHeight / 2
  const sorted = [...records].sort((a, b) => view.trace.logs[a].time - view.trace.logs[b].time)
  for (let i = 0; i < sorted.length; ) {
    const at = x(view.trace.logs[sorted[i]].time)
    let gravest = 0
    let next = i
    while (next < sorted.length && x(view.trace.logs[sorted[next]].time) - at < CLUSTER) {
      gravest = Math.max(gravest, view.trace.logs[sorted[next]].severity)
      next++
    }
    g.beginPath()
    g.moveTo(at, y - 6)
    g.lineTo(at + 6, y)
    g.lineTo(at, y + 6)
    g.lineTo(at - 6, y)
    g.closePath()
    g.fillStyle = gravest >= 17 ? palette.errFill : gravest >= 13 ? palette.warnFill : palette.info
    g.strokeStyle = palette.bg1
    g.lineWidth = 1.5
    g.fill()
    g.stroke()
    i = next
  }
}
