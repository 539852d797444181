import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'
import { ownerOf } from './operations.ts'

/** Spans of one way from the top merged: same names, same services. Times are µs. */
export interface FlameNode {
  name: string
  service: string
  owner: string
  depth: number
  count: number
  errors: number
  self: number
  /** Own time of this and all below: its width. */
  value: number
  /** Sum of durations. */
  total: number
  children: FlameNode[]
  /** The longest span behind it. */
  example: number
}

/** The merged tree under one made-up root that holds the top level; children by width, widest first. */
export function flameGraph(trace: TraceStructure, layout: TraceLayout): FlameNode {
  const root: FlameNode = { ...empty('', '', '', -1), count: 1 }
  const nodeOf: FlameNode[] = new Array(layout.count)
  const below = new Map<FlameNode, Map<number, FlameNode>>()
  const { order } = layout.tree
  const width = trace.names.length
  for (let row = 0; row < layout.count; row++) {
    const span = order[row]
    const above = layout.parent[span] === -1 ? root : nodeOf[layout.parent[span]]
    let kin = below.get(above)
    if (!kin) {
      kin = new Map()
      below.set(above, kin)
    }
    const key = trace.service[span] * width + trace.name[span]
    let node = kin.get(key)
    if (!node) {
      const service = trace.services[trace.service[span]]
      node = empty(trace.names[trace.name[span]], service, ownerOf(trace, span).name, above.depth + 1)
      node.example = span
      kin.set(key, node)
      above.children.push(node)
    }
    nodeOf[span] = node
    node.count++
    node.self += layout.self.total[span]
    node.total += trace.dur[span]
    if (trace.status[span] === 2) node.errors++
    if (trace.dur[span] > trace.dur[node.example]) node.example = span
  }
  sumUp(root)
  return root
}

function empty(name: string, service: string, owner: string, depth: number): FlameNode {
  return { name, service, owner, depth, count: 0, errors: 0, self: 0, value: 0, total: 0, children: [], example: -1 }
}

/** Widths from the leaves up, without recursion. */
function sumUp(root: FlameNode): void {
  const order: FlameNode[] = [root]
  for (let i = 0; i < order.length; i++) for (const child of order[i].children) order.push(child)
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]
    node.value = node.self + node.children.reduce((sum, child) => sum + child.value, 0)
    node.children.sort((a, b) => b.value - a.value)
  }
}

/** A node as it is drawn: left edge and width are shares of what is in view. */
export interface FlameBox {
  node: FlameNode
  /** Lines below the top. */
  line: number
  left: number
  width: number
}

/** Boxes at least `least` wide (a share), with `focus` filling the width and its ancestors above it. */
export function flameBoxes(root: FlameNode, focus: FlameNode | null, least: number): FlameBox[] {
  const boxes: FlameBox[] = []
  const ancestors = focus ? wayTo(root, focus) : []
  for (const node of ancestors) if (node.depth >= 0) boxes.push({ node, line: node.depth, left: 0, width: 1 })
  const top = focus ?? root
  const stack: { node: FlameNode; left: number; width: number }[] = [{ node: top, left: 0, width: 1 }]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, left, width } = next
    if (node.depth >= 0) boxes.push({ node, line: node.depth, left, width })
    if (node.value <= 0) continue
    let at = left
    for (const child of node.children) {
      const size = (child.value / node.value) * width
      if (size >= least) stack.push({ node: child, left: at, width: size })
      at += size
    }
  }
  return boxes
}

function wayTo(root: FlameNode, wanted: FlameNode): FlameNode[] {
  const above = new Map<FlameNode, FlameNode>()
  const queue = [root]
  for (let i = 0; i < queue.length; i++) {
    for (const child of queue[i].children) {
      above.set(child, queue[i])
      queue.push(child)
    }
  }
  const way: FlameNode[] = []
  for (let node = above.get(wanted); node; node = above.get(node)) way.unshift(node)
  return way
}
