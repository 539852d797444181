import type { GraphEdge, GraphNode, ServiceGraph } from '../../../../core/model/answers.ts'

/** Nodes drawn whole; more are cut to those with most calls, and said. */
const MOST_NODES = 300
/** Share of errors from which a node or an edge is marked. */
const BAD_SHARE = 0.01

export interface ShownGraph {
  nodes: GraphNode[]
  edges: GraphEdge[]
  /** Nodes that exist but are not drawn. */
  hidden: number
}

export function errorShare({ calls, errors }: { calls: number; errors: number }): number {
  return calls === 0 ? 0 : errors / calls
}

export function isBad(counts: { calls: number; errors: number }): boolean {
  return errorShare(counts) > BAD_SHARE
}

/** Ids that `from` reaches within `depth` calls, in either direction. */
function around(edges: readonly GraphEdge[], from: string, depth: number): Set<string> {
  const reached = new Set([from])
  let border = [from]
  for (let step = 0; step < depth && border.length > 0; step++) {
    const next: string[] = []
    for (const edge of edges) {
      for (const [here, there] of [
        [edge.from, edge.to],
        [edge.to, edge.from],
      ]) {
        if (!border.includes(here) || reached.has(there)) continue
        reached.add(there)
        next.push(there)
      }
    }
    border = next
  }
  return reached
}

/** What is drawn: the neighbours of `focus`, or the nodes with most calls. The graph comes with most calls first. */
export function shownGraph(graph: ServiceGraph, focus: string | null, depth: number): ShownGraph {
  const centre = focus !== null && graph.nodes.some(({ id }) => id === focus) ? focus : null
  const wanted = centre === null ? null : around(graph.edges, centre, depth)
  const nodes = graph.nodes.filter(({ id }) => wanted?.has(id) ?? true).slice(0, MOST_NODES)
  if (centre !== null && !nodes.some(({ id }) => id === centre)) {
    nodes.pop()
    nodes.push(...graph.nodes.filter(({ id }) => id === centre))
  }
  const ids = new Set(nodes.map(({ id }) => id))
  return {
    nodes,
    edges: graph.edges.filter(({ from, to }) => from !== to && ids.has(from) && ids.has(to)),
    hidden: graph.nodes.length - nodes.length,
  }
}

/** Pixels; grows with the logarithm of calls against the busiest edge. */
export function edgeWidth(calls: number, most: number): number {
  return most <= 1 ? 1.5 : 1 + 3 * (Math.log1p(calls) / Math.log1p(most))
}

/** Seconds of a range (µs) in which spans were kept: those since the oldest one (µs, null = none), one at least. */
export function keptSeconds({ start, end }: { start: number; end: number }, oldest: number | null): number {
  return Math.max(1, (end - Math.max(start, oldest ?? start)) / 1e6)
}

/** Calls a second in few digits. */
export function rateText(calls: number, seconds: number): string {
  const rate = calls / seconds
  if (rate === 0) return '0/s'
  if (rate < 0.01) return '< 0.01/s'
  return `${rate < 10 ? rate.toFixed(rate < 1 ? 2 : 1) : Math.round(rate).toLocaleString('en-US')}/s`
}

/** The next node along the calls: right = most called, left = most calling, up and down = same column. */
export function neighbour(
  graph: ShownGraph,
  places: ReadonlyMap<string, { x: number; y: number }>,
  from: string,
  way: 'left' | 'right' | 'up' | 'down',
): string | null {
  if (way === 'right' || way === 'left') {
    const [here, there] = way === 'right' ? (['from', 'to'] as const) : (['to', 'from'] as const)
    return graph.edges.find((edge) => edge[here] === from)?.[there] ?? null
  }
  const at = places.get(from)
  if (!at) return null
  const sign = way === 'up' ? -1 : 1
  const column = [...places]
    .filter(([, place]) => Math.abs(place.x - at.x) < 1 && (place.y - at.y) * sign > 0)
    .sort((a, b) => (a[1].y - b[1].y) * sign)
  return column[0]?.[0] ?? null
}
