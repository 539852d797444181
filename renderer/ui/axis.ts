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
  1800e6, 3600e6, 7200e6, 10800e6, 21600e6, 43200e6, 86400e6, 172800e6, 604800e6,
]

/** Round moments between start and end, at most `most`, aligned to the zone's clock. `offsetMinutes` is east of UTC. */
export function timeTicks(
  start: number,
  end: number,
  most: number,
  offsetMinutes: number,
): { step: number; at: number[] } {
  const step = STEPS_US.find((size) => (end - start) / size <= most) ?? 604800e6
  const shift = offsetMinutes * 60e6
  const at: number[] = []
  for (let time = Math.ceil((start + shift) / step) * step - shift; time <= end; time += step) at.push(time)
  return { step, at }
}
