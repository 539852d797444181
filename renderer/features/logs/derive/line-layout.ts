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

/** Where the lines of a list stand of which some are held: all others are one step high until they are. */
export class LineTops {
  readonly #from: number
  readonly #tops: Float64Array
  readonly #count: number

  /** `heights` of the held lines by place among them, px. */
  constructor(from: number, held: number, count: number, heights: (at: number) => number) {
    this.#from = from
    this.#count = count
    this.#tops = new Float64Array(held + 1)
    this.#tops[0] = from * STEP
    for (let at = 0; at < held; at++) this.#tops[at + 1] = this.#tops[at] + heights(at)
  }

  get #end(): number {
    return this.#from + this.#tops.length - 1
  }

  /** px of the top of line `index`, or of the end for `count`. */
  top(index: number): number {
    if (index < this.#from) return index * STEP
    if (index <= this.#end) return this.#tops[index - this.#from]
    return this.#tops[this.#tops.length - 1] + (index - this.#end) * STEP
  }

  /** The line at `y`, clamped to the lines there are. */
  at(y: number): number {
    let low = 0
    let high = Math.max(0, this.#count - 1)
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.top(middle) <= y) low = middle
      else high = middle - 1
    }
    return low
  }
}
