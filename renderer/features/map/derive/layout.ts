import { Graph, layout } from '@dagrejs/dagre'
import { packedLayout } from './packed-layout.ts'

export const NODE_WIDTH = 160
export const NODE_HEIGHT = 48

/** Up to so many are drawn with lines that go around nodes; more would become a tower that no screen shows. */
export const LARGE = 60

export interface LayoutRequest {
  nodes: string[]
  edges: { from: string; to: string }[]
}

export interface MapLayout {
  width: number
  height: number
  /** Upper left corner of each node. */
  places: [id: string, place: { x: number; y: number }][]
  /** SVG path of each edge, in the order asked, and the point in its middle. */
  paths: { path: string; middle: Point }[]
}

interface Point {
  x: number
  y: number
}

/** Places nodes in columns from caller to called, without overlap (Sugiyama's method; packed when there are many). */
export function layoutMap({ nodes, edges }: LayoutRequest): MapLayout {
  if (nodes.length > LARGE) return layoutLarge({ nodes, edges })
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: 'LR', nodesep: 40, ranksep: 64, edgesep: 20, marginx: 16, marginy: 16 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const id of nodes) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT })
  edges.forEach(({ from, to }, index) => {
    graph.setEdge(from, to, {}, String(index))
  })
  layout(graph)
  const size = graph.graph() as { width?: number; height?: number }
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    places: nodes.map((id) => {
      const { x, y } = graph.node(id) as { x: number; y: number }
      return [id, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }]
    }),
    paths: edges.map(({ from, to }, index) => {
      const { points } = graph.edge(from, to, String(index)) as { points: Point[] }
      return curve(anchored(points, graph.node(from) as Point, graph.node(to) as Point))
    }),
  }
}

function layoutLarge({ nodes, edges }: LayoutRequest): MapLayout {
  const { places, ...size } = packedLayout(nodes, edges, { width: NODE_WIDTH, height: NODE_HEIGHT })
  const middleOf = (id: string): Point => {
    const { x, y } = places.get(id) ?? { x: 0, y: 0 }
    return { x: x + NODE_WIDTH / 2, y: y + NODE_HEIGHT / 2 }
  }
  return {
    ...size,
    places: [...places],
    paths: edges.map(({ from, to }) => {
      const [a, b] = [middleOf(from), middleOf(to)]
      return curve(anchored([a, b], a, b))
    }),
  }
}

/** Lines leave a node in the middle of one side and enter the next in the middle of the other. */
function anchored(points: readonly Point[], from: Point, to: Point): Point[] {
  const side = from.x <= to.x ? NODE_WIDTH / 2 : -NODE_WIDTH / 2
  return [{ x: from.x + side, y: from.y }, ...points.slice(1, -1), { x: to.x - side, y: to.y }]
}

/** A smooth line through the points. */
function curve(points: readonly Point[]): { path: string; middle: Point } {
  const [first, ...rest] = points
  let path = `M${first.x.toFixed(1)} ${first.y.toFixed(1)}`
  let from = first
  for (const to of rest) {
    const middle = (from.x + to.x) / 2
    path += `C${middle.toFixed(1)} ${from.y.toFixed(1)} ${middle.toFixed(1)} ${to.y.toFixed(1)} ${to.x.toFixed(1)} ${to.y.toFixed(1)}`
    from = to
  }
  const half = (points.length - 1) / 2
  const [a, b] = [points[Math.floor(half)], points[Math.ceil(half)]]
  return { path, middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } }
}
