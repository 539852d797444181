import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Facets, Heatmap, Histogram, LogPatterns, Page, TraceGroups } from '../../../core/api/contract/shapes.ts'
import type { TraceSummary } from '../../../core/model/records.ts'
import { explorer } from '../../../core/query/explore-pages.ts'
import { startReader } from '../../../core/storage/sqlite/read/reader.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'
import { followLive, type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const SEED = 7
let host: RunningHost
let range = ''

async function send(path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(host.otlp + path, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(answer.status).toBe(200)
}

beforeAll(async () => {
  host = await startTestHost()
  const startMs = Date.now() - 60_000
  range = `start=${(startMs - 1000) * 1000}&end=${(startMs + 120_000) * 1000}`
  const live = await followLive(host)
  // One request a service, so that every trace lies in several blocks.
  for (const part of randomResourceSpans(1000, 6, SEED, startMs)) {
    const { attributes } = part['resource'] as { attributes: object[] }
    attributes.push({ key: 'host.name', value: { stringValue: 'shop-1' } })
    await send('/v1/traces', { resourceSpans: [part] })
  }
  const lines = Array.from({ length: 300 }, (_, i) => ({
    timeUnixNano: String((startMs + i) * 1_000_000),
    severityNumber: i % 10 === 0 ? 17 : 9,
    body: { stringValue: i % 3 === 0 ? `waited ${i} ms, retrying` : `stock ${i}: left` },
    attributes: [{ key: 'pool', value: { stringValue: i % 2 === 0 ? 'cart-db' : 'order-db' } }],
  }))
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] }
  await send('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: lines }] }] })
  await live.wait(
    ({ type, data }) => type === 'status' && data.pipeline.traces.stored === 1000 && data.pipeline.logs.stored === 300,
  )
  live.close()
})
afterAll(() => host.stop())

const total = async (path: string): Promise<number> => (await host.get<Histogram>(path)).total

describe('what lists are explored with', () => {
  it('counts as many traces a value as a search for that value finds', async () => {
    const facets = await host.get<Facets>(`/api/traces/facets?${range}`)
    expect(facets.total).toBe(100)
    expect(facets.items.slice(0, 2).map((facet) => facet.key)).toEqual(['status', 'service'])
    expect(facets.items.find((facet) => facet.key === 'host.name')).toMatchObject({
      present: 100,
      values: [{ value: 'shop-1', count: 100 }],
    })
    let checked = 0
    for (const { key, values } of facets.items.filter((facet) => ['service', 'http.route', 'name'].includes(facet.key)))
      for (const { value, count } of values) {
        const q = encodeURIComponent(`${key}="${value}"`)
        expect([key, value, await total(`/api/traces/histogram?${range}&q=${q}`)]).toEqual([key, value, count])
        checked++
      }
    expect(checked).toBeGreaterThan(8)
  })

  it('counts a trace in the cell of the heat map whose bounds find it', async () => {
    const map = await host.get<Heatmap>(`/api/traces/heatmap?${range}&buckets=10&rows=8`)
    expect([map.total, map.counts.reduce((sum, n) => sum + n, 0)]).toEqual([100, 100])
    for (let row = 0; row < 8; row++) {
      const bounds = `minDuration=${map.edges[row]}&maxDuration=${map.edges[row + 1] - 1}`
      const inRow = map.counts.filter((_, i) => i % 8 === row).reduce((sum, n) => sum + n, 0)
      expect(await total(`/api/traces/histogram?${range}&${bounds}`)).toBe(inRow)
    }
  })

  it('groups by an attribute, and by the operation of the root', async () => {
    const groups = await host.get<TraceGroups>(`/api/traces/groups?${range}&by=http.route`)
    expect(groups.items.length).toBe(4)
    for (const { value, count, errors, p50, p99, max } of groups.items) {
      const q = encodeURIComponent(`http.route="${value}"`)
      expect(await total(`/api/traces/histogram?${range}&q=${q}`)).toBe(count)
      expect(await total(`/api/traces/histogram?${range}&status=error&q=${q}`)).toBe(errors)
      expect(p50 <= p99 && p99 <= max).toBe(true)
    }
    const roots = await host.get<TraceGroups>(`/api/traces/groups?${range}&by=operation`)
    expect(roots.items.reduce((sum, group) => sum + group.count, 0) + roots.without).toBe(100)
  })

  it('pages through all traces by duration without repeating or skipping one', async () => {
    const seen: TraceSummary[] = []
    let cursor = ''
    do {
      const page: Page<TraceSummary> = await host.get(`/api/traces?${range}&sort=duration&limit=7&cursor=${cursor}`)
      seen.push(...page.items)
      cursor = encodeURIComponent(page.nextCursor ?? '')
    } while (cursor !== '')
    expect(new Set(seen.map((trace) => trace.traceId)).size).toBe(100)
    expect(seen.map((trace) => trace.dur)).toEqual(seen.map((trace) => trace.dur).sort((a, b) => b - a))
  })

  it('counts the same from pages alone, as for an engine that cannot count', async () => {
    const reader = await startReader(host.dataDir, 5000)
    const bounds = new URLSearchParams(range)
    const search = {
      start: Number(bounds.get('start')),
      end: Number(bounds.get('end')),
      filter: [],
      limit: 1,
      cursor: null,
    }
    const traces = { ...search, minDuration: null, maxDuration: null, status: null, service: null, operation: null }
    const logs = { ...search, severity: null, service: null, traceId: null, spanId: null }
    const own = explorer(reader)
    const paged = explorer({ ...reader, explore: undefined })
    const pick = ({ items }: Facets, key: string) => items.find((facet) => facet.key === key)
    const [a, b] = [await own.traceFacets(traces, 10), await paged.traceFacets(traces, 10)]
    for (const key of ['status', 'service']) expect(pick(b, key)).toEqual(pick(a, key))
    const [c, d] = [await own.logFacets(logs, 10), await paged.logFacets(logs, 10)]
    for (const key of ['service', 'severity', 'pool']) expect(pick(d, key)).toEqual(pick(c, key))
    expect((await paged.logPatterns(logs)).items.map((item) => item.count)).toEqual(
      (await own.logPatterns(logs)).items.map((item) => item.count),
    )
    const sum = (map: Heatmap) => map.counts.reduce((n, count) => n + count, 0)
    expect(sum(await paged.traceHeatmap(traces, 10, 8))).toBe(sum(await own.traceHeatmap(traces, 10, 8)))
    expect(await paged.traceGroups(traces, 'operation')).toMatchObject({ total: 100, others: 0 })
    await reader.stop()
  })

  it('counts log records by value and folds them by pattern', async () => {
    const facets = await host.get<Facets>(`/api/logs/facets?${range}`)
    const of = (key: string) => facets.items.find((facet) => facet.key === key)?.values
    expect(of('severity')).toEqual([
      { value: 'info', count: 270 },
      { value: 'error', count: 30 },
    ])
    expect(of('pool')).toEqual([
      { value: 'cart-db', count: 150 },
      { value: 'order-db', count: 150 },
    ])
    const { items, others } = await host.get<LogPatterns>(`/api/logs/patterns?${range}&severity=error`)
    expect(items.map(({ pattern, count, severity }) => [pattern, count, severity])).toEqual([
      ['stock <*> left', 20, 17],
      ['waited <*> ms, retrying', 10, 17],
    ])
    expect(others).toBe(0)
  })
})
