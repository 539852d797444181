import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import type { Trace, TraceSummary } from '../../../core/model/records.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { launchBrowser } from '../../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send } from '../../unit/receivers/raw-http.ts'

/** One trace of so many spans. */
const SPANS = process.env.GLASSBOX_LONG ? 200_000 : 20_000
const PER_REQUEST = 4000
const TRACE = '25'.padStart(32, 'c')

let host: RunningHost
let browser: Browser
beforeAll(async () => {
  const page = fileURLToPath(new URL('../../../out/renderer', import.meta.url))
  host = await startTestHost({ 'sampling.enabled': false, 'pipeline.overflow': 'refuse' }, page)
  browser = await launchBrowser()
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

const hexId = (n: number): string => n.toString(16).padStart(16, '0')
const startMs = Date.now() - 60_000

/** Span `n`: a child of span n / 2, so that the tree is as deep as its logarithm, under one root. */
function span(n: number) {
  const startNs = BigInt(startMs) * 1_000_000n + BigInt(n) * 10_000n
  return {
    traceId: TRACE,
    spanId: hexId(n),
    ...(n > 1 && { parentSpanId: hexId(n >> 1) }),
    name: `step ${n % 50}`,
    kind: 1,
    startTimeUnixNano: `${startNs}`,
    endTimeUnixNano: `${startNs + 5_000_000n}`,
    attributes: [{ key: 'n', value: { intValue: `${n}` } }],
    ...(n % 1000 === 0 && { status: { code: 2 } }),
  }
}

// Experiment 25, its last line.
it(`one trace of ${SPANS} spans comes back whole, in every form, and its waterfall opens`, async () => {
  for (let from = 1; from <= SPANS; from += PER_REQUEST) {
    const spans = Array.from({ length: Math.min(PER_REQUEST, SPANS - from + 1) }, (_, i) => span(from + i))
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service ${from % 7}` } }] }
    const body = encodeTraces([{ resource, scopeSpans: [{ scope: {}, spans }] }] as never)
    let status: number
    do
      ({ status } = await send(host.otlp, '/v1/traces', {
        headers: { 'content-type': 'application/x-protobuf' },
        body,
      }))
    while (status === 503)
    expect(status).toBe(200)
  }
  let books: PipelineAnswer['traces']
  do books = (await host.get<PipelineAnswer>('/api/pipeline')).traces
  while (books.waiting > 0)
  expect([books.received, books.stored, books.dropped]).toEqual([SPANS, SPANS, {}])

  const whole = await host.get<Trace>(`/api/traces/${TRACE}`)
  expect(new Set(whole.spans.map(({ spanId }) => spanId)).size).toBe(SPANS)
  expect([whole.spans.length, whole.orphanCount]).toEqual([SPANS, 0])
  expect(whole.summary).toMatchObject({ spanCount: SPANS, errorCount: Math.floor(SPANS / 1000), rootMissing: false })
  const byId = new Map(whole.spans.map((one) => [one.spanId, one]))
  for (let n = 2; n <= SPANS; n += 997) {
    expect(byId.get(hexId(n))).toMatchObject({ parentId: hexId(n >> 1), dur: 5000, name: `step ${n % 50}` })
    expect(byId.get(hexId(n))?.attributes).toEqual([{ key: 'n', value: { intValue: `${n}` } }])
  }
  const { items } = await host.get<{ items: TraceSummary[] }>('/api/traces?limit=5')
  expect(items.map(({ traceId, spanCount }) => [traceId, spanCount])).toEqual([[TRACE, SPANS]])
  for (const format of ['otlp', 'jaeger', 'zipkin']) {
    const text = JSON.stringify(await host.get(`/api/traces/${TRACE}/export?format=${format}`))
    expect(text.split(/"span(?:Id|ID)"|"id":"[0-9a-f]{16}"/).length, format).toBeGreaterThan(SPANS)
  }

  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(`${host.api}/traces/${TRACE}?range=1h#token=${host.token}`)
  const drawer = page.locator('.inspector')
  await drawer.getByText(SPANS.toLocaleString('en-US')).first().waitFor({ timeout: 120_000 })
  await drawer.locator('canvas').first().waitFor()
  expect(faults).toEqual([])
  await page.close()
}, 600_000)
