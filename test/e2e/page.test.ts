import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tracesFromJson } from '../../core/formats/otlp/decode-json.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { launchBrowser, openPage } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost, startTestHost } from '../fixtures/running-host.ts'

const TRACE_ID = '5b8efff798038103d269b633813fc60c'
const REMOVED_ID = '0af7651916cd43dd8448eb211c80319c'
const HOSTILE = '<img src=x onerror="window.pwned=1">'

let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)), {
    prepare: async (dataDir) => storeAndRemove(dataDir),
  })
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

const DAY_MS = 86_400_000
const REMOVED_AT = Date.now() - 2 * DAY_MS

/** A trace that retention removed two days ago, when it was eight days old. */
function storeAndRemove(dataDir: string): void {
  let nowMs = REMOVED_AT - 8 * DAY_MS
  const clock = {
    nowUs: () => nowMs * 1000,
    monotonicMs: () => nowMs,
    witness: () => ({ wallUs: nowMs * 1000, uptimeMs: nowMs, boot: 'test' }),
  }
  const writer = new Writer({ dataDir, reserveBytes: 1000 }, clock, () => undefined)
  const span = {
    traceId: REMOVED_ID,
    spanId: 'b7ad6b7169203331',
    name: 'GET /old',
    startTimeUnixNano: `${nowMs}000000`,
    endTimeUnixNano: `${nowMs + 5}000000`,
  }
  writer.write([tracesFromJson({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }, nowMs * 1000).batch], [])
  nowMs = REMOVED_AT
  expect(writer.retention({ tracesDays: 7, tracesBytes: 1e12, logsDays: 7 }).spans).toBe(1)
  writer.stop()
}

async function sendMetric(): Promise<void> {
  const point = { timeUnixNano: `${Date.now()}000000`, asDouble: 1, attributes: [] }
  const body = JSON.stringify({
    resourceMetrics: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
        scopeMetrics: [{ metrics: [{ name: 'queue_length', gauge: { dataPoints: [point] } }] }],
      },
    ],
  })
  const answer = await fetch(`${host.otlp}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  expect(answer.status).toBe(200)
}

async function sendTrace(): Promise<void> {
  const now = BigInt(Date.now()) * 1_000_000n
  const body = encodeTraces([
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: TRACE_ID,
              spanId: 'eee19b7ec3c1b174',
              name: `GET /cart ${HOSTILE}`,
              kind: 2,
              startTimeUnixNano: (now - 80_000_000n).toString(),
              endTimeUnixNano: now.toString(),
              attributes: [{ key: 'note', value: { stringValue: HOSTILE } }],
            },
            {
              traceId: TRACE_ID,
              spanId: 'eee19b7ec3c1b175',
              parentSpanId: 'eee19b7ec3c1b174',
              name: 'SELECT cart_items',
              kind: 3,
              startTimeUnixNano: (now - 60_000_000n).toString(),
              endTimeUnixNano: (now - 10_000_000n).toString(),
            },
          ],
        },
      ],
    },
  ])
  const live = await followLive(host)
  const answer = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Buffer.from(body),
  })
  expect(answer.status).toBe(200)
  await live.wait(
    (message) => message.type === 'traces' && message.data.items.some((item) => item.traceId === TRACE_ID),
  )
  live.close()
}

it('turns from waiting to the first trace, opens it, and shows hostile text as text', async () => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'light', locale: 'en-US' })
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${host.api}/#token=${host.token}`)
  await page
    .getByText('4318')
    .or(page.getByText(new URL(host.otlp).port))
    .first()
    .waitFor()
  expect(page.url()).not.toContain(host.token)

  await sendTrace()
  await page.goto(`${host.api}/traces?range=1h`)
  const row = page.getByText('GET /cart', { exact: false }).first()
  await row.waitFor()
  await page.goto(`${host.api}/traces/${TRACE_ID}?range=1h`)
  await page.getByText('SELECT cart_items').first().waitFor()
  expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined()
  expect(problems).toEqual([])
  await page.close()
})

it('loads itself anew when a screen is gone after an update, and says when nobody answers', async () => {
  const page = await openPage(browser, host, '/connect')
  await page.getByRole('navigation').first().waitFor()
  let gone = true
  page.on('request', (request) => {
    if (request.isNavigationRequest()) gone = false
  })
  await page.route(/\/LogsScreen-[^/]+\.js/, (route) =>
    gone ? route.fulfill({ status: 404, body: '' }) : route.continue(),
  )
  await page.getByRole('link', { name: 'Logs', exact: true }).click()
  await page.getByRole('heading', { name: 'Logs' }).waitFor()
  expect([gone, new URL(page.url()).pathname]).toEqual([false, '/logs'])

  await page.route(/\/healthz$|RunsScreen/, (route) => route.abort())
  await page.getByRole('link', { name: 'Runs', exact: true }).click()
  await page.getByText('This part of the page could not be loaded').waitFor()
  await page.getByRole('heading', { name: 'Logs' }).waitFor()
  await page.unrouteAll()
  await page.getByRole('link', { name: 'Runs', exact: true }).click()
  await page.waitForURL(/\/runs/)
  await page.context().close()
})

it('says of a link to a trace that retention removed that it is gone, since when, and what keeps traces longer', async () => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })
  await page.goto(`${host.api}/traces/${REMOVED_ID}?range=1h#token=${host.token}`)
  const told = page.getByRole('alert')
  await told.waitFor()
  const text = await told.textContent()
  expect(text).toContain('This trace was removed by retention')
  expect(text).toContain(new Date(REMOVED_AT).toISOString())
  expect(text).toContain('retention.traces.days')
  await page.close()
})

/** The inspector and the system screen have tests of their own in both themes. */
const SCREENS = [
  '/traces?range=1h',
  `/traces/${REMOVED_ID}?range=1h`,
  '/connect',
  '/logs?range=1h',
  '/metrics?range=1h&expr=queue_length&g=table',
  '/boards',
  '/map?range=1h',
  '/jobs',
  '/settings',
]

it('has no serious accessibility fault on its screens in either theme', async () => {
  await sendMetric()
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, locale: 'en-US' })
    const page = await context.newPage()
    await page.goto(`${host.api}/#token=${host.token}`)
    for (const path of SCREENS) {
      await page.goto(host.api + path)
      await page.locator('h1').first().waitFor()
      await page.waitForFunction(() => (window as { glassboxIdle?: () => boolean }).glassboxIdle?.())
      if (path.includes('g=table')) await page.getByText('queue_length').first().waitFor()
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
        .analyze()
      const grave = violations.filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
      expect(grave.map((violation) => `${path} ${colorScheme} ${violation.id}: ${violation.nodes[0]?.html}`)).toEqual(
        [],
      )
    }
    await context.close()
  }
}, 180_000)
