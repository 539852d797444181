import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { Tree } from './tree.ts'

/** Equal siblings in a row: the same operation of the same service under one parent. */
export interface SpanGroup {
  /** Rows from `first` up to `end`, with all that lies below the members. */
  first: number
  end: number
  /** Spans, by start. */
  members: Int32Array
  errors: number
  /** µs. */
  sum: number
  max: number
  p50: number
  /** µs covered by at least one member, and the stretch from the first start to the last end. */
  from: number
  to: number
  /** No two members ran at the same time. */
  sequential: boolean
}

/** Shorter runs are not worth a fold. */
const SMALLEST_GROUP = 5

/** Runs of at least SMALLEST_GROUP siblings of one service, name, type and peer. */
export function groupSiblings(trace: TraceStructure, start: Float64Array, tree: Tree): SpanGroup[] {
  const groups: SpanGroup[] = []
  const count = tree.order.length
  const same = (a: number, b: number): boolean =>
    trace.name[a] === trace.name[b] &&
    trace.service[a] === trace.service[b] &&
    trace.peer[a] === trace.peer[b] &&
    trace.type[a] === trace.type[b]
  const begins = new Uint8Array(count)
  for (let row = 0; row < count; row++) {
    if (begins[row]) continue
    const first = tree.order[row]
    const members = [first]
    let next = tree.end[row]
    while (next < count && tree.depth[next] === tree.depth[row] && same(tree.order[next], first)) {
      begins[next] = 1
      members.push(tree.order[next])
      next = tree.end[next]
    }
    if (tree.depth[row] === 0 || members.length < SMALLEST_GROUP) continue
    groups.push(describe(trace, start, row, next, members))
  }
  return groups
}

function describe(
  trace: TraceStructure,
  start: Float64Array,
  first: number,
  end: number,
  members: number[],
): SpanGroup {
  let sum = 0
  let errors = 0
  let from = Number.POSITIVE_INFINITY
  let to = 0
  let sequential = true
  const durations = new Float64Array(members.length)
  members.forEach((span, i) => {
    const dur = trace.dur[span]
    durations[i] = dur
    sum += dur
    if (trace.status[span] === 2) errors++
    if (start[span] < to) sequential = false
    from = Math.min(from, start[span])
    to = Math.max(to, start[span] + dur)
  })
  durations.sort()
  return {
    first,
    end,
    members: Int32Array.from(members),
    errors,
    sum,
    max: durations[durations.length - 1],
    p50: durations[(durations.length - 1) >> 1],
    from,
    to,
    sequential,
  }
}
