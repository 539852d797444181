/** Where lines of different heights stand. Heights are whole steps, so that the grid of lines stays in place. */
export const STEP = 20
const MOST_STEPS = 40

/** Steps that a message takes when `columns` characters fit in a line; wide characters count twice. */
export function wrappedSteps(text: string, columns: number): number {
  let steps = 0
  for (const line of text.split('\n')) {
    let width = line.length
    for (let i = 0; i < line.length; i++) if (line.charCodeAt(i) >= 0x1100) width++
    steps += Math.max(1, Math.ceil(width / Math.max(1, columns)))
    if (steps >= MOST_STEPS) return MOST_STEPS
  }
  return steps
}

/** px of the top of each row, and of the end as the last entry. */
export function rowTops(heights: (index: number) => number, count: number): Float64Array {
  const tops = new Float64Array(count + 1)
  for (let i = 0; i < count; i++) tops[i + 1] = tops[i] + heights(i)
  return tops
}

/** The row at `y`, clamped to the rows there are. */
export function rowAt(tops: Float64Array, y: number): number {
  let low = 0
  let high = Math.max(0, tops.length - 2)
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (tops[middle] <= y) low = middle
    else high = middle - 1
  }
  return low
}
