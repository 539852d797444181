import AxeBuilder from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { launchBrowser, openPage, pageIdle, pageQuery } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost } from '../fixtures/running-host.ts'

const YESTERDAY = '5b8efff798038103d269b633813fc60d'
const HOSTILE = '<img src=x onerror="window.pwned=1">'
let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startJourneyHost()
  browser = await launchBrowser()
  const today = Date.now()
  const span = (
    service: string,
    spanId: string,
    parentSpanId: string,
    kind: number,
    failed: boolean,
    now = today,
    traceId = '5b8efff798038103d269b633813fc60c',
  ) => ({
    resource: {
      attributes: [
        { key: 'service.name', value: { stringValue: service } },
        ...(service === HOSTILE ? [] : [{ key: 'service.namespace', value: { stringValue: 'shop' } }]),
      ],
    },
    scopeSpans: [
      {
        spans: [
          {
            traceId,
            spanId,
            parentSpanId,
            name: `${service} work`,
            kind,
            startTimeUnixNano: `${now - 500}000000`,
            endTimeUnixNano: `${now - 100}000000`,
            status: failed ? { code: 2 } : {},
            attributes: [{ key: 'db.system', value: { stringValue: 'postgresql' } }],
          },
        ],
      },
    ],
  })
  const live = await followLive(host)
  const answer = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceSpans: [
        span('gateway', '0000000000000001', '', 2, false),
        span('cart', '0000000000000002', '0000000000000001', 2, true),
        span('cart', '0000000000000003', '0000000000000002', 3, false),
        span(HOSTILE, '0000000000000004', '0000000000000002', 2, false),
        // The same time yesterday: another service instead of the hostile one, and no database.
        span('gateway', '0000000000000011', '', 2, false, today - 86_400_000, YESTERDAY),
        span('cart', '0000000000000012', '0000000000000011', 2, false, today - 86_400_000, YESTERDAY),
        span('legacy', '0000000000000013', '0000000000000012', 2, false, today - 86_400_000, YESTERDAY),
      ],
    }),
  })
  expect(answer.status).toBe(200)
  await live.wait((message) => message.type === 'status' && message.data.storage.spans === 7)
  live.close()
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

it.each(['light', 'dark'] as const)('shows who calls whom and leads to the traces (%s)', async (colorScheme) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, locale: 'en-US' })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${host.api}/map?range=1h#token=${host.token}`)
  const cart = page.getByTitle(/^cart, service/)
  await cart.waitFor()
  await page.getByTitle(/^postgresql, database/).waitFor()
  expect(
    (await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa']).analyze()).violations.map(({ id, nodes }) => [
      id,
      nodes.map(({ html }) => html.slice(0, 200)),
    ]),
  ).toEqual([])

  await cart.click()
  const side = page.getByRole('complementary', { name: 'cart' })
  await side.getByText('gateway').waitFor()
  expect(new URL(page.url()).searchParams.get('sel')).toBe('cart')
  // Calls, errors and P95 over the range; a point of a line leads to its traces, and Back to the point.
  for (const name of ['cart Requests', 'cart Errors', 'cart P95']) await side.getByRole('slider', { name }).waitFor()
  await pageIdle(page)
  await side.getByRole('slider', { name: 'cart Errors' }).focus()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/traces\?.*status=error/)
  await page.getByText('1 trace', { exact: true }).waitFor()
  await page.goBack()
  await side.getByRole('slider', { name: 'cart P95' }).waitFor()
  expect(pageQuery(page)).toMatchObject({ sel: 'cart', at: expect.stringMatching(/^\d{16}$/) })
  await page.getByTitle(/^cart, service/).focus()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('complementary', { name: 'gateway' }).waitFor()
  await page.keyboard.press('f')
  await page.getByText('4 nodes, showing 2 around gateway').waitFor()
  await page.keyboard.press('Shift+T')
  await page.getByRole('columnheader', { name: /P95/ }).waitFor()
  expect(
    (await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa']).analyze()).violations.map(({ id, nodes }) => [
      id,
      nodes.map(({ html }) => html.slice(0, 200)),
    ]),
  ).toEqual([])

  await page.getByRole('button', { name: 'Traces of gateway' }).click()
  await page.waitForURL(/\/traces\?.*service=gateway/)
  await page.goBack()
  await page.getByRole('columnheader', { name: /P95/ }).waitFor()
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false)
  expect(problems).toEqual([])
  await context.close()
})

it('compares with the same time yesterday, and folds services into groups', async () => {
  const page = await openPage(browser, host, '/map?range=1h')
  await page.getByTitle(/^cart, service/).waitFor()
  await page.keyboard.press('b')
  await page.getByTitle(/^legacy, service.*against yesterday: gone/).waitFor()
  await page.getByTitle(/^postgresql, database.*against yesterday: new/).waitFor()
  await page.getByTitle(/^gateway, service.*against yesterday: ±0 · P95 ±0/).waitFor()
  await page.getByTitle(/^legacy, service/).click()
  await page.getByRole('complementary', { name: 'legacy' }).getByText('Was there at the same time yesterday').waitFor()
  await page.keyboard.press('Shift+T')
  await page.getByRole('row', { name: /cart legacy.*gone/ }).waitFor()
  const faults = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa']).analyze()
  expect(faults.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))])).toEqual([])
  await page.keyboard.press('Shift+T')
  await page.getByLabel('Group by').selectOption('service.namespace')
  const group = page.getByTitle(/^shop, 3 members/)
  await group.waitFor()
  expect(pageQuery(page)).toMatchObject({ compare: 'day', group: 'service.namespace' })
  await group.click()
  const side = page.getByRole('complementary', { name: 'shop' })
  await side.getByText('cart', { exact: true }).first().waitFor()
  await side.getByText('legacy · gone').waitFor()
  await side.getByRole('button', { name: 'Show its members' }).click()
  await page.getByTitle(/^cart, service/).waitFor()
  await page.getByRole('button', { name: 'Fold groups' }).waitFor()
  // The state is in the address: opened anew, it is the same.
  await page.reload()
  await page.getByTitle(/^cart, service/).waitFor()
  await page.goBack()
  await page.getByTitle(/^shop, 3 members/).waitFor()
  await page.context().close()
})
