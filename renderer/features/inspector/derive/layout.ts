import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import { type CriticalPath, criticalPath } from './critical-path.ts'
import { groupSiblings, type SpanGroup } from './groups.ts'
import { type Children, findParents, sortChildren } from './parents.ts'
import { type SelfTimes, selfTimes } from './self-time.ts'
import { type ClockShift, correctSkew } from './skew.ts'
import { buildTree, type Tree } from './tree.ts'

/** All that the views of one trace are drawn from. Times are µs after the start of the trace. */
export interface TraceLayout {
  count: number
  tree: Tree
  children: Children
  parent: Int32Array
  /** `Lost` by span. */
  lost: Uint8Array
  orphans: number
  cycles: number
  /** By span, after correction of clocks where that was asked for. */
  start: Float64Array
  /** First start and last end. */
  from: number
  to: number
  self: SelfTimes
  critical: CriticalPath
  groups: SpanGroup[]
  /** Clocks that disagree, also when the correction is off. */
  shifts: ClockShift[]
  errors: number
  /** The span whose critical path is drawn: the longest of the top level. */
  root: number
}

/** O(n log n) at most; meant to run in a worker. */
export function layoutTrace(trace: TraceStructure, correct: boolean): TraceLayout {
  const count = trace.start.length
  const { parent, lost, orphans, cycles } = findParents(trace)
  const corrected = correctSkew(trace, parent)
  const start = correct ? corrected.start : trace.start
  const children = sortChildren(parent, start)
  const tree = buildTree(children)
  let from = count > 0 ? Number.POSITIVE_INFINITY : 0
  let to = count > 0 ? Number.NEGATIVE_INFINITY : 0
  let errors = 0
  let root = -1
  for (let span = 0; span < count; span++) {
    from = Math.min(from, start[span])
    to = Math.max(to, start[span] + trace.dur[span])
    if (trace.status[span] === 2) errors++
    if (parent[span] === -1 && (root === -1 || trace.dur[span] > trace.dur[root])) root = span
  }
  return {
    count,
    tree,
    children,
    parent,
    lost,
    orphans,
    cycles,
    start,
    from,
    to,
    self: selfTimes(start, trace.dur, children),
    critical: criticalPath(root, start, trace.dur, children),
    groups: groupSiblings(trace, start, tree),
    shifts: corrected.shifts,
    errors,
    root,
  }
}
