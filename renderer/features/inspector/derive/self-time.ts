import type { Children } from './parents.ts'

/** When each span worked itself: its time less what its children cover, as pieces and in total. */
export interface SelfTimes {
  /** µs by span. */
  total: Float64Array
  /** Span s owns pieces offset[s] .. offset[s + 1). */
  offset: Uint32Array
  from: Float64Array
  to: Float64Array
}

/** Children are clipped to their parent: what runs on after it takes nothing from it. */
export function selfTimes(start: Float64Array, dur: Float64Array, children: Children): SelfTimes {
  const count = start.length
  const total = new Float64Array(count)
  const offset = new Uint32Array(count + 1)
  const from = new Float64Array(count * 2)
  const to = new Float64Array(count * 2)
  let pieces = 0
  for (let span = 0; span < count; span++) {
    const end = start[span] + dur[span]
    let reached = start[span]
    for (let i = children.offset[span]; i < children.offset[span + 1]; i++) {
      const child = children.list[i]
      if (start[child] >= end) break
      if (start[child] > reached) {
        from[pieces] = reached
        to[pieces++] = start[child]
        total[span] += start[child] - reached
      }
      reached = Math.max(reached, start[child] + dur[child])
    }
    if (reached < end) {
      from[pieces] = reached
      to[pieces++] = end
      total[span] += end - reached
    }
    offset[span + 1] = pieces
  }
  return { total, offset, from: from.slice(0, pieces), to: to.slice(0, pieces) }
}
