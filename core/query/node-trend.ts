import type { NodeTrend } from '../model/answers.ts'
import type { NodeTrendQuery } from '../storage/store.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { type GraphCall, type GraphPeer, type GraphScan, type GraphSink, nodeId } from './service-graph.ts'

/** Counts the calls of one node of the map over time, by the rules by which the map counts them. */
export class NodeTrendBuilder implements GraphSink {
  #query: NodeTrendQuery
  #step: number
  #calls: number[]
  #errors: number[]
  #latency: LatencyHistogram[]

  constructor(query: NodeTrendQuery) {
    this.#query = query
    this.#step = Math.max(1, Math.ceil((query.end - query.start) / query.buckets))
    this.#calls = Array<number>(query.buckets).fill(0)
    this.#errors = Array<number>(query.buckets).fill(0)
    this.#latency = Array.from({ length: query.buckets }, () => new LatencyHistogram())
  }

  see(): void {}
  describe(): void {}

  entry(service: string, call: GraphCall): void {
    if (service === this.#query.node) this.#count(call)
  }

  call(_from: GraphPeer, to: GraphPeer, call: GraphCall): void {
    if (nodeId(to) === this.#query.node) this.#count(call)
  }

  #count({ start, dur, failed, weight }: GraphCall): void {
    const at = Math.floor((start - this.#query.start) / this.#step)
    if (at < 0 || at >= this.#calls.length) return
    this.#calls[at] += weight
    if (failed) this.#errors[at] += weight
    this.#latency[at].add(dur, weight)
  }

  finish({ partial }: GraphScan): NodeTrend {
    const buckets = this.#calls.map((calls, at) => ({
      time: this.#query.start + at * this.#step,
      calls,
      errors: this.#errors[at],
      p95: this.#latency[at].quantile(0.95),
    }))
    return { step: this.#step, buckets, partial }
  }
}
