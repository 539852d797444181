import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost, startTestHost } from '../fixtures/running-host.ts'

const TRACE_ID = '5b8efff798038103d269b633813fc60c'
const HOSTILE = '<img src=x onerror="window.pwned=1">'

let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

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

it('has no serious accessibility fault on its screens in either theme', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, locale: 'en-US' })
    const page = await context.newPage()
    await page.goto(`${host.api}/#token=${host.token}`)
    for (const path of ['/traces?range=1h', '/connect', '/logs', '/settings']) {
      await page.goto(host.api + path)
      await page.locator('h1').first().waitFor()
      const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa']).analyze()
      const grave = violations.filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
      expect(grave.map((violation) => `${path} ${colorScheme} ${violation.id}: ${violation.nodes[0]?.html}`)).toEqual(
        [],
      )
    }
    await context.close()
  }
}, 90_000)
