import type { GraphEdge, GraphNode, GraphNodeType, ServiceGraph } from '../model/answers.ts'
import type { KeyValue } from '../model/records.ts'
import { valueText } from '../model/value-text.ts'
import { LatencyHistogram } from './latency-histogram.ts'

/** One call, as seen at the side that answered, or at the caller when nobody there reports. */
export interface GraphCall {
  /** µs */
  start: number
  /** µs */
  dur: number
  failed: boolean
  /** How many spans this one stands for (sampling). */
  weight: number
}

export interface GraphPeer {
  name: string
  type: GraphNodeType
}

interface Counts {
  calls: number
  errors: number
  latency: LatencyHistogram
}

const emptyCounts = (): Counts => ({ calls: 0, errors: 0, latency: new LatencyHistogram() })

function count(counts: Counts, { dur, failed, weight }: GraphCall): void {
  counts.calls += weight
  if (failed) counts.errors += weight
  counts.latency.add(dur, weight)
}

function answer({ calls, errors, latency }: Counts) {
  return {
    calls,
    errors,
    p50: latency.quantile(0.5),
    p95: latency.quantile(0.95),
    p99: latency.quantile(0.99),
  }
}

/** Attributes of resources that a map can be grouped by, and what they are called there. */
const GROUP_KEYS = new Map([
  ['service.namespace', 'service.namespace'],
  ['deployment.environment.name', 'deployment.environment.name'],
  ['deployment.environment', 'deployment.environment.name'],
  ['k8s.namespace.name', 'k8s.namespace.name'],
  ['cloud.region', 'cloud.region'],
  ['host.name', 'host.name'],
])

/** Takes the calls that an engine finds in its spans. */
export interface GraphSink {
  /** A service is there, even if nothing calls it. */
  see(service: string): void
  /** What a resource of `service` says of where it belongs. */
  describe(service: string, attributes: readonly KeyValue[]): void
  /** A request that entered `service` from outside or from a caller that does not report. */
  entry(service: string, call: GraphCall): void
  /** A call from one service to another, or to or from something that does not report itself (a queue). */
  call(from: GraphPeer, to: GraphPeer, call: GraphCall): void
}

/** What an engine says of the spans that it looked at. */
export interface GraphScan {
  spans: number
  /** Said when not all spans of the range were looked at. */
  partial: ServiceGraph['partial']
}

/** What a node is known by: the service's name, or kind and name of what does not report itself. */
export const nodeId = ({ name, type }: GraphPeer): string => (type === 'service' ? name : `${type}:${name}`)

/** Gathers who calls whom, whatever engine the spans come from. */
export class ServiceGraphBuilder implements GraphSink {
  #nodes = new Map<string, Counts & { name: string; type: GraphNodeType; labels: Record<string, string> }>()
  #edges = new Map<string, Counts & { from: string; to: string }>()

  #node(name: string, type: GraphNodeType) {
    const id = nodeId({ name, type })
    let node = this.#nodes.get(id)
    if (!node) {
      node = { ...emptyCounts(), name, type, labels: {} }
      this.#nodes.set(id, node)
    }
    return { id, node }
  }

  see(service: string): void {
    this.#node(service, 'service')
  }

  /** Of several values the first in order stands for all. */
  describe(service: string, attributes: readonly KeyValue[]): void {
    const { labels } = this.#node(service, 'service').node
    for (const { key, value } of attributes) {
      const name = GROUP_KEYS.get(key)
      const text = name ? valueText(value) : ''
      if (name && text !== '' && (labels[name] === undefined || text < labels[name])) labels[name] = text
    }
  }

  entry(service: string, call: GraphCall): void {
    count(this.#node(service, 'service').node, call)
  }

  call(from: GraphPeer, to: GraphPeer, call: GraphCall): void {
    const source = this.#node(from.name, from.type)
    const target = this.#node(to.name, to.type)
    count(target.node, call)
    const key = `${source.id}\n${target.id}`
    let edge = this.#edges.get(key)
    if (!edge) {
      edge = { ...emptyCounts(), from: source.id, to: target.id }
      this.#edges.set(key, edge)
    }
    count(edge, call)
  }

  finish({ spans, partial }: GraphScan): ServiceGraph {
    const nodes: GraphNode[] = [...this.#nodes].map(([id, node]) => ({
      id,
      name: node.name,
      type: node.type,
      labels: node.labels,
      ...answer(node),
    }))
    const edges: GraphEdge[] = [...this.#edges.values()].map((edge) => ({
      from: edge.from,
      to: edge.to,
      ...answer(edge),
    }))
    nodes.sort((a, b) => b.calls - a.calls || (a.id < b.id ? -1 : 1))
    edges.sort((a, b) => b.calls - a.calls || (a.from + a.to < b.from + b.to ? -1 : 1))
    return { nodes, edges, spans, partial }
  }
}

/** Attributes that name the far side of a call, in the order they are asked. */
export const PEER_KEYS = [
  'db.system.name',
  'db.system',
  'db.namespace',
  'db.name',
  'messaging.system',
  'messaging.destination.name',
  'messaging.destination',
  'gen_ai.provider.name',
  'gen_ai.system',
  'peer.service',
  'server.address',
  'net.peer.name',
  'http.host',
] as const

/**
 * What a client or producer span called, from its attributes (OpenTelemetry semantic conventions, current and older
 * names); null when they do not tell.
 */
export function peerOf(attribute: (key: (typeof PEER_KEYS)[number]) => string | undefined): GraphPeer | null {
  const peer = attribute('peer.service')
  const database = attribute('db.system.name') ?? attribute('db.system')
  if (database) {
    const name = peer ?? attribute('db.namespace') ?? attribute('db.name')
    return { name: name ? `${name} (${database})` : database, type: 'database' }
  }
  const queue = attribute('messaging.system')
  if (queue) {
    const name = attribute('messaging.destination.name') ?? attribute('messaging.destination')
    return { name: name ? `${name} (${queue})` : queue, type: 'queue' }
  }
  const name =
    peer ??
    attribute('gen_ai.provider.name') ??
    attribute('gen_ai.system') ??
    attribute('server.address') ??
    attribute('net.peer.name') ??
    attribute('http.host')
  return name ? { name, type: 'external' } : null
}
