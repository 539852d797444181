import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { type ListSpan, sendAll } from '../fixtures/list-data.ts'
import { pageIdle as idle, launchBrowser, openPage, type PageOptions } from '../fixtures/page-browser.ts'
import type { RunningHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser

/** Requests of one run: so many database calls each, and what else the run has. */
function run(version: string, instance: string, from: number, ago: number, ms: number, calls: number): ListSpan[] {
  const resource = { 'service.version': version, 'service.instance.id': instance }
  return Array.from({ length: 30 }, (_, i): ListSpan[] => {
    const trace = from + i
    const at = ago - i * 100
    const root = { trace, span: trace * 10, service: 'cart', name: 'GET /cart', ago: at, ms: ms + (i % 5), resource }
    const queries = Array.from(
      { length: calls },
      (_, c): ListSpan => ({
        ...{ trace, span: trace * 10 + c + 1, parent: trace * 10, service: 'cart', name: 'SELECT items', kind: 3 },
        ...{ ago: at, ms: 1, resource, attributes: { 'db.system.name': 'postgresql' } },
      }),
    )
    return [root, ...queries]
  }).flat()
}

beforeAll(async () => {
  host = await startJourneyHost()
  browser = await launchBrowser()
  const other = { service: 'cart', ms: 3, trace: 900, span: 9000 }
  await sendAll(
    host,
    [
      ...run('1.0.0', 'old-1', 100, 900_000, 12, 1),
      {
        ...other,
        name: 'GET /legacy',
        ago: 880_000,
        resource: { 'service.version': '1.0.0', 'service.instance.id': 'old-1' },
      },
      ...run('1.1.0', 'new-1', 300, 300_000, 48, 4),
      {
        ...{ ...other, trace: 901, span: 9010, name: 'POST /pay', failed: true, ago: 290_000 },
        resource: { 'service.version': '1.1.0', 'service.instance.id': 'new-1' },
        attributes: { 'error.type': 'TimeoutError' },
      },
    ],
    [],
  )
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

async function open(path: string, options: PageOptions = {}): Promise<Page> {
  const page = await openPage(browser, host, path, options)
  await page.locator('.screen-runs tr[data-operation]').first().waitFor()
  await idle(page)
  return page
}

it('compares the latest run with the one before it, and leads to its traces', async () => {
  const page = await open('/runs?range=1h')
  const summary = page.getByRole('status').filter({ hasText: 'requests before' })
  for (const text of [
    '1 new error',
    '1 operation slower',
    '1.0 → 3.9 database calls a request',
    '1 operation gone',
    '31 requests before, 31 after',
  ])
    await summary.getByText(text).waitFor()
  const cart = page.locator('tr[data-operation="GET /cart"]')
  expect((await cart.getByRole('cell').allTextContents())[4]).toBe('1.0 → 4.0')
  await page.getByRole('row', { name: /POST \/pay.*TimeoutError/ }).waitFor()

  // The older run is looked at instead: what was new is then gone.
  await page.locator('[data-run="instance old-1"]').click()
  await page.waitForURL((url) => url.searchParams.get('run') === 'instance old-1')
  await page.getByRole('status').filter({ hasText: '1 operation faster' }).waitFor()
  await page.goBack()
  await summary.getByText('1 operation slower').waitFor()

  await cart.getByRole('link', { name: 'GET /cart' }).click()
  await page.waitForURL(
    (url) => url.pathname === '/traces' && (url.searchParams.get('q') ?? '').includes('service.instance.id=new-1'),
  )
  await page.getByText('30 traces', { exact: true }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('r')
  await page.waitForURL((url) => url.pathname === '/runs' && url.searchParams.get('service') === 'cart')
  await page.context().close()
}, 60_000)

it.each([
  { name: 'light', options: {} },
  { name: 'dark, 简体中文, 1024', options: { dark: true, zh: true, width: 1024 } },
])(
  'has no serious accessibility fault ($name)',
  async ({ options }) => {
    const page = await open('/runs?range=1h', options)
    await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)))
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
      .analyze()
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
    await page.context().close()
  },
  60_000,
)
