import type { Children } from './parents.ts'

/** Spans in the order of the waterfall: each above its children. */
export interface Tree {
  /** Span by row. */
  order: Int32Array
  /** Row by span. */
  rowOf: Int32Array
  /** By row, 0 = top level. */
  depth: Uint16Array
  /** By row: first row after the row's descendants. */
  end: Int32Array
}

/** Depth-first, without recursion, so that a chain of 100,000 spans is a trace like any other. */
export function buildTree(children: Children): Tree {
  const count = children.list.length
  const order = new Int32Array(count)
  const rowOf = new Int32Array(count)
  const depth = new Uint16Array(count)
  const end = new Int32Array(count)
  const stack = new Int32Array(count + 1)
  const next = children.offset.slice(0, count + 1)
  let row = 0
  let level = 0
  stack[0] = count
  while (level >= 0) {
    const above = stack[level]
    if (next[above] < children.offset[above + 1]) {
      const span = children.list[next[above]++]
      order[row] = span
      rowOf[span] = row
      depth[row] = Math.min(level, 65_535)
      row++
      stack[++level] = span
    } else {
      if (level > 0) end[rowOf[above]] = row
      level--
    }
  }
  return { order, rowOf, depth, end }
}
