import { SpanIndex } from './span-index.ts'

/** Why a span stands at the top level although it names a parent. */
export const Lost = {
  no: 0,
  /** Its parent is not in the trace. */
  orphan: 1,
  /** It is its own ancestor. */
  cycle: 2,
} as const

export interface Parents {
  /** Parent by span, -1 = top level. */
  parent: Int32Array
  /** `Lost` by span. */
  lost: Uint8Array
  orphans: number
  cycles: number
}

/** Parent of each span. A cycle is cut at its span that comes first; a span that is its own parent counts as one. */
export function findParents(trace: { spanIds: Uint8Array; parentIds: Uint8Array }): Parents {
  const count = trace.spanIds.length / 8
  const index = new SpanIndex(trace.spanIds)
  const parent = new Int32Array(count).fill(-1)
  const lost = new Uint8Array(count)
  let orphans = 0
  let cycles = 0
  for (let span = 0; span < count; span++) {
    if (isZero(trace.parentIds, span * 8)) continue
    const found = index.find(trace.parentIds, span * 8)
    if (found === -1) {
      lost[span] = Lost.orphan
      orphans++
    } else parent[span] = found
  }
  // Walks up once a span: 0 unseen, 1 on the present way, 2 known to end.
  const seen = new Uint8Array(count)
  for (let first = 0; first < count; first++) {
    let at = first
    while (at !== -1 && seen[at] === 0) {
      seen[at] = 1
      at = parent[at]
    }
    let cut = -1
    if (at !== -1 && seen[at] === 1) {
      cut = at
      for (let one = parent[at]; one !== at; one = parent[one]) if (one < cut) cut = one
    }
    for (let one = first; one !== -1 && seen[one] === 1; one = parent[one]) seen[one] = 2
    if (cut !== -1) {
      parent[cut] = -1
      lost[cut] = Lost.cycle
      cycles++
    }
  }
  return { parent, lost, orphans, cycles }
}

function isZero(ids: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (ids[i] !== 0) return false
  return true
}

/** Children of each span: span s owns list[offset[s] .. offset[s + 1]); the last entry of `offset` but one owns the top level. */
export interface Children {
  offset: Uint32Array
  list: Int32Array
}

/** Children by start, then by order in the trace. Entry `count` of the offsets holds the top level. */
export function sortChildren(parent: Int32Array, start: Float64Array): Children {
  const count = parent.length
  const offset = new Uint32Array(count + 2)
  for (let span = 0; span < count; span++) offset[(parent[span] === -1 ? count : parent[span]) + 1]++
  for (let i = 0; i <= count; i++) offset[i + 1] += offset[i]
  const order = Int32Array.from({ length: count }, (_, span) => span)
  // Rows mostly come by start already; only a correction of clocks breaks that.
  let sorted = true
  for (let span = 1; span < count && sorted; span++) sorted = start[span] >= start[span - 1]
  if (!sorted) order.sort((a, b) => start[a] - start[b] || a - b)
  const next = offset.slice()
  const list = new Int32Array(count)
  for (const span of order) list[next[parent[span] === -1 ? count : parent[span]]++] = span
  return { offset, list }
}
