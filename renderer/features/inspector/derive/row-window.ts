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

/** Where to scroll so that `line` is in sight with a line of margin; null when it is already. */
export function scrollTopFor(
  line: number,
  scrollTop: number,
  viewport: number,
  lines: number,
  rowHeight: number,
  centre = false,
): number | null {
  const real = lines * rowHeight
  const content = contentHeight(lines, rowHeight)
  const ratio = real > content ? (content - viewport) / (real - viewport) : 1
  const top = scrollTop / ratio
  const y = line * rowHeight
  if (centre) {
    if (y >= top && y + rowHeight <= top + viewport) return null
    return Math.max(0, (y - viewport / 2) * ratio)
  }
  if (y < top + rowHeight) return y < top || top > 0 ? Math.max(0, (y - rowHeight) * ratio) : null
  if (y + 2 * rowHeight > top + viewport) return Math.max(0, (y + 2 * rowHeight - viewport) * ratio)
  return null
}
