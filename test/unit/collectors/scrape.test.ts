import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { Scraper } from '../../../core/collectors/scrape/scraper.ts'
import type { DecodedSamples } from '../../../core/model/decoded-samples.ts'

let server: Server
let scraper: Scraper
afterEach(async () => {
  await scraper.stop()
  server.closeAllConnections()
  server.close()
})

/** A target that answers as told; `round` scrapes once and gives what was written. */
async function target(answer: (response: ServerResponse) => void, more = {}) {
  server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let taken: DecodedSamples | null = null
  scraper = new Scraper({
    target: {
      job: 'shop',
      url: `http://127.0.0.1:${port}/metrics`,
      intervalMs: 3_600_000,
      timeoutMs: 500,
      honorLabels: false,
      sampleLimit: 0,
      bodySizeLimit: 10_000,
      labels: {},
      ...more,
    },
    clock: systemClock,
    take: async (samples) => {
      taken = samples
    },
  })
  return async () => {
    await scraper.round()
    const { batch } = taken as unknown as DecodedSamples
    return Array.from(batch.seriesOf, (series, i) => {
      const labels = Object.fromEntries(batch.series[series])
      return { name: labels.__name__, labels, value: batch.values[i], kind: batch.kinds[i] }
    })
  }
}

it('writes samples with job and instance, renames clashes, and marks what is gone as stale', async () => {
  let body = 'a{job="own"} 1\nb 2\n'
  const round = await target((response) => response.end(body))
  const first = await round()
  expect(first.find(({ name }) => name === 'a')?.labels).toMatchObject({ job: 'shop', exported_job: 'own' })
  expect(first.find(({ name }) => name === 'up')?.value).toBe(1)
  body = 'b 3\n'
  const second = await round()
  expect(second.filter(({ name }) => name === 'a')).toMatchObject([{ kind: 1 }])
  expect(second.find(({ name }) => name === 'scrape_series_added')?.value).toBe(0)
})

it.each<[string, (response: ServerResponse) => void, string]>([
  ['hangs', () => undefined, 'no whole answer within 500 ms'],
  ['sends garbage', (response) => response.end('{"a":1}'), 'line 1'],
  ['sends too much', (response) => response.end('# \n'.repeat(10_000)), 'larger than 10000 bytes'],
  ['answers 500', (response) => response.writeHead(500).end(), 'HTTP status 500'],
  ['lies about its length', (response) => response.writeHead(200, { 'content-length': 99 }).write('a 1\n'), '500 ms'],
])('shows a target that %s as down, with the reason', async (_what, answer, why) => {
  const round = await target(answer)
  const written = await round()
  expect(written.find(({ name }) => name === 'up')?.value).toBe(0)
  expect(scraper.state.health).toBe('down')
  expect(scraper.state.lastError).toContain(why)
})
