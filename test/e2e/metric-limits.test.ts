import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { IntakeReport } from '../../core/api/contract/shapes.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'metrics.maxSeriesPerMetric': 50 })
})
afterAll(() => host.stop())

/** Sends gauges by OTLP/JSON; answers how many were rejected. */
async function send(metric: string, values: string[]): Promise<number> {
  const dataPoints = values.map((value) => ({
    attributes: [{ key: 'user', value: { stringValue: value } }],
    timeUnixNano: `${Date.now()}000000`,
    asDouble: 1,
  }))
  const metrics = [{ name: metric, gauge: { dataPoints } }]
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bomber' } }] }
  const answer = await fetch(`${host.otlp}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] }),
  })
  const body = (await answer.json()) as { partialSuccess?: { rejectedDataPoints?: string } }
  return Number(body.partialSuccess?.rejectedDataPoints ?? 0)
}

const users = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `u${from + i}`)
const patch = (changes: object): Promise<unknown> =>
  host.get('/api/settings', {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(changes),
  })

it('refuses a cardinality bomb by its metric, keeps the rest, names it, and takes more once the limit is raised', async () => {
  expect(await send('requests', users(0, 1000))).toBe(950)
  expect(await send('requests', users(0, 50))).toBe(0)
  expect(await send('other', users(0, 10))).toBe(0)
  const { metrics } = await host.get<{ metrics: { rejected: Record<string, number> } }>('/api/pipeline')
  expect(metrics.rejected.series_limit).toBe(950)
  const { intake } = await host.get<{ intake: IntakeReport }>('/api/status')
  const [finding] = intake.findings.filter(({ kind }) => kind === 'series-limit')
  expect(finding.detail).toContain('requests has more series than are taken (50 series a metric')
  const own = await (await fetch(`${host.api}/metrics`)).text()
  expect(own).toContain('glassbox_series_refused_samples_total{metric="requests"} 950')
  await patch({ 'metrics.maxSeriesPerMetric': 100 })
  expect(await send('requests', users(50, 100))).toBe(0)
  expect(await send('requests', users(100, 101))).toBe(1)
})

it('holds queries to their limits, experimental functions behind a setting, all changed while it runs', async () => {
  const query = (text: string) =>
    fetch(`${host.api}/api/v1/query?query=${encodeURIComponent(text)}`, {
      headers: { authorization: `Bearer ${host.token}` },
    })
  expect((await query('count(requests)')).status).toBe(200)
  await patch({ 'promql.maxSeries': 10 })
  const refused = await query('count(requests)')
  expect(refused.status).toBe(422)
  expect(((await refused.json()) as { error: string }).error).toContain('more than 10 series')
  await patch({ 'promql.maxSeries': 200_000 })
  expect((await query('mad_over_time(requests[5m])')).status).toBe(400)
  await patch({ 'promql.experimental': true })
  expect((await query('mad_over_time(requests[5m])')).status).toBe(200)
})

it('scrapes what the settings say from then on, and shows it with its discovered labels', {
  timeout: 20_000,
}, async () => {
  const target = createServer((_request, response) => response.end('shop_orders 5\n'))
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(target.address() as AddressInfo).port}`
  await patch({ 'collectors.scrape.jobs': [{ job: 'shop', intervalMs: 1000, static: [{ targets: [address] }] }] })
  type Vector = { data: { result: { metric: Record<string, string>; value: [number, string] }[] } }
  let found: Vector
  do found = await host.get<Vector>('/api/v1/query?query=shop_orders')
  while (found.data.result.length === 0)
  expect(found.data.result[0]).toMatchObject({
    metric: { job: 'shop', instance: address },
    value: [expect.anything(), '5'],
  })
  const { data } = await host.get<{ data: { activeTargets: object[] } }>('/api/v1/targets')
  expect(data.activeTargets).toMatchObject([
    { scrapePool: 'shop', health: 'up', discoveredLabels: { __address__: address, job: 'shop' } },
  ])
  await patch({ 'collectors.scrape.jobs': [] })
  do found = await host.get<Vector>('/api/v1/query?query=shop_orders')
  while (found.data.result.length > 0)
  target.closeAllConnections()
  target.close()
})
