import { afterAll, beforeAll, expect, it } from 'vitest'
import type { HostInfo, SystemMetrics } from '../../core/model/answers.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'collectors.host.enabled': true, 'collectors.host.intervalMs': 1000 })
})
afterAll(() => host.stop())

it('shows this machine on the System screen after a round or two', { timeout: 20_000 }, async () => {
  let answer: SystemMetrics
  do answer = await host.get<SystemMetrics>('/api/system/metrics?range=1h')
  while (!answer.series.some(({ group }) => group === 'cpu'))
  expect(answer.hosts).toHaveLength(1)
  const groups = new Set(answer.series.map(({ group }) => group))
  for (const group of ['memory', 'eventLoop', 'heap']) expect(groups).toContain(group)
  for (const { points } of answer.series) for (const [time] of points) expect(time).toBeGreaterThanOrEqual(answer.start)
  const heap = answer.series.find(({ group, name }) => group === 'heap' && name === 'used')
  expect(heap?.points[0][1]).toBeGreaterThan(1e6)
})

it('lists this machine among the hosts', { timeout: 20_000 }, async () => {
  let hosts: HostInfo[]
  do hosts = (await host.get<{ items: HostInfo[] }>('/api/hosts')).items
  while (hosts.length === 0)
  expect(hosts).toHaveLength(1)
  expect(hosts[0]).toMatchObject({ online: true, interval: 1e6, arch: process.arch, unreadable: [] })
  expect(hosts[0].version).toMatch(/^\d+\./)
  expect(hosts[0].lastSeen).toBeGreaterThan(1.7e15)
})
