import type { TraceStructure } from '../../../../core/model/trace-structure.ts'

const SERVER = 2
const CLIENT = 3

/** One process whose clock was moved. */
export interface ClockShift {
  service: string
  /** µs added to its times; the largest where several spans disagree. */
  shift: number
  spans: number
}

export interface Corrected {
  /** µs after the start of the trace, by span. */
  start: Float64Array
  shifts: ClockShift[]
}

/**
 * Moves spans of another process that began before their parent, or served a call that had already ended: no order of
 * events explains these, only clocks that disagree. The child is centred in its parent where it fits, else begins with
 * it, and what that process did below moves along. A child that merely outlives its parent is left alone: that is
 * asynchronous work or a caller that gave up.
 */
export function correctSkew(trace: TraceStructure, parent: Int32Array): Corrected {
  const count = parent.length
  const start = trace.start.slice()
  const shift = new Float64Array(count)
  const shifts = new Map<number, ClockShift>()
  for (const span of topDown(parent)) {
    const above = parent[span]
    if (above === -1) continue
    const same = trace.resource[span] === trace.resource[above]
    let by = same ? shift[above] : 0
    if (!same) {
      const begin = trace.start[span]
      const from = start[above]
      const to = from + trace.dur[above]
      const servedTooLate =
        trace.kind[span] === SERVER && trace.kind[above] === CLIENT && trace.status[above] !== 2 && begin > to
      if (begin < from || servedTooLate) by = from + Math.max(0, (trace.dur[above] - trace.dur[span]) / 2) - begin
    }
    if (by === 0) continue
    shift[span] = by
    start[span] = trace.start[span] + by
    const known = shifts.get(trace.resource[span])
    if (!known) shifts.set(trace.resource[span], { service: trace.services[trace.service[span]], shift: by, spans: 1 })
    else {
      known.spans++
      if (Math.abs(by) > Math.abs(known.shift)) known.shift = by
    }
  }
  return { start, shifts: [...shifts.values()].sort((a, b) => b.spans - a.spans) }
}

/** Every span after its parent. */
function topDown(parent: Int32Array): Int32Array {
  const count = parent.length
  const order = new Int32Array(count)
  const placed = new Uint8Array(count)
  const way = new Int32Array(count)
  let filled = 0
  for (let first = 0; first < count; first++) {
    let depth = 0
    for (let at = first; at !== -1 && placed[at] === 0; at = parent[at]) {
      placed[at] = 1
      way[depth++] = at
    }
    while (depth > 0) order[filled++] = way[--depth]
  }
  return order
}
