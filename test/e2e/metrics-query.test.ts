import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'collectors.host.enabled': true, 'collectors.host.intervalMs': 1000 })
})
afterAll(() => host.stop())

interface Answer {
  data: { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] }
}
const query = (text: string): Promise<Answer> => host.get<Answer>(`/api/v1/query?query=${encodeURIComponent(text)}`)

it('answers PromQL over what the host collector wrote', { timeout: 20_000 }, async () => {
  let answer: Answer
  do answer = await query('sum by (state) (system_memory_usage_bytes)')
  while (answer.data.result.length === 0)
  expect(answer.data.resultType).toBe('vector')
  expect(answer.data.result.map(({ metric }) => metric.state).sort()).toContain('used')
  const scalar = await query('1+1')
  expect(scalar.data.resultType).toBe('scalar')
  expect((scalar.data.result as unknown as [number, string])[1]).toBe('2')
  const none = await host.get('/api/v1/query_exemplars?query=rate(none_total%5B5m%5D)')
  expect(none).toEqual({ status: 'success', data: [] })
})

it('answers what Grafana sends: its health check, variables, panels, exemplars and limits', {
  timeout: 20_000,
}, async () => {
  while ((await query('system_memory_usage_bytes')).data.result.length === 0);
  const now = Math.floor(Date.now() / 1000)
  const range = `start=${now - 3600}&end=${now + 1}`
  type Said = { status: string; data: unknown; warnings?: string[] }
  const form = (path: string, body: string): Promise<Said> =>
    host.get(`/api/v1/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`grafana:${host.token}`).toString('base64')}`,
        'x-grafana-org-id': '1',
        'accept-encoding': 'gzip',
      },
      body,
    })
  const get = (path: string): Promise<Said> => host.get(`/api/v1/${path}`)

  // "Save & test": which flavour this is, and whether a query works.
  const { data: build } = (await get('status/buildinfo')) as { data: { version: string; features?: object } }
  expect([build.version.split('.')[0], build.features]).toEqual(['3', undefined])
  expect(await form('query', `query=1%2B1&time=${now}`)).toEqual({
    status: 'success',
    data: { resultType: 'scalar', result: [now, '2'] },
  })
  // A panel, and the same with what it cost.
  const panel = `query=sum+by+%28state%29+%28system_memory_usage_bytes%29&${range}&step=1`
  const drawn = (await form('query_range', panel)).data as { resultType: string; result: unknown[] }
  expect(drawn.resultType).toBe('matrix')
  expect(drawn.result.length).toBeGreaterThan(1)
  expect((await form('query_range', `${panel}&stats=all`)).data).toHaveProperty('stats.samples.totalQueryableSamples')
  // Variables and the query builder: label_values(metric, label), names by a part, limits with a warning.
  const names = (await get(`label/__name__/values?${range}&limit=40000`)).data
  expect(names).toContain('system_memory_usage_bytes')
  expect((await get(`label/state/values?match%5B%5D=system_memory_usage_bytes&${range}`)).data).toContain('used')
  const some = await get(`label/__name__/values?match%5B%5D=%7B__name__%3D~%22.%2Amemory.%2A%22%7D&limit=1&${range}`)
  expect([(some.data as string[]).length, some.warnings]).toEqual([1, ['results truncated due to limit']])
  expect((await form('labels', `match%5B%5D=system_memory_usage_bytes&${range}`)).data).toContain('state')
  const series = (await form('series', `match%5B%5D=system_memory_usage_bytes&${range}&limit=2`)) as Said
  expect([(series.data as unknown[]).length, series.warnings]).toEqual([2, ['results truncated due to limit']])
  expect((await get('metadata?limit=40000&limit_per_metric=1')).data).toHaveProperty('system_memory_usage_bytes')
  expect((await form('query_exemplars', `query=system_memory_usage_bytes&${range}`)).data).toEqual([])
  // Alerting looks for rules; another product's rules are not here.
  expect((await get('rules')).data).toEqual({ groups: [] })
  await expect(get('rules/nothing')).rejects.toThrow('404 404 page not found')
})
