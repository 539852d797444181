import type { GraphEdge, GraphNode, ServiceGraph } from '../../../../core/model/answers.ts'

/** A node that stands for several. */
export interface GroupNode extends GraphNode {
  members: readonly string[]
}

export const membersOf = (node: GraphNode): readonly string[] => (node as Partial<GroupNode>).members ?? []
const groupId = (name: string): string => `group:${name}`

/** What a graph can be grouped by: its kinds, and the attributes of resources that at least two services have. */
export function groupKeys(graph: ServiceGraph): string[] {
  const known = new Map<string, number>()
  for (const { labels } of graph.nodes) for (const key of Object.keys(labels)) known.set(key, (known.get(key) ?? 0) + 1)
  return ['kind', ...[...known].filter(([, count]) => count > 1).map(([key]) => key)]
}

/**
 * Folds nodes of one group into one node, unless it is opened or has one member. By `kind` what reports itself stays as
 * it is; by an attribute what has none does. Percentiles of several nodes are not those of all, so groups have none.
 * @param all whose nodes make the groups: of two graphs that are compared, both together, so that one that lost all members
 * but one is still folded
 */
export function groupGraph(
  graph: ServiceGraph,
  by: string,
  opened: ReadonlySet<string>,
  all: ServiceGraph = graph,
): ServiceGraph {
  const nameOf = (node: GraphNode): string | null =>
    by === 'kind' ? (node.type === 'service' ? null : node.type) : (node.labels[by] ?? null)
  const groups = new Map<string, GraphNode[]>()
  for (const node of all.nodes) {
    const name = nameOf(node)
    if (name === null) continue
    const list = groups.get(name)
    if (list) list.push(node)
    else groups.set(name, [node])
  }
  const standIn = new Map<string, string>()
  const folded: GroupNode[] = []
  for (const [name, list] of groups) {
    if (list.length < 2 || opened.has(name)) continue
    const ids = new Set(list.map(({ id }) => id))
    for (const id of ids) standIn.set(id, groupId(name))
    const here = graph.nodes.filter(({ id }) => ids.has(id))
    if (here.length === 0) continue
    folded.push({
      id: groupId(name),
      name,
      type: list.every(({ type }) => type === list[0].type) ? list[0].type : 'service',
      labels: {},
      calls: sum(here, 'calls'),
      errors: sum(here, 'errors'),
      p50: null,
      p95: null,
      p99: null,
      members: list.map(({ id }) => id),
    })
  }
  const edges = new Map<string, GraphEdge>()
  for (const edge of graph.edges) {
    const from = standIn.get(edge.from) ?? edge.from
    const to = standIn.get(edge.to) ?? edge.to
    // Calls within a group are its own business.
    if (from === to && edge.from !== edge.to) continue
    const key = `${from}\n${to}`
    const known = edges.get(key)
    if (known)
      edges.set(key, {
        ...known,
        calls: known.calls + edge.calls,
        errors: known.errors + edge.errors,
        p50: null,
        p95: null,
        p99: null,
      })
    else edges.set(key, { ...edge, from, to })
  }
  const nodes = [...graph.nodes.filter(({ id }) => !standIn.has(id)), ...folded].sort((a, b) => b.calls - a.calls)
  return { ...graph, nodes, edges: [...edges.values()].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1)) }
}

function sum(nodes: readonly GraphNode[], of: 'calls' | 'errors'): number {
  return nodes.reduce((total, node) => total + node[of], 0)
}
