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
