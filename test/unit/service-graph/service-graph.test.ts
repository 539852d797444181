import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ServiceGraph } from '../../../core/model/answers.ts'
import { LatencyHistogram } from '../../../core/query/latency-histogram.ts'
import { followLive, type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const nowMs = Date.now() - 60_000

interface Sent {
  service: string
  id: number
  parent?: number
  kind: number
  ms: number
  failed?: boolean
  attributes?: Record<string, string>
}

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')

function body(trace: number, spans: Sent[]): string {
  return JSON.stringify({
    resourceSpans: spans.map((span) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: span.service } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: hex(trace, 32),
              spanId: hex(trace * 1000 + span.id, 16),
              parentSpanId: span.parent ? hex(trace * 1000 + span.parent, 16) : '',
              name: `${span.service} ${span.id}`,
              kind: span.kind,
              startTimeUnixNano: `${nowMs}000000`,
              endTimeUnixNano: `${nowMs + span.ms}000000`,
              status: span.failed ? { code: 2 } : {},
              attributes: Object.entries(span.attributes ?? {}).map(([key, value]) => ({
                key,
                value: { stringValue: value },
              })),
            },
          ],
        },
      ],
    })),
  })
}

describe('GET /api/services/graph', () => {
  let host: RunningHost
  let graph: ServiceGraph

  beforeAll(async () => {
    host = await startTestHost()
    const live = await followLive(host)
    const send = async (trace: number, spans: Sent[]) => {
      const answer = await fetch(`${host.otlp}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body(trace, spans),
      })
      expect(answer.status).toBe(200)
    }
    for (let trace = 1; trace <= 10; trace++) {
      // The answering side arrives in another request, before its caller.
      await send(trace, [
        { service: 'cart', id: 3, parent: 2, kind: 2, ms: 100, failed: trace === 1 },
        {
          service: 'cart',
          id: 4,
          parent: 3,
          kind: 3,
          ms: 40,
          attributes: { 'db.system': 'redis', 'db.name': 'carts' },
        },
        { service: 'cart', id: 5, parent: 3, kind: 4, ms: 2, attributes: { 'messaging.system': 'kafka' } },
        { service: 'cart', id: 6, parent: 3, kind: 3, ms: 9, attributes: { 'server.address': 'api.example.com' } },
      ])
      await send(trace, [
        { service: 'gateway', id: 1, kind: 2, ms: 200 },
        { service: 'gateway', id: 2, parent: 1, kind: 3, ms: 110, attributes: { 'server.address': 'cart.internal' } },
        { service: 'mailer', id: 7, parent: 5, kind: 5, ms: 20 },
        { service: 'audit', id: 8, kind: 5, ms: 5, attributes: { 'messaging.system': 'kafka' } },
      ])
    }
    // Writes are in order, so the first status that counts all of them stored comes after the last.
    await live.wait((message) => message.type === 'status' && message.data.storage.spans === 80)
    live.close()
    graph = await host.get<ServiceGraph>('/api/services/graph')
  })
  afterAll(() => host.stop())

  it('finds calls between services across requests, seen at the side that answered', () => {
    const edge = graph.edges.find(({ from, to }) => from === 'gateway' && to === 'cart')
    expect(edge).toMatchObject({ calls: 10, errors: 1 })
    expect(edge?.p50).toBeGreaterThan(95_000)
    expect(edge?.p50).toBeLessThan(105_000)
    expect(graph.edges.find(({ from, to }) => from === 'cart' && to === 'mailer')).toMatchObject({ calls: 10 })
  })

  it('names what does not report itself by the attributes of its callers', () => {
    const inferred = graph.nodes.filter(({ type }) => type !== 'service').map(({ id, calls }) => [id, calls])
    expect(inferred.sort()).toEqual([
      ['database:carts (redis)', 10],
      ['external:api.example.com', 10],
      ['queue:kafka', 0],
    ])
  })

  it('sees a consumer with a trace of its own as called by its queue', () => {
    expect(graph.edges.find(({ to }) => to === 'audit')).toMatchObject({ from: 'queue:kafka', calls: 10 })
  })

  it('counts a request once at the service that took it', () => {
    const calls = Object.fromEntries(graph.nodes.map(({ id, calls }) => [id, calls]))
    expect(calls).toMatchObject({ gateway: 10, cart: 10, mailer: 10 })
    expect(graph.spans).toBe(80)
    expect(graph.partial).toBeNull()
  })

  it('is empty where nothing happened', async () => {
    expect(await host.get('/api/services/graph?start=0&end=1000')).toEqual({
      nodes: [],
      edges: [],
      spans: 0,
      partial: null,
    })
  })
})

describe('latency histogram', () => {
  it('finds quantiles within 5 %', () => {
    const histogram = new LatencyHistogram()
    for (let dur = 1; dur <= 100_000; dur++) histogram.add(dur, 1)
    for (const q of [0.5, 0.95, 0.99]) {
      expect(Math.abs((histogram.quantile(q) ?? 0) / (q * 100_000) - 1)).toBeLessThan(0.05)
    }
    expect(new LatencyHistogram().quantile(0.5)).toBeNull()
  })
})
