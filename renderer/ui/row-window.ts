/** Arithmetic of fixed rows: no row is ever measured. */

/** Browsers cut elements above 33,554,428 px; beyond this the scrollbar stands for more than it measures. */
export const TALLEST = 24_000_000

export interface RowWindow {
  /** First line in sight, and how far it is scrolled out, px. */
  first: number
  shift: number
  /** Lines in sight, cut ones included. */
  count: number
}

export function contentHeight(lines: number, rowHeight: number): number {
  return Math.min(TALLEST, lines * rowHeight)
}

/** `scrollTop` px of the scroller's `contentHeight`. */
export function rowsInSight(scrollTop: number, viewport: number, lines: number, rowHeight: number): RowWindow {
  const real = lines * rowHeight
  const content = contentHeight(lines, rowHeight)
  const furthest = Math.max(0, content - viewport)
  const top = Math.min(Math.max(0, scrollTop), furthest)
  const at = real > content && furthest > 0 ? (top / furthest) * (real - viewport) : top
  const first = Math.floor(at / rowHeight)
  return {
    first,
    shift: at - first * rowHeight,
    count: Math.max(0, Math.min(lines - first, Math.ceil((at - first * rowHeight + viewport) / rowHeight))),
  }
}

/** Where the scroll bar stands when `y` px of the lines are above the viewport. */
export function barTop(y: number, viewport: number, lines: number, rowHeight: number): number {
  const real = lines * rowHeight
  const content = contentHeight(lines, rowHeight)
  return real > content ? (y * (content - viewport)) / (real - viewport) : y
}

/** Where to scroll so that `line` is in sight with a line of margin; null when it is already. */
export function scrollTopFor(
  line: number,
  scrollTop: number,
  viewport: number,
  lines: number,
  rowHeight: number,
  centre = false,
): number | null {
  const bar = (px: number): number => Math.max(0, barTop(px, viewport, lines, rowHeight))
  const { first, shift } = rowsInSight(scrollTop, viewport, lines, rowHeight)
  const top = first * rowHeight + shift
  const y = line * rowHeight
  if (centre) {
    if (y >= top && y + rowHeight <= top + viewport) return null
    return bar(y - viewport / 2)
  }
  if (y < top + rowHeight) return y < top || top > 0 ? bar(y - rowHeight) : null
  if (y + 2 * rowHeight > top + viewport) return bar(y + 2 * rowHeight - viewport)
  return null
}
