/** Steps of range queries: round lengths, so that points stay where they are when the range moves on. Seconds. */

const ROUND = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
  604800,
]

/** Points a series is drawn with at most, about two to a pixel of a wide screen's half. */
export const POINTS = 400
/** Columns of a heat map at most, so that each is wide enough to be told apart. */
export const HEAT_COLUMNS = 120

/** The smallest round step that draws `points` points at most over `rangeUs`. */
export function autoStep(rangeUs: number, points = POINTS, least = 1): number {
  const wanted = rangeUs / 1e6 / points
  return Math.max(least, ROUND.find((step) => step >= wanted) ?? Math.ceil(wanted / 604800) * 604800)
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }

/** Seconds of `15s`, `1m`, `0.5` (seconds); null when it is none of them or not above zero. */
export function parseStep(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*$/.exec(text)
  if (!match) return null
  const value = Number(match[1]) * UNITS[match[2] ?? 's']
  return value >= 0.001 ? value : null
}

/** `15s`, `1m`, `2h`, `250ms`: as PromQL writes it. */
export function stepText(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`
  for (const [unit, size] of [
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    if (seconds >= size && seconds % size === 0) return `${seconds / size}${unit}`
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`
}

/** Prometheus' own limit on points of a series. */
const MOST_POINTS = 11_000

/**
 * The times to ask for: whole multiples of the step inside the range, so that a refresh keeps the points. µs in and out,
 * the step in seconds; it grows when the range would hold more points than one query may have.
 */
export function alignedRange(start: number, end: number, step: number): { start: number; end: number; step: number } {
  let used = step
  while ((end - start) / 1e6 / used >= MOST_POINTS - 1) used *= 2
  const size = used * 1e6
  return { start: Math.ceil(start / size) * size, end: Math.floor(end / size) * size, step: used }
}
