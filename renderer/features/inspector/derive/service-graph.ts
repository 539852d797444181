import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'
import { ownerReader } from './operations.ts'

export interface GraphNode {
  name: string
  square: boolean
  spans: number
  errors: number
  /** Own time, µs, and its share of all own time. */
  self: number
  share: number
  /** Column and place in it. */
  column: number
  place: number
}
export interface GraphEdge {
  from: string
  to: string
  calls: number
  errors: number
  /** Sum of durations of the called spans, µs. */
  time: number
}
export interface ServiceGraph {
  nodes: GraphNode[]
  edges: GraphEdge[]
  columns: number
  /** Most nodes in one column. */
  tallest: number
}

/** Who called whom in this trace: services, and databases and queues as nodes of their own. Left to right by calls. */
export function serviceGraph(trace: TraceStructure, layout: TraceLayout): ServiceGraph {
  const nodes = new Map<string, GraphNode>()
  const edges = new Map<string, GraphEdge>()
  const ownerOf = ownerReader(trace)
  let all = 0
  const node = (name: string, square: boolean): GraphNode => {
    let one = nodes.get(name)
    if (!one) {
      one = { name, square, spans: 0, errors: 0, self: 0, share: 0, column: -1, place: 0 }
      nodes.set(name, one)
    }
    return one
  }
  for (const span of layout.tree.order) {
    const owner = ownerOf(span)
    const one = node(owner.name, owner.square)
    one.spans++
    one.self += layout.self.total[span]
    all += layout.self.total[span]
    if (trace.status[span] === 2) one.errors++
    const service = trace.services[trace.service[span]]
    const above = layout.parent[span]
    const caller = owner.name !== service ? service : above === -1 ? null : ownerOf(above).name
    if (owner.name !== service) node(service, false)
    if (caller === null || caller === owner.name) continue
    const key = `${caller}\0${owner.name}`
    const edge = edges.get(key) ?? { from: caller, to: owner.name, calls: 0, errors: 0, time: 0 }
    edge.calls++
    edge.time += trace.dur[span]
    if (trace.status[span] === 2) edge.errors++
    edges.set(key, edge)
  }
  for (const one of nodes.values()) one.share = all > 0 ? one.self / all : 0
  return arrange([...nodes.values()], [...edges.values()])
}

/** Columns by the shortest way from a node that nobody calls; services that call each other may share one. */
function arrange(nodes: GraphNode[], edges: GraphEdge[]): ServiceGraph {
  const byName = new Map(nodes.map((one) => [one.name, one]))
  const called = new Set(edges.map((edge) => edge.to))
  const roots = nodes.filter((one) => !called.has(one.name))
  const queue = roots.length > 0 ? roots : nodes.slice(0, 1)
  for (const one of queue) one.column = 0
  for (let i = 0; i < queue.length; i++) {
    for (const edge of edges) {
      const to = byName.get(edge.to)
      if (edge.from !== queue[i].name || !to || to.column !== -1) continue
      to.column = queue[i].column + 1
      queue.push(to)
    }
  }
  for (const one of nodes) if (one.column === -1) one.column = 0
  const places: number[] = []
  for (const one of [...nodes].sort((a, b) => a.column - b.column || b.self - a.self)) {
    places[one.column] = places[one.column] ?? 0
    one.place = places[one.column]++
  }
  return { nodes, edges, columns: places.length, tallest: Math.max(0, ...places.filter((n) => n !== undefined)) }
}
