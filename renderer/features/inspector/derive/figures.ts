import type { FigureSeries } from '../../../../core/model/answers.ts'

/** A stretch of time for which a figure is known: `a` at its start, `b` at its end. µs. */
export interface Piece {
  from: number
  to: number
  a: number
  b: number
}

/** Samples further apart than so many of their usual gaps have nothing to say of the time between them. */
const GAPS = 3

/** What is known between the samples: nothing where the sender was silent. */
export function piecesOf({ points, covers, interval }: FigureSeries): Piece[] {
  const pieces: Piece[] = []
  points.forEach(([time, value], i) => {
    const before = i > 0 ? points[i - 1] : null
    const silent = before === null || (interval > 0 && time - before[0] > interval * GAPS)
    if (covers) pieces.push({ from: silent ? time - interval : before[0], to: time, a: value, b: value })
    else if (!silent) pieces.push({ from: before[0], to: time, a: before[1], b: value })
    // A level stays for a while after its last sample.
    if (!covers && (i === points.length - 1 || points[i + 1][0] - time > interval * GAPS))
      pieces.push({ from: time, to: time + interval, a: value, b: value })
  })
  return pieces
}

/** Mean by time and highest value of a window; null where nothing is known of it. */
export function windowFigures(
  pieces: readonly Piece[],
  from: number,
  to: number,
): { mean: number; most: number } | null {
  let time = 0
  let sum = 0
  let most = Number.NEGATIVE_INFINITY
  for (const piece of pieces) {
    const left = Math.max(piece.from, from)
    const right = Math.min(piece.to, to)
    if (right < left || piece.to < from || piece.from > to) continue
    const at = (moment: number): number =>
      piece.to > piece.from
        ? piece.a + ((piece.b - piece.a) * (moment - piece.from)) / (piece.to - piece.from)
        : piece.b
    // A window of no length still lies in one piece.
    const length = Math.max(right - left, 1e-6)
    time += length
    sum += ((at(left) + at(right)) / 2) * length
    most = Math.max(most, at(left), at(right))
  }
  return time > 0 ? { mean: sum / time, most } : null
}
