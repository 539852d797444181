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

it("shows apps' event loop, heap and garbage collection by service, of one machine or all", async () => {
  const now = Math.floor(Date.now() / 60_000) * 60_000
  const at = (minute: number) => ({ timeUnixNano: `${now - minute * 60_000}000000`, startTimeUnixNano: '1000000' })
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } })
  const send = (service: string, machine: string, heap: number) => ({
    resource: {
      attributes: [
        attribute('service.name', service),
        attribute('service.instance.id', `${service}-1`),
        attribute('host.name', machine),
      ],
    },
    scopeMetrics: [
      {
        metrics: [
          {
            name: 'nodejs.eventloop.delay.p99',
            unit: 's',
            gauge: { dataPoints: [{ ...at(2), asDouble: 0.02 }] },
          },
          {
            name: 'v8js.memory.heap.used',
            unit: 'By',
            gauge: {
              dataPoints: ['new_space', 'old_space'].map((space) => ({
                ...at(2),
                asInt: heap,
                attributes: [attribute('v8js.heap.space.name', space)],
              })),
            },
          },
          {
            name: 'v8js.gc.duration',
            unit: 's',
            histogram: {
              aggregationTemporality: 2,
              dataPoints: [3, 2].map((minute) => ({
                ...at(minute),
                count: String(10 - minute),
                sum: 60 - 6 * minute,
                explicitBounds: [],
                bucketCounts: [String(10 - minute)],
              })),
            },
          },
        ],
      },
    ],
  })
  const sent = await fetch(`${host.otlp}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [send('cart', 'box-1', 100), send('pay', 'box-2', 500)] }),
  })
  expect([sent.status, await sent.text()]).toEqual([200, '{}'])
  const range = `start=${(now - 600_000) * 1000}&end=${now * 1000}`
  const shown = async (query: string): Promise<Record<string, number | undefined>> => {
    const { series } = await host.get<SystemMetrics>(`/api/system/metrics?${range}${query}`)
    const apps = series.filter(({ group }) => group.startsWith('app'))
    return Object.fromEntries(apps.map(({ group, name, points }) => [`${group} ${name}`, points.at(-1)?.[1]]))
  }
  expect(await shown('')).toEqual({
    'appEventLoop cart': 0.02,
    'appEventLoop pay': 0.02,
    'appHeap cart': 200,
    'appHeap pay': 1000,
    'appGc cart': expect.closeTo(0.1, 1),
    'appGc pay': expect.closeTo(0.1, 1),
  })
  expect(Object.keys(await shown('&host=box-2')).sort()).toEqual(['appEventLoop pay', 'appGc pay', 'appHeap pay'])
})
