import { zoneOffset } from './format-time.ts'

/** Ticks of axes: pure arithmetic. Times are whole µs. */

/** The top of a count axis: a round number at or above `most`, even so that its half is whole. */
export function niceTop(most: number): number {
  if (most <= 2) return 2
  const size = 10 ** Math.floor(Math.log10(most))
  for (const step of [1, 2, 4, 5, 6, 8, 10]) {
    const top = step * size
    if (top >= most && top % 2 === 0) return top
  }
  return 10 * size
}

const STEPS_US = [
  1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 10e6, 15e6, 30e6, 60e6, 120e6, 300e6, 600e6, 900e6,
  1800e6, 3600e6, 7200e6, 10800e6, 21600e6, 43200e6, 86400e6, 172800e6, 432000e6, 604800e6, 1209600e6, 2592000e6,
]

/**
 * Round moments of the zone's clock between start and end, at most about `most`. Steps of an hour and longer stay on
 * round hours where the clocks change in between.
 */
export function timeTicks(start: number, end: number, most: number, zone: string): { step: number; at: number[] } {
  const step = STEPS_US.find((size) => (end - start) / size <= most) ?? STEPS_US[STEPS_US.length - 1]
  const offset = (time: number): number => zoneOffset(time, zone) * 60e6
  const first = offset(start)
  const changes = step >= 3600e6 && offset(end) !== first
  const at: number[] = []
  for (let shown = Math.ceil((start + first) / step) * step; shown - first <= end + 7200e6; shown += step) {
    const time = shown - (changes ? offset(shown - offset(shown - first)) : first)
    if (time >= start && time <= end && time !== at[at.length - 1]) at.push(time)
  }
  return { step, at }
}
