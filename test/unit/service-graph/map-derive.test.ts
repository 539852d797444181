import { expect, it } from 'vitest'
import type { GraphEdge, GraphNode, ServiceGraph } from '../../../core/model/answers.ts'
import { compareGraphs } from '../../../renderer/features/map/derive/compare-graphs.ts'
import { groupGraph, groupKeys, membersOf } from '../../../renderer/features/map/derive/group-graph.ts'
import { layoutMap, NODE_HEIGHT, NODE_WIDTH } from '../../../renderer/features/map/derive/layout.ts'
import { shownGraph } from '../../../renderer/features/map/derive/view.ts'
import { seededRandom } from '../../demo/shop.ts'

const counts = { errors: 0, p50: 1000, p95: 10_000, p99: 20_000 }
const node = (id: string, calls = 100, more: Partial<GraphNode> = {}): GraphNode => ({
  id,
  name: id,
  type: 'service',
  labels: {},
  calls,
  ...counts,
  ...more,
})
const edge = (from: string, to: string, calls = 100, more: Partial<GraphEdge> = {}): GraphEdge => ({
  from,
  to,
  calls,
  ...counts,
  ...more,
})
const graph = (nodes: GraphNode[], edges: GraphEdge[]): ServiceGraph => ({ nodes, edges, spans: 1, partial: null })

/** As large systems are: a few entries, most services called by a few others, some cycles, databases at the end. */
function largeGraph(services: number): ServiceGraph {
  const random = seededRandom(3)
  const nodes = Array.from({ length: services }, (_, i) => node(`service-${i}`, services - i))
  const edges = new Map<string, GraphEdge>()
  for (let i = 1; i < services; i++)
    for (let k = 0; k < 1 + Math.floor(random() * 3); k++) {
      const caller = random() < 0.03 ? Math.floor(random() * services) : Math.floor(random() ** 2 * i)
      if (caller !== i) edges.set(`${caller} ${i}`, edge(`service-${caller}`, `service-${i}`))
    }
  return graph(nodes, [...edges.values()])
}

it('draws 300 services whole, and no two of them overlap', () => {
  const shown = shownGraph(largeGraph(300), null, 1)
  expect([shown.nodes.length, shown.hidden]).toEqual([300, 0])
  const { places, paths, width, height } = layoutMap({ nodes: shown.nodes.map(({ id }) => id), edges: shown.edges })
  expect(paths).toHaveLength(shown.edges.length)
  const boxes = places.map(([, place]) => place)
  expect(boxes.every(({ x, y }) => x >= 0 && y >= 0 && x + NODE_WIDTH <= width && y + NODE_HEIGHT <= height)).toBe(true)
  const overlaps = boxes.flatMap((a, i) =>
    boxes.slice(i + 1).filter((b) => Math.abs(a.x - b.x) < NODE_WIDTH && Math.abs(a.y - b.y) < NODE_HEIGHT),
  )
  expect(overlaps).toEqual([])
  // As wide as a screen: a tower could not be read at any zoom.
  expect(width / height).toBeGreaterThan(1)
  expect(width / height).toBeLessThan(2.6)
})

it('says what is new, gone, slower and called more since yesterday', () => {
  const now = graph(
    [node('a', 150), node('b', 100, { p95: 15_000, errors: 10 }), node('new')],
    [edge('a', 'b', 150, { p95: 10_400 }), edge('a', 'new')],
  )
  const before = graph([node('a'), node('b'), node('gone')], [edge('a', 'b'), edge('b', 'gone')])
  const { graph: both, changes } = compareGraphs(now, before)
  expect(both.nodes.map(({ id, calls }) => [id, calls])).toEqual([
    ['a', 150],
    ['b', 100],
    ['new', 100],
    ['gone', 0],
  ])
  expect(both.edges).toHaveLength(3)
  expect(changes.nodes.get('a')).toMatchObject({ state: 'stayed', calls: 0.5, p95: 0, slower: false, faster: false })
  expect(changes.nodes.get('b')).toMatchObject({ p95: 5000, errors: 0.1, slower: true })
  expect(changes.nodes.get('new')?.state).toBe('new')
  expect(changes.nodes.get('gone')?.state).toBe('gone')
  // 0.4 ms of 10: two hours of one day differ by as much.
  expect(changes.edges.get('a\nb')).toMatchObject({ p95: 400, slower: false })
  expect(changes.edges.get('b\ngone')?.state).toBe('gone')
})

it('keeps a group that lost a member folded, with what it was before', () => {
  const shop = { labels: { 'service.namespace': 'shop' } }
  const now = graph([node('a', 5, shop), node('c')], [edge('c', 'a', 5)])
  const before = graph([node('a', 4, shop), node('b', 6, shop), node('c')], [edge('c', 'a', 4), edge('c', 'b', 6)])
  const all = compareGraphs(now, before).graph
  const [today, yesterday] = [now, before].map((one) => groupGraph(one, 'service.namespace', new Set(), all))
  const { graph: both, changes } = compareGraphs(today, yesterday)
  expect(both.nodes.map(({ id, calls }) => [id, calls])).toEqual([
    ['c', 100],
    ['group:shop', 5],
  ])
  expect(membersOf(both.nodes[1])).toEqual(['a', 'b'])
  expect(changes.nodes.get('group:shop')).toMatchObject({ state: 'stayed', calls: -0.5 })
  expect(changes.edges.get('c\ngroup:shop')).toMatchObject({ state: 'stayed', calls: -0.5 })
})

it('folds groups into one node each, whose calls are those of all members, and opens one', () => {
  const shop = { labels: { 'service.namespace': 'shop' } }
  const all = graph(
    [
      node('a', 5, shop),
      node('b', 7, shop),
      node('c'),
      node('database:x', 3, { type: 'database' }),
      node('database:y', 4, { type: 'database' }),
    ],
    [edge('c', 'a', 5), edge('c', 'b', 7), edge('a', 'b', 2), edge('b', 'database:x', 3), edge('a', 'database:y', 4)],
  )
  expect(groupKeys(all)).toEqual(['kind', 'service.namespace'])
  const folded = groupGraph(all, 'service.namespace', new Set())
  const group = folded.nodes.find(({ id }) => id === 'group:shop')
  expect(group).toMatchObject({ calls: 12, p95: null })
  expect(group && membersOf(group)).toEqual(['a', 'b'])
  expect(folded.edges.map(({ from, to, calls }) => [from, to, calls])).toEqual([
    ['c', 'group:shop', 12],
    ['group:shop', 'database:x', 3],
    ['group:shop', 'database:y', 4],
  ])
  expect(groupGraph(all, 'service.namespace', new Set(['shop'])).nodes).toHaveLength(5)
  expect(
    groupGraph(all, 'kind', new Set())
      .nodes.map(({ id }) => id)
      .sort(),
  ).toEqual(['a', 'b', 'c', 'group:database'])
})
