import type { GraphEdge, GraphNode, ServiceGraph } from '../../../../core/model/answers.ts'

/** What became of a node or an edge since the time it is compared with. */
export interface Change {
  state: 'new' | 'gone' | 'stayed'
  /** Calls now against then as a share of then: 0.5 = half more; null for what is new or gone. */
  calls: number | null
  /** µs that P95 grew; null where either is not known. */
  p95: number | null
  /** Points of share of errors. */
  errors: number | null
  slower: boolean
  faster: boolean
  before: GraphNode | GraphEdge | null
}

export interface GraphChanges {
  nodes: ReadonlyMap<string, Change>
  /** By `edgeKey`. */
  edges: ReadonlyMap<string, Change>
}

/** P95 must change by so much to be marked: less is what two hours of one day differ by. */
const WORTH = 0.2
const LEAST_US = 1000

export const edgeKey = ({ from, to }: { from: string; to: string }): string => `${from}\n${to}`

/** `now` with what was there `before` and is gone, without calls, and what changed of each. */
export function compareGraphs(now: ServiceGraph, before: ServiceGraph): { graph: ServiceGraph; changes: GraphChanges } {
  const nodes = new Map<string, Change>()
  const edges = new Map<string, Change>()
  const past = new Map(before.nodes.map((node) => [node.id, node]))
  const pastEdges = new Map(before.edges.map((edge) => [edgeKey(edge), edge]))
  for (const node of now.nodes) nodes.set(node.id, changeOf(node, past.get(node.id) ?? null))
  for (const edge of now.edges) edges.set(edgeKey(edge), changeOf(edge, pastEdges.get(edgeKey(edge)) ?? null))
  const goneNodes = before.nodes.filter(({ id }) => !nodes.has(id))
  const goneEdges = before.edges.filter((edge) => !edges.has(edgeKey(edge)))
  for (const node of goneNodes) nodes.set(node.id, gone(node))
  for (const edge of goneEdges) edges.set(edgeKey(edge), gone(edge))
  return {
    graph: {
      ...now,
      nodes: [...now.nodes, ...goneNodes.map(silent)],
      edges: [...now.edges, ...goneEdges.map(silent)],
    },
    changes: { nodes, edges },
  }
}

function silent<T extends GraphNode | GraphEdge>(one: T): T {
  return { ...one, calls: 0, errors: 0, p50: null, p95: null, p99: null }
}
function gone(before: GraphNode | GraphEdge): Change {
  return { state: 'gone', calls: null, p95: null, errors: null, slower: false, faster: false, before }
}
function changeOf(now: GraphNode | GraphEdge, before: GraphNode | GraphEdge | null): Change {
  if (!before) return { state: 'new', calls: null, p95: null, errors: null, slower: false, faster: false, before }
  const p95 = now.p95 !== null && before.p95 !== null ? now.p95 - before.p95 : null
  const worth = p95 !== null && Math.abs(p95) >= LEAST_US && Math.abs(p95) >= (before.p95 ?? 0) * WORTH
  const share = ({ calls, errors }: GraphNode | GraphEdge): number => (calls === 0 ? 0 : errors / calls)
  return {
    state: 'stayed',
    calls: before.calls > 0 ? now.calls / before.calls - 1 : null,
    p95,
    errors: share(now) - share(before),
    slower: worth && (p95 ?? 0) > 0,
    faster: worth && (p95 ?? 0) < 0,
    before,
  }
}
