import { BOARD_COLUMNS } from '../../../../core/model/board.ts'

/** Where a panel lies, in cells. */
export interface Cell {
  id: string
  x: number
  y: number
  w: number
  h: number
}

const meet = (a: Cell, b: Cell): boolean =>
  a.id !== b.id && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

/** Every cell as far up as it goes, in order from the top; none lies on another. */
export function compactCells<T extends Cell>(cells: readonly T[]): T[] {
  const settled: T[] = []
  const sorted = cells
    .map((cell, order) => ({ cell, order }))
    .sort((a, b) => a.cell.y - b.cell.y || a.cell.x - b.cell.x || a.order - b.order)
  const places = new Map<string, T>()
  for (const { cell } of sorted) {
    const w = Math.min(cell.w, BOARD_COLUMNS)
    const next = { ...cell, w, x: Math.max(0, Math.min(cell.x, BOARD_COLUMNS - w)), y: 0 }
    // Below everything that shares a column with it, then up into the first hole that takes it.
    const above = settled.filter((one) => one.x < next.x + next.w && next.x < one.x + one.w)
    next.y = above.reduce((bottom, one) => Math.max(bottom, one.y + one.h), 0)
    settled.push(next)
    places.set(next.id, next)
  }
  return cells.map((cell) => places.get(cell.id) ?? cell)
}

/** Moves or resizes one cell; those it would lie on give way downwards, then all close up. */
export function placeCell<T extends Cell>(cells: readonly T[], id: string, change: Partial<Omit<Cell, 'id'>>): T[] {
  const moved = cells.map((cell) => {
    if (cell.id !== id) return { ...cell }
    const next = { ...cell, ...change }
    const w = Math.max(1, Math.min(BOARD_COLUMNS, next.w))
    return {
      ...next,
      w,
      h: Math.max(1, next.h),
      x: Math.max(0, Math.min(BOARD_COLUMNS - w, next.x)),
      y: Math.max(0, next.y),
    }
  })
  const own = moved.find((cell) => cell.id === id)
  if (!own) return moved
  // Stepping down past a neighbour means to lie below it: closing up would else take the step back.
  const before = cells.find((cell) => cell.id === id)
  if (before && own.y > before.y && own.h === before.h) {
    const below = moved.filter(
      (cell) => cell.id !== id && cell.y >= before.y + before.h && cell.x < own.x + own.w && own.x < cell.x + cell.w,
    )
    const next = below.sort((a, b) => a.y - b.y)[0]
    if (next) own.y = next.y + next.h
    for (const cell of below) if (cell.y < own.y) cell.y = Math.max(0, cell.y - before.h)
  }
  push(moved, own)
  return compactCells(moved)
}

function push(cells: Cell[], cause: Cell): void {
  for (const cell of cells) {
    if (!meet(cell, cause)) continue
    cell.y = cause.y + cause.h
    push(cells, cell)
  }
}

/** The first free place for a new panel of this size: below everything. */
export function placeBelow(cells: readonly Cell[]): { x: number; y: number } {
  return { x: 0, y: cells.reduce((bottom, one) => Math.max(bottom, one.y + one.h), 0) }
}
