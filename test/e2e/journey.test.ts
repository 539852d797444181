import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PinnedTrace } from '../../core/model/pins.ts'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { type ListLine, type ListSpan, sendAll, traceIdOf } from '../fixtures/list-data.ts'
import { launchBrowser, openPage, pageIdle, pageQuery } from '../fixtures/page-browser.ts'
import type { RunningHost } from '../fixtures/running-host.ts'

/** The way from "something is wrong" to its cause, through every screen of Monitor that shows what is stored. */
let host: RunningHost
let browser: Browser
let page: Page
const problems: string[] = []
const QUERIES = 20

/** Requests of one version of cart; the newer one asks the database row by row, and fails now and then. */
function requests(
  version: string,
  from: number,
  ago: number,
  queries: number,
): { spans: ListSpan[]; lines: ListLine[] } {
  const resource = { 'service.version': version, 'service.instance.id': `cart-${version}` }
  const spans: ListSpan[] = []
  const lines: ListLine[] = []
  for (let i = 0; i < 20; i++) {
    const trace = from + i
    const own = { trace, ago: ago - i * 10 }
    const failed = queries > 1 && i % 5 === 0
    const ms = queries * 10 + 20
    const attributes = {
      'http.request.method': 'POST',
      'http.route': '/cart',
      'http.response.status_code': failed ? 500 : 200,
    }
    spans.push({ ...own, span: trace * 100, service: 'gateway', name: 'POST /cart', ms: ms + 5, failed, attributes })
    spans.push({
      ...own,
      span: trace * 100 + 1,
      parent: trace * 100,
      service: 'cart',
      name: 'load_items',
      ms,
      failed,
      resource,
    })
    for (let q = 0; q < queries; q++)
      spans.push({
        ...{
          trace,
          span: trace * 100 + 2 + q,
          parent: trace * 100 + 1,
          service: 'cart',
          name: 'SELECT items',
          kind: 3,
        },
        ...{
          ago: own.ago - 5 - q * 10,
          ms: 9,
          resource,
          attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'items' },
        },
      })
    if (failed)
      lines.push({
        ...own,
        span: trace * 100 + 1,
        service: 'cart',
        severity: 17,
        body: `no connection within ${ms} ms`,
      })
  }
  return { spans, lines }
}

beforeAll(async () => {
  host = await startJourneyHost()
  const [old, now] = [requests('1.0.0', 100, 1_800_000, 1), requests('1.1.0', 200, 120_000, QUERIES)]
  await sendAll(host, [...old.spans, ...now.spans], [...old.lines, ...now.lines])
  browser = await launchBrowser()
  page = await openPage(browser, host, '/traces?range=1h')
  page.on('pageerror', (error) => problems.push(error.message))
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

it('goes from the errors of the last hour to the slowest of them, and sees why it is slow', async () => {
  await page.getByText('40 traces', { exact: true }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('{ resource.service.version in (1.1.0) } | count() > 20')
  await page.keyboard.press('Enter')
  await page.getByText('20 traces', { exact: true }).waitFor()
  await page.keyboard.type(' err')
  await page.getByRole('option', { name: 'status=error' }).waitFor()
  await pageIdle(page)
  await page.keyboard.press('Enter')
  await page.getByText('4 traces', { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/traces/${traceIdOf(215)}**`)
  await page.getByText(`SELECT items ×${QUERIES}`).first().waitFor()
  await page.getByText('N+1?').waitFor()
  await page.keyboard.press('p')
  await page.getByRole('button', { name: 'Unpin this trace' }).waitFor()
  const { items } = await host.get<{ items: PinnedTrace[] }>('/api/pins')
  expect(items.map((one) => one.summary.traceId)).toEqual([traceIdOf(215)])
})

it('goes from its span to the logs of that time and back, and from a line to its span', async () => {
  await page.keyboard.press('j')
  await page.getByRole('row', { selected: true, name: 'cart, load_items' }).waitFor()
  await page.waitForURL(/span=/)
  await pageIdle(page)
  const before = page.url()
  await page.keyboard.press('.')
  await page.getByRole('dialog', { name: /^Around / }).waitFor()
  await page.keyboard.press('l')
  await page.waitForURL(/\/logs\?/)
  await page.locator('[data-log]', { hasText: 'no connection within 220 ms' }).first().waitFor()
  await pageIdle(page)
  await page.keyboard.press('p')
  await page.getByRole('row', { name: /no connection within/ }).waitFor()
  await page.keyboard.press('p')
  await page.locator('[data-log]').first().click()
  await page.keyboard.press('i')
  await page.waitForURL(/\/traces\/[0-9a-f]{32}\?/)
  expect(pageQuery(page)['span']).toBeTruthy()
  await page.goto(before)
  await page.getByRole('row', { selected: true, name: 'cart, load_items' }).waitFor()
})

it('compares it with the typical one, and the run with the one before', async () => {
  await page.keyboard.press('v')
  await page.getByText('What else differs').waitFor()
  await page.goto(`${host.api}/runs?range=1h&service=cart`)
  const summary = page.getByRole('status').filter({ hasText: 'requests before' })
  await summary.getByText(`1.0 → ${QUERIES}.0 database calls a request`).waitFor()
  await summary.getByText('20 requests before, 20 after').waitFor()
})

it('sees on the map who calls whom, since when it fails, and leads back to the traces', async () => {
  await page.goto(`${host.api}/map?range=1h&sel=cart`)
  await page.getByTitle(/^items \(postgresql\), database/).waitFor()
  const side = page.getByRole('complementary', { name: 'cart' })
  await side.getByText('gateway').waitFor()
  await side.getByRole('slider', { name: 'cart Errors' }).waitFor()
  await pageIdle(page)
  await side.getByRole('slider', { name: 'cart Errors' }).focus()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/traces\?.*status=error/)
  await page.locator('tr[data-trace]').first().waitFor()
  expect(problems).toEqual([])
})
